"""What HTTP shows and takes of policy. `sentences` hold English and Chinese by language (`en`, `zh`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from chargehand.identity.views import Request
from chargehand.policy.drafts import DraftState
from chargehand.policy.model import Effect, Verdict

Sentences = dict[str, str]


class RuleView(BaseModel):
    id: str
    verdict: Verdict
    subject: str = Field(description="Role or principal")
    tool: str = Field(description="Tool, or pattern ending in *")
    effect: Effect | Literal["any"]
    condition: str
    approval: list[str]
    says: Sentences = Field(description="The author's sentence")
    means: Sentences = Field(description="What is enforced, made from the rule itself")
    source: str = Field(description="file:line")


class QuorumView(BaseModel):
    role: str
    count: int


class ApprovalRuleView(BaseModel):
    name: str
    titles: Sentences
    quorums: list[QuorumView]
    deadline_seconds: int
    remind_after_seconds: int | None
    escalate_after_seconds: int | None
    escalate_to: str
    not_requester: bool
    not_agent_owner: bool
    not_policy_author: bool


class RoleView(BaseModel):
    name: str
    says: Sentences
    includes: list[str]
    holders: list[str]


class PolicyProblem(BaseModel):
    where: str = Field(description="file:line")
    detail: str
    way_out: str
    rule: str
    severity: Literal["error", "warning"]


class PolicyOverview(BaseModel):
    revision: str = Field(description="Content hash that decisions cite")
    origin: Literal["files", "database"] = Field(
        description="`files`: what the process read when it started; `database`: what was activated last"
    )
    source: str = Field(description="The folder, or the draft")
    differs_on_disk: list[str] = Field(
        description="Files in the policies folder that are not as in force: changed, only there, or missing there"
    )
    time_zone: str
    rules: list[RuleView]
    approval_rules: list[ApprovalRuleView]
    roles: list[RoleView]
    attributes: dict[str, Sentences] = Field(description="What conditions may read of people, by name, in words")
    warnings: list[PolicyProblem]
    files: dict[str, str] = Field(description="The files in force, by name")


class ReasonView(BaseModel):
    rule: str = Field(description="Empty: no rule decided")
    principal: str
    verdict: Verdict
    message_id: str
    sentences: Sentences


class DecisionView(BaseModel):
    verdict: Verdict
    reasons: list[ReasonView]
    approval: list[str]
    policy_revision: str


class Question(Request):
    """A call that is only asked about, never made."""

    tool: str = Field(max_length=200, examples=["erp.create_credit_note"])
    principal: str = Field(max_length=200, examples=["person:amy"])
    agent: str = Field("", max_length=200, description="As acting for the principal", examples=["complaint-resolution"])
    arguments: dict[str, Any] = Field(default_factory=dict)
    at: AwareDatetime | None = Field(None, description="As if at this time; default: now")


class ConsideredRule(BaseModel):
    rule: RuleView
    principal: str
    outcome: Literal["applies", "does not apply", "can't be decided"]
    because: Sentences


class WouldChange(BaseModel):
    verdict: Verdict
    approval: list[str]
    sentences: Sentences


class Explanation(BaseModel):
    """As if nothing was done before: conditions on history see no earlier calls."""

    decision: DecisionView
    links: dict[str, Verdict] = Field(description="Each principal's own answer; the strictest is the decision")
    considered: list[ConsideredRule]
    would_change: list[WouldChange]


class WhoCanQuestion(Request):
    tool: str = Field(max_length=200)
    arguments: dict[str, Any] | None = Field(None, description="Absent: with any arguments")


class WhoCanView(BaseModel):
    principal: str
    name: str
    roles: list[str]
    verdict: Verdict
    approval: list[str]
    rules: list[str]
    depends: list[str] = Field(description="Conditions left undecided, as no arguments were given")


class SeparationConflict(BaseModel):
    """A combination that no one principal may hold, and somebody does."""

    separation: str
    principal: str
    one: list[str]
    other: list[str]
    accepted: str = Field(description="Why it is accepted all the same; empty: it is not")
    sentences: Sentences


class CaseResultView(BaseModel):
    name: str
    sentences: Sentences
    place: str
    expected: str
    got: Verdict
    passed: bool
    failed: list[str]


class NewDraft(Request):
    title: str = Field(min_length=1, max_length=200)
    reason: str = Field("", max_length=2000)
    files: dict[str, str | None] = Field(
        description="Files of the tenant's policy to exchange or add, whole, by name; null deletes one"
    )


class ChangedDraft(Request):
    title: str | None = Field(None, min_length=1, max_length=200)
    reason: str | None = Field(None, max_length=2000)
    files: dict[str, str | None] | None = Field(None, description="As in a new draft; what is not named stays")
    content_hash: str = Field(description="Of the draft as you saw it; another one is refused with 409")


class DraftSummary(BaseModel):
    id: str
    title: str
    reason: str
    author: str
    authors: list[str]
    based_on: str = Field(description="Policy revision")
    content_hash: str
    revision: str
    state: DraftState
    created_at: datetime
    changed_at: datetime
    reviewed_by: str
    review_comment: str


class DraftView(DraftSummary):
    files: dict[str, str]


class FileDiff(BaseModel):
    file: str
    unified: str


class ChangedRule(BaseModel):
    before: RuleView
    after: RuleView


class Assignment(BaseModel):
    principal: str
    role: str


class DraftDiff(BaseModel):
    before: str
    after: str
    added: list[RuleView]
    removed: list[RuleView]
    changed: list[ChangedRule]
    gained: list[Assignment] = Field(description="Roles that people would get")
    lost: list[Assignment]
    approvals: list[str] = Field(description="Approval rules that would change")
    files: list[FileDiff]
    separation: list[SeparationConflict] = Field(description="Conflicts under the draft")
    cases: list[CaseResultView] = Field(description="Expected decisions under the draft")
    warnings: list[PolicyProblem]


class Simulation(Request):
    draft: str
    questions: list[Question] = Field(min_length=1, max_length=200)


class SimulatedView(BaseModel):
    now: DecisionView
    candidate: DecisionView
    flipped: bool


class NewBacktest(Request):
    last: int = Field(1000, ge=1, le=50_000, description="Re-decide this many recorded calls")


class FlipView(BaseModel):
    seq: int
    at: datetime
    tool: str
    chain: list[str]
    run: str
    before: Verdict
    after: DecisionView


class BacktestView(BaseModel):
    candidate: str
    decided: int
    skipped: int = Field(description="Calls whose arguments are no longer readable")
    flips: list[FlipView]
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


class RevisionView(BaseModel):
    revision: str
    counter: int
    draft: str
    title: str
    authors: list[str]
    reviewed_by: str
    activated_by: str
    activated_at: datetime
    reason: str
    rolled_back: bool
    in_force: bool
