"""What HTTP shows and takes of policy."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chargehand.identity.views import Request
from chargehand.policy.model import Effect, Verdict


class RuleView(BaseModel):
    id: str
    verdict: Verdict
    subject: str = Field(description="Role or principal")
    tool: str = Field(description="Tool or pattern")
    condition: str
    approval: list[str]
    title: str = ""
    sentence: str = Field(description="The rule in words")
    message_id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    source: str = Field("", description="file:line")


class QuorumView(BaseModel):
    role: str
    count: int


class ApprovalRuleView(BaseModel):
    name: str
    title: str
    quorums: list[QuorumView]
    deadline_seconds: int
    remind_after_seconds: int | None
    escalate_after_seconds: int | None
    escalate_to: str
    not_requester: bool
    not_agent_owner: bool
    not_policy_author: bool
    sentence: str


class RoleView(BaseModel):
    name: str
    holders: list[str]
    inherits: list[str]


class PolicyOverview(BaseModel):
    revision: str = Field(description="Content hash that decisions cite")
    loaded_at: datetime | None
    source: str
    rules: list[RuleView]
    approval_rules: list[ApprovalRuleView]
    roles: list[RoleView]


class PolicyProblem(BaseModel):
    where: str = Field(description="file:line")
    detail: str
    severity: Literal["error", "warning"] = "error"


class ReasonView(BaseModel):
    rule: str
    principal: str
    verdict: Verdict
    sentence: str
    message_id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class DecisionView(BaseModel):
    verdict: Verdict
    reasons: list[ReasonView]
    approval: list[str]
    policy_revision: str


class Question(Request):
    """A call that is only asked about, never made."""

    tool: str = Field(examples=["erp.create_credit_note"])
    principal: str = Field(examples=["person:amy"])
    agent: str = Field("", description="Asked for as acting for the principal", examples=["complaint-resolution"])
    arguments: dict[str, Any] = Field(default_factory=dict)
    at: datetime | None = Field(None, description="As if at this time; default: now")


class Explanation(BaseModel):
    decision: DecisionView
    considered: list[RuleView] = Field(description="Rules for this tool and principal, also those that did not match")
    would_change: list[str] = Field(description="What would change the answer, in words")


class WhoCanQuestion(Request):
    tool: str
    arguments: dict[str, Any] | None = Field(None, description="Absent: with any arguments")


class WhoCan(BaseModel):
    principal: str
    name: str
    roles: list[str]
    verdict: Verdict
    approval: list[str]
    rules: list[str]


class SegregationConflict(BaseModel):
    name: str
    tools: list[str]
    principal: str
    through: list[str] = Field(description="Roles and rules that give the combination")


class CaseResult(BaseModel):
    name: str
    expected: str
    got: str
    passed: bool
    detail: str = ""


class NewDraft(Request):
    title: str = Field(min_length=1, max_length=200)
    reason: str = Field("", max_length=2000)
    files: dict[str, str] = Field(description="Changed files of the policies folder, whole, by name")


class ChangedDraft(Request):
    title: str | None = Field(None, min_length=1, max_length=200)
    reason: str | None = Field(None, max_length=2000)
    files: dict[str, str] | None = None
    content_hash: str = Field(description="Of the draft as you saw it; another one is refused with 409")


class DraftSummary(BaseModel):
    id: str
    title: str
    reason: str
    author: str
    based_on: str = Field(description="Policy revision")
    content_hash: str
    state: Literal["draft", "reviewed", "active", "abandoned", "superseded"]
    created_at: datetime
    changed_at: datetime
    reviewed_by: str = ""


class Draft(DraftSummary):
    files: dict[str, str]
    problems: list[PolicyProblem]


class FileDiff(BaseModel):
    file: str
    unified: str


class DraftDiff(BaseModel):
    files: list[FileDiff]
    added: list[RuleView]
    removed: list[RuleView]
    segregation: list[SegregationConflict] = Field(description="Conflicts that the draft would bring")


class Simulation(Request):
    draft: str = Field("", description="Draft id; empty: the policy in force")
    questions: list[Question] = Field(min_length=1, max_length=200)


class Simulated(BaseModel):
    now: DecisionView
    candidate: DecisionView
    flipped: bool


class NewBacktest(Request):
    last: int = Field(1000, ge=1, le=100_000, description="Re-decide this many recorded calls")


class Flip(BaseModel):
    seq: int
    at: datetime
    tool: str
    principal: str
    agent: str
    run: str
    before: Verdict
    after: Verdict
    why: str


class Backtest(BaseModel):
    candidate: str
    decided: int
    skipped: int = Field(description="Calls whose arguments are no longer readable")
    flips: list[Flip]
    milliseconds: int


class Review(Request):
    approve: bool
    content_hash: str = Field(description="What you reviewed; another one is refused with 409")
    comment: str = Field("", max_length=2000)


class Activate(Request):
    content_hash: str


class Rollback(Request):
    revision: str
    reason: str = Field(min_length=1, max_length=2000)


class Revision(BaseModel):
    revision: str
    activated_at: datetime
    activated_by: str
    reviewed_by: str
    title: str
    in_force: bool


class ToolEffect(BaseModel):
    tool: str
    effect: Effect
