"""What HTTP shows and takes of runs, their steps, schedules and person tasks."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator

from chargehand.identity.views import Request
from chargehand.runs.keys import own_key
from chargehand.runs.model import HeldUpKind, RunState, TaskState, WaitKind

StepKind = Literal["node", "model", "tool", "approval", "task", "timer", "agent", "run"]
StepState = Literal["running", "waiting", "succeeded", "failed", "denied", "rejected", "expired", "in_doubt", "stopped"]

MAX_EVENT_BYTES = 64 * 1024

MAX_ROWS = 1000
"""How many runs one request starts at most."""

OwnKey = Annotated[str, AfterValidator(own_key)]
RunAct = Literal["stop", "pause", "resume", "retry", "answer"]


class StartRun(Request):
    agent: str = Field(examples=["complaint-resolution"])
    input: dict[str, Any] = Field(description="Checked against the agent's input schema")
    key: OwnKey = Field("", max_length=100, description="The same key starts the same run: a retried request adds none")


class StartRuns(Request):
    agent: str
    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_ROWS)
    key: OwnKey = Field(min_length=1, max_length=100, description="As for one run; row numbers are appended")


class RowProblem(BaseModel):
    row: int = Field(description="Zero-based")
    field: str
    detail: str


class RowsChecked(BaseModel):
    rows: int
    problems: list[RowProblem]


class StartedRows(BaseModel):
    runs: list[str] = Field(description="Run ids in the order of the rows")


class BatchView(BaseModel):
    runs: list[str] = Field(description="Run ids in the order of the rows")
    by_state: dict[RunState, int]


class Money(BaseModel):
    amount: str = Field(description="Decimal as text", examples=["0.0132"])
    currency: str = Field(examples=["USD"])


class WaitingView(BaseModel):
    """Whom or what a run waits for."""

    kind: WaitKind
    id: str
    sentence: str
    node: str = ""
    since: datetime
    until: datetime | None = None
    who: list[str] = Field(default_factory=list, description="Roles or people who can act")


class NodeState(BaseModel):
    state: StepState
    visits: int
    milliseconds: int | None = None


class EndingView(BaseModel):
    """What came of a run that succeeded, where its agent's output schema tells."""

    value: str
    done: bool = Field(description="False: it ended well, but what was wanted was not done")
    words: dict[str, str] = Field(description="By language")


class DocumentView(BaseModel):
    """A document in another system that the result names."""

    field: str = Field(description="Field of the result")
    url: str


class HeldUpView(BaseModel):
    """Why an open run does not move, and what a person may do."""

    kind: HeldUpKind
    sentence: str
    way_out: str
    parameters: dict[str, str] = Field(description="For translation, with `kind`")
    since: datetime
    node: str = Field(description="Where in the agent's graph, if known")
    line: str = Field(description="Of the agent's code, if known")


class RunSummaryView(BaseModel):
    id: str
    agent: str
    agent_version: str
    title: str
    business_key: str = Field(description="What it is about, e.g. an order number; may be empty")
    state: RunState
    principal: str
    principal_name: str
    started_at: datetime
    ended_at: datetime | None
    waiting: list[WaitingView]
    held_up: HeldUpView | None = Field(None, description="Null while it moves, or waits as it should")
    ending: EndingView | None = None
    cost: Money | None = Field(None, description="Of its own model calls; null where no price is known")


class RunPage(BaseModel):
    items: list[RunSummaryView]
    next: str | None = Field(description="Cursor of the next page")


class RunFailureView(BaseModel):
    """Why a run could not go on."""

    detail: str
    way_out: str
    node: str
    line: str = Field(description="file:line of the agent's code, where it was that")
    kind: str


class Run(RunSummaryView):
    input: dict[str, Any]
    result: Any
    failure: RunFailureView | None
    nodes: dict[str, NodeState] = Field(description="By node id of the agent's graph")
    parent: str
    children: list[str]
    retried_as: str
    retry_of: str
    tokens: int
    documents: list[DocumentView] = Field(default_factory=list[DocumentView], description="Where its result opens")
    trace_id: str
    events: int = Field(description="Number of the last event that this shows; follow from there")
    may: list[RunAct] = Field(description="What you may do with it now")


class TextView(BaseModel):
    """What a model wrote, as far as it is written."""

    attempt: int = Field(description="From 1; a call that is asked again begins its text anew")
    text: str
    left_out: int = Field(0, description="Characters that follow and are not kept: of long texts 64 KiB are")


class Step(BaseModel):
    """One recorded unit of a run. Arguments and results are redacted as the viewer's role says."""

    seq: int = Field(description="Position in the run, ascending; also the id of its live event")
    id: str
    kind: StepKind
    node: str
    parent: str = Field("", description="Enclosing step")
    title: str
    message_id: str = Field("", description="For translation, with `parameters`")
    parameters: dict[str, Any] = Field(default_factory=dict)
    state: StepState
    started_at: datetime
    ended_at: datetime | None = None
    attempts: int = 1
    tool: str = ""
    model: str = ""
    arguments: dict[str, Any] | None = None
    result: Any = None
    detail: str = ""
    decision: str = ""
    approval: str = ""
    call_key: str = ""
    tokens: int = 0
    cost: Money | None = None
    child: str = Field("", description="Run id of a sub-agent")
    position: int | None = Field(None, description="Of a model call: by which the pieces of its text name it")
    text: TextView | None = Field(None, description="What a model wrote; null where there is none, or not for you")


class StepPage(BaseModel):
    items: list[Step]
    next: str | None


class RunEventView(BaseModel):
    """One server-sent event of a run: what changed, and where the run stands after it."""

    seq: int
    run: str
    at: datetime
    kind: str = Field(description="e.g. `node.started`, `call.asked`, `run.succeeded`")
    state: RunState
    step: Step | None = Field(description="The step that began or changed")
    nodes: dict[str, NodeState]
    waiting: list[WaitingView]
    result: Any


class RunTextView(BaseModel):
    """One server-sent event of a run: the next piece of what a model writes while it answers."""

    run: str
    at: datetime
    kind: Literal["model.text"] = "model.text"
    position: int = Field(description="Of the model call, as its step says; calls at the same time take turns")
    attempt: int = Field(description="From 1; with a higher one the text of that position begins anew")
    step: str = Field(description="The node that asked")
    offset: int = Field(description="Characters (Unicode code points) of this attempt before the piece")
    text: str | None = Field(description="Null for those who may not see what the run is about")
    left_out: int = Field(0, description="Characters that follow and are not kept: of long texts 64 KiB are")


class PauseRun(Request):
    reason: str = Field("", max_length=500, description="Why; it stands in the action log")


class RetryRun(Request):
    from_step: str = Field(
        "", alias="from", max_length=500, description="A step, as the story names it; none: from its input"
    )


class RetryStepView(BaseModel):
    """A step at which a run can be taken up."""

    number: int
    nodes: list[str]
    refused: str = Field(description="Why it can't be; empty when it can")


class RetrySteps(BaseModel):
    """Where a run can be taken up, newest first."""

    refused: str = Field(description="Why no step can be; empty when some can")
    steps: list[RetryStepView]


class StopRun(Request):
    reason: str = Field(min_length=1, max_length=500)
    hard: bool = Field(False, description="End it at once: nothing is taken back")


class SendEvent(Request):
    name: str = Field(min_length=1, max_length=100, description="What the agent waits for", examples=["goods.arrived"])
    payload: Any = Field(None, description="What `wait_for` returns")
    id: str = Field("", max_length=100, description="The same id is one event: a repeated request adds none")

    @field_validator("payload")
    @classmethod
    def _bounded(cls, given: Any) -> Any:
        if len(json.dumps(given)) > MAX_EVENT_BYTES:
            raise ValueError(f"an event has at most {MAX_EVENT_BYTES} bytes")
        return given


class SentEventView(BaseModel):
    id: str


class Answer(Request):
    value: Any = Field(description="Checked against the task's schema")


class PersonTaskView(BaseModel):
    """A question that an agent asks a person."""

    id: str
    run: str
    agent: str
    node: str
    title: str
    question: str
    answer_schema: dict[str, Any]
    to: str = Field(description="`role:…`, `group:…` or `person:…`")
    asked_at: datetime
    expires_at: datetime
    state: TaskState
    answer: Any
    answered_by: str
    i_may_answer: bool


class AgentFigures(BaseModel):
    """How an agent did over the last days."""

    agent: str
    days: int
    runs: int
    by_state: dict[RunState, int]
    median_seconds: float | None = Field(description="Of runs that succeeded, waiting for people included")
    approvals_asked: int
    tool_calls: int
    cost: list[Money] = Field(description="Of model calls whose price is known, one for each currency")
    unpriced: int = Field(description="Model calls whose price is not known")
    last_run_at: datetime | None


class AgentVersion(BaseModel):
    version: str
    first_run_at: datetime
    last_run_at: datetime
    runs: int
    open_runs: int
    current: bool
