"""Runs as everybody else sees them, and the frozen payloads between workflow and gateway worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

RunState = Literal["starting", "running", "waiting", "paused", "stopping", "succeeded", "failed", "stopped"]
ScheduleState = Literal["active", "paused", "ended"]
Overlap = Literal["start", "skip"]
HookScheme = Literal["standard", "github"]
HookState = Literal["active", "disabled"]
IntakeState = Literal["active", "paused"]
DeliveryOutcome = Literal["started", "repeated", "refused", "limited"]
TaskState = Literal["open", "answered", "expired", "withdrawn"]
WaitKind = Literal["approval", "task", "timer", "connector", "in_doubt", "event", "pause"]
HeldUpKind = Literal[
    "history", "part", "key", "unknown_agent", "computing", "no_answer", "step_fails", "call_fails",
    "no_release", "no_agents", "no_gateway", "no_temporal",
]  # fmt: skip

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "stopped"})
OPEN: tuple[RunState, ...] = ("starting", "running", "waiting", "paused", "stopping")

QUEUE_AGENTS = "agents"
QUEUE_GATEWAY = "gateway"

# Signals of the workflow; the outbox and the service send them.
SIGNAL_APPROVAL = "approval_closed"
SIGNAL_ANSWER = "answer"
SIGNAL_STOP = "stop"
SIGNAL_PAUSE = "pause"
SIGNAL_PAUSE_ABOVE = "pause_above"
SIGNAL_EVENT = "event"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whom or what a run waits for."""

    kind: WaitKind
    id: str
    sentence: str
    node: str
    since: datetime
    until: datetime | None = None
    who: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run can't go on, on which line of whose code, and what a person may do."""

    detail: str
    node: str = ""
    line: str = ""
    way_out: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Why a run that is open does not move: nobody takes its next step, or the step fails again and again.

    `parameters` are what the sentences are made of, for their translation; `line` is as in RunFailure.
    """

    kind: HeldUpKind
    sentence: str
    way_out: str
    since: datetime
    node: str = ""
    line: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One row of a list. `principal` is the person on whose behalf it runs."""

    id: str
    tenant: str
    agent: str
    agent_version: str
    title: str
    business_key: str
    state: RunState
    principal: str
    created_at: datetime
    ended_at: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    result: Any = None
    held_up: HeldUp | None = None


@dataclass(frozen=True, slots=True)
class RunDetail(RunSummary):
    """Everything about a run but its events."""

    input: dict[str, Any] = field(default_factory=dict[str, Any])
    failure: RunFailure | None = None
    chain: tuple[str, ...] = ()
    signed_in_by: str = ""
    parent: str = ""
    children: tuple[str, ...] = ()
    retry_of: str = ""
    retried_as: str = ""
    events: int = 0
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class RetryStep:
    """A state at which a run can be taken up: these nodes begin from it. `refused` says why it can't be, if so."""

    number: int
    nodes: tuple[str, ...]
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's story. `seq` counts from 1 without gaps; the same event always has the same number.

    Kinds: run.started, run.paused, run.resumed, run.stopping, run.stays, run.succeeded, run.failed, run.stopped;
    node.started, node.finished, node.waiting, node.failed; call.proposed, call.asked, call.reminded, call.closed,
    call.retry, call.in_doubt, call.settled; model.asked, model.answered, model.retry; person.asked, person.reminded,
    person.answered, person.expired; agent.started, agent.finished; timer.started, timer.fired; event.awaited
    (where nothing else tells of it), event.received; undo.started; note; custom.
    """

    run: str
    seq: int
    at: datetime
    kind: str
    step: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunText:
    """A piece of what a model writes while it answers the call at `position`.

    It follows the event numbered `after`, as the `part`th piece there. `start` counts the characters of the same
    `attempt` before it; a new attempt says everything anew. `left_out` characters follow it that are not kept.
    """

    run: str
    position: int
    attempt: int
    start: int
    after: int
    part: int
    at: datetime
    step: str
    text: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class PersonTask:
    """A question that an agent asks a person. `to` is `role:…`, `group:…` or `person:…`."""

    id: str
    tenant: str
    run: str
    agent: str
    node: str
    question: str
    title: str
    schema: dict[str, Any]
    to: str
    principal: str
    asked_at: datetime
    expires_at: datetime
    state: TaskState
    answer: Any = None
    answered_by: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is the cursor of the following page; empty on the last."""

    items: tuple[RunSummary, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """`words` says when, in English; `last_problem` why the last due time started nothing.

    `runs` is how many it has started, `max_runs` how many at most; nothing is due after `ends_at`. `overlap` says what
    a due time does while a run that it started still goes on: start another, or nothing.
    """

    id: str
    tenant: str
    agent: str
    input: dict[str, Any]
    cron: str
    at: datetime | None
    time_zone: str
    words: str
    principal: str
    state: ScheduleState
    next_at: datetime | None
    last_due: datetime | None
    last_run: str
    last_problem: str
    created_at: datetime
    ends_at: datetime | None = None
    max_runs: int | None = None
    runs: int = 0
    overlap: Overlap = "start"


@dataclass(frozen=True, slots=True)
class Hook:
    """A door for one sender: what it signs starts one agent on behalf of one principal.

    `mapping` makes the input, see `runs.mapping`. Until `old_secret_until` the secret before the last rotation is good.
    """

    id: str
    tenant: str
    name: str
    agent: str
    principal: str
    made_by: str
    scheme: HookScheme
    mapping: dict[str, str]
    state: HookState
    secret_number: int
    old_secret_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came to a hook and became of it. `status` is what the sender was answered (HTTP)."""

    id: str
    hook: str
    at: datetime
    outcome: DeliveryOutcome
    status: int
    message: str
    why: str
    run: str
    address: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Intake:
    """Where messages come from that start an agent. `tool` reads them, with `arguments` and the `cursor`.

    `last_problem` says why the last read, or a message of it, started nothing.
    """

    id: str
    tenant: str
    name: str
    agent: str
    principal: str
    made_by: str
    tool: str
    arguments: dict[str, Any]
    mapping: dict[str, str]
    every_seconds: int
    state: IntakeState
    cursor: str
    started: int
    next_at: datetime | None
    last_at: datetime | None
    last_run: str
    last_problem: str
    created_at: datetime


def title_of(agent_title: str, business_key: str) -> str:
    """What a list shows: `Complaint resolution · SO-1042`."""
    return f"{agent_title} · {business_key}" if business_key else agent_title
