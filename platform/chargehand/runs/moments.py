"""Time travel: what a run's state was at any of its steps.

Nothing is stored for it. A run's history is deterministic, so executing it once more (in a test, while it runs; later,
by replaying what Temporal keeps) gives the state of its graph after every superstep, beside its numbered events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from chargehand.agents import watching
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.execution import to_json
from chargehand.clock import parse
from chargehand.errors import BadInput, Conflict, NotFound, RuntimeUnavailable
from chargehand.runs.model import RunEvent
from chargehand.runs.payloads import RunInput
from chargehand.runs.plugin import langgraph_plugin
from chargehand.runs.registry import register
from chargehand.runs.runtime import TemporalRuntime

_OPENS, _CLOSES = "call.proposed", "call.settled"
_NODE_ENDS = ("node.finished", "node.failed", "node.waiting")


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that was proposed and not settled. `waits` is `people`, `system`, `reconciliation` or empty."""

    tool: str
    arguments: dict[str, Any]
    position: int
    step: str
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A run as it was just after its event number `seq`.

    `state` is the graph's state as plain JSON, of the superstep before where one was under way; `inside` that of its
    subgraphs by path. `next` are the nodes to run then, `running` those that had begun. `events` are all until then.
    """

    seq: int
    step: str
    kind: str
    state: Any
    next: tuple[str, ...]
    running: tuple[str, ...]
    pending: tuple[Pending, ...]
    events: tuple[RunEvent, ...]
    inside: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Frame:
    seq: int
    state: Any
    next: tuple[str, ...]


@dataclass
class Film:
    """What was seen of a run: events and states by number, what models were asked and said by position."""

    run: str
    given: RunInput | None = None
    events: dict[int, RunEvent] = field(default_factory=dict[int, RunEvent])
    answers: dict[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    questions: dict[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    frames: dict[str, dict[int, _Frame]] = field(default_factory=dict[str, dict[int, _Frame]])

    def at(self, step: str | int, *, nth: int = 1) -> Moment:
        """The moment after an event's number, or after a node (path, e.g. `refund/credit`) ended for the nth time.

        A node's writes are in the state at the end of its superstep, so that is the moment: nodes that ran beside it
        have ended too. Of a node that never ended, the run's last event.

        Raises:
            NotFound: the run has no such step; lists those it has.
        """
        if isinstance(step, int):
            if step not in self.events:
                raise NotFound(f"The run {self.run} has no event {step}.", way_out=f"It has 1 to {len(self.events)}.")
            return self._moment(step)
        ends = [one.seq for one in self.story() if one.step == step and one.kind in _NODE_ENDS[:2]]
        if len(ends) >= nth >= 1:
            later = [seq for seq in sorted(self.frames.get("", {})) if seq >= ends[nth - 1]]
            return self._moment(later[0] if later else max(self.events))
        began = [one.seq for one in self.story() if one.step == step and one.kind == "node.started"]
        if len(began) >= nth >= 1:
            return self._moment(max(self.events))
        steps = ", ".join(dict.fromkeys(one.step for one in self.story() if one.kind == "node.started"))
        times = f" {nth} times" if nth > 1 else ""
        raise NotFound(f"The node {step!r} did not run{times} in {self.run}.", way_out=f"Its steps: {steps}.")

    def _moment(self, seq: int) -> Moment:
        events = tuple(one for one in self.story() if one.seq <= seq)
        frames = {path: _last(found, seq) for path, found in self.frames.items()}
        whole = frames.pop("", None)
        return Moment(
            seq=seq,
            step=events[-1].step,
            kind=events[-1].kind,
            state=whole.state if whole else None,
            next=whole.next if whole else (),
            running=_running(events),
            pending=_pending(events),
            events=events,
            inside={path: frame.state for path, frame in frames.items() if frame},
        )

    def story(self) -> list[RunEvent]:
        """Every event, in order."""
        return [self.events[seq] for seq in sorted(self.events)]


class Camera:
    """Films every run that executes in this process while its block runs: `with watching.watch(camera): …`."""

    def __init__(self) -> None:
        self._films: dict[str, Film] = {}

    def film(self, run: str) -> Film:
        """What was seen of a run, perhaps nothing."""
        return self._films.setdefault(run, Film(run))

    def runs(self) -> list[str]:
        """Every run that was seen."""
        return list(self._films)

    def __call__(self, kind: watching.Seen, source: Any, data: Mapping[str, Any]) -> None:
        if kind == "event":
            at = parse(str(data["at"]))
            seen = {name: data[name] for name in ("seq", "kind", "step")}
            self.film(str(source)).events[int(data["seq"])] = RunEvent(str(source), at=at, data=data["data"], **seen)
        elif isinstance(source, TemporalRuntime):
            film, seq = self.film(source.run.run), source.journal.seq
            film.given = source.run
            if kind == "model":
                film.answers[int(data["position"])] = data["answer"]
                film.questions[int(data["position"])] = data["asked"]
            else:
                frame = _Frame(seq, to_json(data["state"]), tuple(data["next"]))
                film.frames.setdefault(str(data["path"]), {})[seq] = frame


async def open_runs(client: Client, *, limit: int) -> list[str]:
    """Ids of runs that have not ended, as Temporal has them, at most `limit`. Raises RuntimeUnavailable."""
    try:
        found = [one.id async for one in client.list_workflows("ExecutionStatus = 'Running'", limit=limit)]
    except RPCError as error:
        raise RuntimeUnavailable(f"Temporal does not say which runs are open: {error.message}.") from error
    return [one for one in found if one.startswith("run_")]


async def film_of(client: Client, agents: AgentCatalog, run: str) -> Film:
    """Replay what Temporal keeps of a run, on today's code. Sets the agents of this process.

    Raises:
        NotFound: Temporal keeps no such run (any more).
        Conflict: the history does not fit today's code: the run is another version's.
    """
    register(agents)
    camera = Camera()
    replayer = Replayer(workflows=[], data_converter=client.data_converter, plugins=[langgraph_plugin()])
    with watching.watch(camera):
        for history in await _histories(client, run):
            result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            if result.replay_failure is not None:
                raise Conflict(
                    f"The history of {run} does not fit the code that is installed here: {result.replay_failure}",
                    way_out="Install the version of the agent with which it ran, and ask again.",
                )
    return camera.film(run)


async def _histories(client: Client, run: str) -> Sequence[WorkflowHistory]:
    """The run's histories, oldest first: a long run is continued as new, under the same workflow id."""
    found: list[WorkflowHistory] = []
    execution: str | None = None
    while execution != "":
        try:
            history = await client.get_workflow_handle(run, run_id=execution).fetch_history()
        except RPCError as error:
            raise NotFound(f"Temporal keeps no history of {run}: {error.message}.") from None
        found.insert(0, history)
        first = history.events[0]
        if first.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            raise BadInput("a history begins with its start", field=run)
        execution = first.workflow_execution_started_event_attributes.continued_execution_run_id
    return found


def _last(frames: Mapping[int, _Frame], seq: int) -> _Frame | None:
    until = [number for number in frames if number <= seq]
    return frames[max(until)] if until else None


def _running(events: Sequence[RunEvent]) -> tuple[str, ...]:
    began: dict[str, str] = {}
    for one in events:
        if one.kind == "node.started":
            began[str(one.data["task"])] = one.step
        elif one.kind in _NODE_ENDS:
            began.pop(str(one.data["task"]), None)
    return tuple(began.values())


def _pending(events: Sequence[RunEvent]) -> tuple[Pending, ...]:
    found: dict[int, Pending] = {}
    waits: dict[int, str] = {}
    for one in events:
        position = one.data.get("position")
        if one.kind == _OPENS:
            found[one.data["position"]] = Pending(
                one.data["tool"], one.data["arguments"], one.data["position"], one.step
            )
        elif one.kind == _CLOSES:
            found.pop(one.data["position"], None)
        elif isinstance(position, int) and one.kind in _WAITS:
            waits[position] = _WAITS[one.kind]
    return tuple(
        Pending(one.tool, one.arguments, one.position, one.step, waits.get(one.position, "")) for one in found.values()
    )


_WAITS = {"call.asked": "people", "call.closed": "", "call.retry": "system", "call.in_doubt": "reconciliation"}
