"""What HTTP shows and takes of approval requests, verdicts, delegations and mandates."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from chargehand.approvals.mandates import MandateState
from chargehand.approvals.model import ApprovalState
from chargehand.identity.views import Request
from chargehand.policy.model import Effect

RiskLevel = Literal["low", "medium", "high"]


class Argument(BaseModel):
    """One argument as it will be sent."""

    path: str = Field(description="e.g. `lines.0.amount`")
    label: str
    text: str = Field(description="For people: money with its currency, dates in words")
    value: Any
    emphasis: bool = Field(False, description="The argument that matters most")


class Why(BaseModel):
    """A rule that asked, and the fact that matched it."""

    rule: str
    sentence: str
    fact: str = ""
    message_id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    sentences: dict[str, str] = Field(default_factory=dict, description="By language, where the rule has it")


class Signal(BaseModel):
    level: Literal["ok", "medium", "high"]
    sentence: str
    message_id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class Change(BaseModel):
    field: str
    before: str
    after: str


class Quorum(BaseModel):
    role: str
    needed: int
    given: int


class GivenVerdict(BaseModel):
    person: str
    name: str
    approve: bool
    comment: str
    at: datetime
    signed_in_by: str
    seconds_taken: float | None
    on_behalf_of: str = Field("", description="Who delegated to this person")
    instead: list[Argument] = Field(default_factory=list[Argument], description="Arguments suggested with a denial")


class Earlier(BaseModel):
    """What became of earlier requests for the same tool and counterparty."""

    approved: int
    rejected: int
    median_seconds: float | None
    last: list[str] = Field(description="Approval ids, newest first")


class ApprovalSummary(BaseModel):
    id: str
    state: ApprovalState
    sentence: str
    sentences: dict[str, str] = Field(default_factory=dict, description="By language, where the tool has it")
    message_id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    digest: str = Field(description="SHA-256, hex, of exactly what will run; a verdict names it")
    tool: str
    effect: Effect
    agent: str
    run: str
    requester: str
    requester_name: str
    risk: RiskLevel
    created_at: datetime
    expires_at: datetime
    quorums: list[Quorum]
    i_may_answer: bool
    i_may_only_deny: bool = Field(False, description="Enough of your roles have approved; only a denial would count")
    why_not: str = Field("", description="Why you may not answer, or only deny, in words")
    batch: str = Field("", description="Requests with the same non-empty value may be answered together")


class ApprovalPage(BaseModel):
    items: list[ApprovalSummary]
    next: str | None
    waiting_for_me: int


class Approval(ApprovalSummary):
    agent_version: str
    call_key: str
    connector: str
    arguments: list[Argument]
    exact: str = Field(description="The canonical JSON (RFC 8785) that the digest covers, as text")
    policy_revision: str
    why: list[Why]
    signals: list[Signal]
    changes: list[Change]
    earlier: Earlier
    on_approve: str
    on_deny: str
    verdicts: list[GivenVerdict]
    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    delegated_to: list[str] = Field(default_factory=list)
    input_schema: dict[str, Any] = Field(
        default_factory=dict,
        description="JSON Schema of the tool's arguments, to suggest others by; empty: not pinned",
    )


class NewVerdict(Request):
    approve: bool
    digest: str = Field(min_length=64, max_length=64, description="What you saw; a stale one is refused with 409")
    comment: str = Field("", max_length=2000)
    seconds_taken: float | None = Field(None, ge=0)
    instead: dict[str, Any] | None = Field(
        None, description="With a denial: the arguments you suggest, all of them; a call with them is decided afresh"
    )


class VerdictOn(Request):
    id: str
    digest: str = Field(min_length=64, max_length=64)


class NewVerdicts(Request):
    approve: bool
    items: list[VerdictOn] = Field(min_length=1, max_length=100)
    comment: str = Field("", max_length=2000)


class Refused(BaseModel):
    id: str
    code: str
    detail: str


class VerdictsGiven(BaseModel):
    done: list[str]
    refused: list[Refused]


class Delegate(Request):
    to: str = Field(description="Principal, e.g. `person:max`")
    comment: str = Field("", max_length=2000)


class Candidate(BaseModel):
    """Somebody to whom a request may be handed over."""

    principal: str
    name: str
    holds: list[str] = Field(description="The roles of the request that this person holds")


class Withdraw(Request):
    reason: str = Field(min_length=1, max_length=2000)


class NewAbsence(Request):
    """While away, another person answers for me."""

    to: str
    since: AwareDatetime
    until: AwareDatetime


class AbsenceView(BaseModel):
    id: str
    person: str
    to: str
    since: datetime
    until: datetime


class NewMandate(Request):
    agent: str
    tool: str
    calls: int = Field(ge=1, le=10_000, description="At most so many calls")
    field: str = Field("", description="Argument that is capped in sum, e.g. `amount`")
    total: str = Field("", description="Decimal as text: at most so much in sum")
    each: str = Field("", description="Decimal as text: at most so much a call")
    currency: str = ""
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=2000)
    proposal: str = Field("", description="The proposal that this follows")


class MandateView(BaseModel):
    id: str
    agent: str
    tool: str
    calls: int
    calls_used: int
    field: str
    total: str = Field(description="Decimal as text; empty: not capped")
    total_used: str
    each: str = Field(description="Decimal as text; empty: not capped")
    currency: str
    until: datetime
    given_by: str
    given_by_name: str
    given_at: datetime
    reason: str
    state: MandateState


class MandateProposal(BaseModel):
    """Proposed from the approval history, with the evidence."""

    id: str
    agent: str
    tool: str
    sentence: str
    rules: list[str]
    calls: int
    field: str
    total: str
    each: str
    currency: str
    days: int
    approved: int
    rejected: int
    evidence: list[str] = Field(description="Approval ids")


class Revoke(Request):
    reason: str = Field(min_length=1, max_length=2000)
