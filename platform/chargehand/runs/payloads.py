"""What travels between workflow and activities. Payloads are histories: fields are only ever added, with a default."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chargehand.outcome import Outcome


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True)


class Event(_Payload):
    """One event as the workflow numbered it."""

    seq: int
    at: str
    kind: str
    step: str
    data: dict[str, Any]


class Telling(_Payload):
    """What a workflow tells with each activity: events not told before, and where the run stands."""

    events: list[Event] = Field(default_factory=list[Event])
    state: str = "running"
    waiting: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


class ToolCallIn(_Payload):
    tool: str
    arguments: dict[str, Any]
    position: int
    step: str
    telling: Telling
    give_up: bool = False
    """The run asks no more: what was provably not sent has failed, what was sent is in doubt."""


class Approval(_Payload):
    """An approval that a call waits for; times are RFC 3339."""

    id: str
    sentence: str
    expires_at: str
    remind_at: str | None = None
    escalate_at: str | None = None


class ToolCallOut(_Payload):
    """Exactly one of the first three: how it ended, whom it waits for, or why it could not be tried just now."""

    key: str
    outcome: Outcome | None = None
    approval: Approval | None = None
    unavailable: str = ""
    too_large: str = ""
    """It succeeded, and what it returned is left out of `outcome`: why, in a sentence."""


class ModelCallIn(_Payload):
    """`asked` is the number of the event that tells of the call, which another activity may be the one to write."""

    request: dict[str, Any]
    position: int
    step: str
    telling: Telling
    asked: int = 0
    token_limit: int | None = None
    call_limit: int | None = None
    cost_limit: Decimal | None = None


class ModelCallOut(_Payload):
    """The message as LangChain writes it, and what it used; or an error that repeating won't mend; or try again."""

    message: dict[str, Any] | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    error: str = ""
    unavailable: str = ""


class PersonTaskIn(_Payload):
    id: str
    node: str
    title: str
    question: str
    form: dict[str, Any]
    to: str
    expires_at: str
    telling: Telling


class PersonTaskOut(_Payload):
    """The task as it stands; `answer` and `by` when answered."""

    state: str
    answer: Any = None
    by: str = ""


class Reminder(_Payload):
    """`kind` is `remind` or `escalate`; `id` an approval's or a person task's."""

    kind: str
    id: str
    telling: Telling


class ChildIn(_Payload):
    agent: str
    input: dict[str, Any]
    position: int
    telling: Telling


class ChildOut(_Payload):
    """The child's run, or why there is none."""

    run: str = ""
    version: str = ""
    refused: str = ""


class ChildEnd(_Payload):
    """The run of another agent whose place in its parent was cut short."""

    run: str
    telling: Telling


class IoNodeIn(_Payload):
    node: str
    value: Any


class Saved(_Payload):
    """A state at which a run that has failed or was stopped can be taken up; see `saved_store.SavedRow`."""

    number: int
    nodes: list[str]
    position: int
    counter: int
    step: int
    state: str


class Finish(_Payload):
    state: Literal["succeeded", "failed", "stopped"]
    result: Any = None
    failure: dict[str, Any] | None = None
    telling: Telling
    saved: list[Saved] = Field(default_factory=list[Saved])


class Stop(_Payload):
    by: str
    reason: str


class Pause(_Payload):
    """Pause, or go on; the highest number is what was said last."""

    number: int
    paused: bool
    by: str
    reason: str = ""


class Answer(_Payload):
    task: str
    answer: Any
    by: str


class SentEvent(_Payload):
    """An event from outside; `id` makes sending it twice harmless."""

    id: str
    name: str
    payload: Any = None


class Done(_Payload):
    """A call that took effect: what is taken back if the run fails later."""

    tool: str
    arguments: dict[str, Any]
    value: Any = None
    position: int = -1


class Earlier(_Payload):
    """What took effect in the run that is retried: a call with these arguments is answered with it, once.

    `what` is SHA-256, hex, over the RFC 8785 form of [tool, arguments].
    """

    what: str
    run: str
    outcome: Outcome


class Retried(_Payload):
    """Which run is taken up, at which of its steps."""

    run: str
    step: str
    earlier: list[Earlier] = Field(default_factory=list[Earlier])


class Carried(_Payload):
    """Everything that a run takes from one history to the next, or from the run that it retries.

    `graph` is the graph's state as `agents.saved` writes it, `ledger` as `Ledger.dump` does. `seq` is the number of the
    last event, `untold` the events that no activity has been given. `open` holds what waits: deadlines, what was told.
    """

    graph: str
    ledger: dict[str, Any]
    seq: int
    untold: list[Event] = Field(default_factory=list[Event])
    calls: int = 0
    began: datetime | None = None
    done: list[Done] = Field(default_factory=list[Done])
    open: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    closed: list[str] = Field(default_factory=list[str])
    answers: list[Answer] = Field(default_factory=list[Answer])
    inbox: list[SentEvent] = Field(default_factory=list[SentEvent])
    seen: list[str] = Field(default_factory=list[str])
    pause: Pause | None = None
    pause_above: Pause | None = None
    tiers: list[str] | None = None
    retried: Retried | None = None


class RunInput(_Payload):
    """What a run's workflow is started with. Tenant and principal are not here: the gateway takes them from its row.

    `history_events` and `bound` are fixed when a run starts, because replay must come to the same end. With `bound`,
    calls have names in the history that say what was asked; runs that began before this existed have none.
    """

    run: str
    agent: str
    version: str
    input: dict[str, Any]
    history_events: int = 0
    bound: bool = False
    carried: Carried | None = None
