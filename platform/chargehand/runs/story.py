"""A run's events folded into what people look at: steps with beginning and end, and where each node stands.

The fold is pure: the same events give the same story, so a client that resumes sees what one that stayed has seen.
Arguments and results are left out for viewers who may not see them; that something was sent stays visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from chargehand.runs.model import RunEvent
from chargehand.runs.views import Money, NodeState, Step, StepKind, StepState

HIDDEN = "•••"
OPEN: frozenset[str] = frozenset({"running", "waiting"})


@dataclass(slots=True)
class Story:
    """Add events in order. `steps` are by the number of the event that opened them; `nodes` by path in the graph."""

    payloads: bool = True
    steps: dict[int, Step] = field(default_factory=dict[int, Step])
    nodes: dict[str, NodeState] = field(default_factory=dict[str, NodeState])
    tokens: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    _open: dict[str, int] = field(default_factory=dict[str, int])
    _began: dict[str, datetime] = field(default_factory=dict[str, datetime])

    @classmethod
    def of(cls, events: Iterable[RunEvent], *, payloads: bool = True) -> Story:
        story = cls(payloads)
        for event in events:
            story.add(event)
        return story

    def add(self, event: RunEvent) -> Step | None:
        """The step that this event opened or changed, if any."""
        match event.kind.partition(".")[0]:
            case "run":
                return self._run(event)
            case "node":
                return self._node(event)
            case "call":
                return self._call(event)
            case "model":
                return self._model(event)
            case "person":
                return self._person(event)
            case "agent":
                return self._agent(event)
            case "timer":
                return self._timer(event)
            case "note" | "undo" | "event":
                return self._note(event)
            case _:  # an author's `custom` stream is for programs
                return None

    @property
    def cost(self) -> Money | None:
        """What the models cost; None where no price is known."""
        if not self.costs:
            return None
        currency, amount = next(iter(self.costs.items()))
        return Money(amount=str(amount), currency=currency)

    def shown(self, value: Any) -> Any:
        """The value, or its outline for those who may not see it."""
        if self.payloads or value is None:
            return value
        if isinstance(value, Mapping):
            return dict.fromkeys(cast("Mapping[str, Any]", value), HIDDEN)
        return HIDDEN

    # Steps

    def _begin(self, event: RunEvent, key: str, kind: StepKind, title: str, message: str, **values: Any) -> Step:
        step = Step(
            seq=event.seq,
            id=key,
            kind=kind,
            node=event.step,
            title=title,
            message_id=message,
            state=values.pop("state", "running"),
            started_at=event.at,
            **values,
        )
        if key in self._open:  # begun anew without an end: what was before has ended with it
            self._end(event, key, "stopped")
        self.steps[event.seq] = step
        self._open[key] = event.seq
        return step

    def _change(self, key: str, **values: Any) -> Step | None:
        seq = self._open.get(key)
        if seq is None:
            return None
        self.steps[seq] = self.steps[seq].model_copy(update=values)
        return self.steps[seq]

    def _end(self, event: RunEvent, key: str, state: StepState, **values: Any) -> Step | None:
        step = self._change(key, state=state, ended_at=event.at, **values)
        self._open.pop(key, None)
        return step

    def _moment(self, event: RunEvent, kind: StepKind, title: str, message: str, **values: Any) -> Step:
        step = self._begin(event, f"{kind}:{event.seq}", kind, title, message, **values)
        return self._end(event, step.id, values.get("state", "succeeded")) or step

    # Nodes

    def _node(self, event: RunEvent) -> Step | None:
        what, path = event.kind.partition(".")[2], event.step
        known = self.nodes.get(path) or NodeState(state="running", visits=0)
        key = f"node:{path}:{event.data.get('task') or ''}"
        if what == "started":
            self._began[path] = event.at
            self.nodes[path] = NodeState(state="running", visits=known.visits + 1, milliseconds=known.milliseconds)
            name = str(event.data.get("node") or path)
            return self._begin(event, key, "node", name.replace("_", " "), "node", parameters={"node": path})
        state: StepState = "waiting" if what == "waiting" else "failed" if what == "failed" else "succeeded"
        spent = int((event.at - self._began.get(path, event.at)).total_seconds() * 1000)
        self.nodes[path] = known.model_copy(
            update={"state": state, "milliseconds": (known.milliseconds or 0) + (0 if what == "waiting" else spent)}
        )
        if what == "waiting":
            return self._change(key, state="waiting")
        ended = self._end(event, key, state, detail=str(event.data.get("error") or ""))
        if self._open_nodes(path):  # sent out several times at once: the node runs until the last of them is done
            self.nodes[path] = self.nodes[path].model_copy(update={"state": "running"})
        return ended

    def _open_nodes(self, path: str) -> list[str]:
        return [key for key in self._open if key.startswith(f"node:{path}:")]

    def _node_state(self, path: str, state: StepState) -> None:
        """A leaf that waits makes its node wait, and running again makes it run."""
        if known := self.nodes.get(path):
            self.nodes[path] = known.model_copy(update={"state": state})
            for key in self._open_nodes(path):
                self._change(key, state=state)

    # Tool calls

    def _call(self, event: RunEvent) -> Step | None:
        what, data = event.kind.partition(".")[2], event.data
        key = f"call:{data['position']}" if "position" in data else self._open_call(event.step)
        match what:
            case "proposed":
                tool = str(data["tool"])
                return self._begin(
                    event, key, "tool", f"Uses {tool}", "tool",
                    parameters={"tool": tool}, tool=tool, arguments=self.shown(data.get("arguments")),
                )  # fmt: skip
            case "asked":
                self._node_state(event.step, "waiting")
                sentence = str(data.get("sentence") or "")
                return self._change(
                    key, state="waiting", decision="ask", approval=str(data.get("id") or ""), detail=sentence
                )
            case "closed":
                self._node_state(event.step, "running")
                return self._change(key, state="running")
            case "retry":
                step = self.steps.get(self._open.get(key, 0))
                attempts = step.attempts + 1 if step else 1
                return self._change(key, attempts=attempts, detail=str(data.get("why") or ""))
            case "in_doubt":
                self._node_state(event.step, "waiting")
                return self._change(
                    key, state="waiting", call_key=str(data.get("call_key") or ""), detail=str(data.get("why") or "")
                )
            case "settled":
                return self._settled(event, key)
            case _:
                return None

    def _open_call(self, path: str) -> str:
        found = [key for key, seq in self._open.items() if key.startswith("call:") and self.steps[seq].node == path]
        return found[-1] if found else ""

    def _settled(self, event: RunEvent, key: str) -> Step | None:
        data = event.data
        failure: Mapping[str, Any] = data.get("failure") or {}
        state: StepState = data["state"]
        self._node_state(event.step, "running")
        step = self.steps.get(self._open.get(key, 0))
        decision = "deny" if state == "denied" else (step.decision if step and step.decision else "allow")
        return self._end(
            event,
            key,
            state,
            result=self.shown(data.get("value")),
            detail=str(failure.get("detail") or ""),
            call_key=str(data.get("call_key") or ""),
            decision=decision,
        )

    # Models, people, agents, time

    def _model(self, event: RunEvent) -> Step | None:
        what, data = event.kind.partition(".")[2], event.data
        key = f"model:{data.get('position')}"
        if what == "asked":
            tier, position = str(data.get("tier") or ""), data.get("position")
            return self._begin(
                event, key, "model", "Asks a language model", "model",
                parameters={"tier": tier}, model=tier, position=position,
            )  # fmt: skip
        if what == "retry":
            return self._change(key, detail=str(data.get("why") or ""))
        tokens = int(data.get("tokens_in") or 0) + int(data.get("tokens_out") or 0)
        self.tokens += tokens
        cost = None
        if data.get("cost") is not None:
            currency = str(data.get("currency") or "USD")
            self.costs[currency] = self.costs.get(currency, Decimal(0)) + Decimal(str(data["cost"]))
            cost = Money(amount=str(data["cost"]), currency=currency)
        return self._end(event, key, "succeeded", model=str(data.get("model") or ""), tokens=tokens, cost=cost)

    def _person(self, event: RunEvent) -> Step | None:
        what, data = event.kind.partition(".")[2], event.data
        key = f"task:{data['task']}"
        if what == "asked":
            self._node_state(event.step, "waiting")
            to, question = str(data.get("to") or ""), str(data.get("question") or "")
            return self._begin(
                event, key, "task", f"Asks {to}", "task", state="waiting", parameters={"to": to}, detail=question
            )
        if what == "reminded":
            return None
        self._node_state(event.step, "running")
        state: StepState = "succeeded" if what == "answered" else "expired"
        return self._end(event, key, state, result=self.shown(data.get("answer")))

    def _agent(self, event: RunEvent) -> Step | None:
        what, data = event.kind.partition(".")[2], event.data
        key, agent = f"agent:{data['run']}", str(data.get("agent") or "")
        if what == "started":
            return self._begin(
                event, key, "agent", f"Hands over to {agent}", "agent", parameters={"agent": agent}, child=data["run"]
            )
        return self._end(event, key, data.get("state") or "succeeded")

    def _timer(self, event: RunEvent) -> Step | None:
        key = f"timer:{event.step}"
        if event.kind == "timer.started":
            self._node_state(event.step, "waiting")
            until = str(event.data.get("until") or "")
            return self._begin(event, key, "timer", "Waits", "timer", state="waiting", parameters={"until": until})
        self._node_state(event.step, "running")
        return self._end(event, key, "succeeded")

    def _run(self, event: RunEvent) -> Step | None:
        what, data = event.kind.partition(".")[2], event.data
        title, state = _RUN_TITLES.get(what, (what, "succeeded"))
        if what in ("succeeded", "failed", "stopped"):
            self._close_all(event, "stopped" if what == "stopped" else "failed" if what == "failed" else "succeeded")
        detail = str(data.get("detail") or data.get("reason") or "")
        return self._moment(event, "run", title, f"run.{what}", state=state, detail=detail)

    def _close_all(self, event: RunEvent, state: StepState) -> None:
        """What was open when the run ended has ended with it."""
        for key in list(self._open):
            self._end(event, key, state)
        for path, node in self.nodes.items():
            if node.state in OPEN:
                self.nodes[path] = node.model_copy(update={"state": state})

    def _note(self, event: RunEvent) -> Step:
        text = str(event.data.get("text") or event.kind)
        return self._moment(event, "node", text, "note", parameters=self.shown(dict(event.data)))


_RUN_TITLES: Mapping[str, tuple[str, StepState]] = {
    "started": ("Started", "succeeded"),
    "stays": ("Keeps its history: its state can't be carried on", "succeeded"),
    "paused": ("Was paused", "succeeded"),
    "resumed": ("Goes on", "succeeded"),
    "stopping": ("Is being stopped", "succeeded"),
    "succeeded": ("Finished", "succeeded"),
    "failed": ("Failed", "failed"),
    "stopped": ("Stopped", "stopped"),
}
