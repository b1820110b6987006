"""What travels between workflow and activities. Payloads are histories: fields are only ever added, with a default."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chargehand.outcome import Outcome


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunInput(_Payload):
    """What a run's workflow is started with. Tenant and principal are not here: the gateway takes them from its row."""

    run: str
    agent: str
    version: str
    input: dict[str, Any]
    carried: dict[str, Any] | None = None


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
    """Exactly one of the three: how it ended, whom it waits for, or why it could not be tried just now."""

    key: str
    outcome: Outcome | None = None
    approval: Approval | None = None
    unavailable: str = ""


class ModelCallIn(_Payload):
    request: dict[str, Any]
    position: int
    step: str
    telling: Telling
    token_limit: int | None = None


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


class IoNodeIn(_Payload):
    node: str
    value: Any


class Finish(_Payload):
    state: str
    result: Any = None
    failure: dict[str, Any] | None = None
    telling: Telling


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
