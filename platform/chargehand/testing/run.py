"""How a governed run went, and what a test asks of it: steps, decisions, approvals, effects, cost, any moment of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from chargehand.approvals.model import ApprovalRequest
from chargehand.audit.model import Record
from chargehand.policy.model import Verdict
from chargehand.runs.model import RunDetail, RunEvent
from chargehand.runs.moments import Film, Moment
from chargehand.testing.fakes import FakeConnectors


@dataclass(frozen=True, slots=True)
class Decided:
    """What policy said of a call when it was proposed: verdict and the ids of the rules that decided."""

    tool: str
    verdict: Verdict
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the run made it. `state` is how it ended: an outcome's state, or `open`."""

    tool: str
    arguments: Mapping[str, Any]
    step: str
    state: str


@dataclass
class GovernedRun:
    """How a run went. `requests` are the approvals that it asked for, `connectors` what reached the fake systems.

    `log` are the run's records in the action log, oldest first. `seconds` is real time from start to end.
    """

    detail: RunDetail
    events: tuple[RunEvent, ...]
    connectors: FakeConnectors
    requests: tuple[ApprovalRequest, ...] = ()
    log: tuple[Record, ...] = ()
    film: Film | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def state(self) -> str:
        return self.detail.state

    @property
    def result(self) -> Any:
        return self.detail.result

    # Steps

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def nodes(self) -> list[str]:
        """Paths of the nodes that ran, in the order in which they started."""
        return [event.step for event in self.events if event.kind == "node.started"]

    def at(self, step: str | int, *, nth: int = 1) -> Moment:
        """Travel to the moment after a node ended (for the nth time), or after an event's number; see `Film.at`.

        Raises:
            NotFound: the run has no such step; lists those it has.
        """
        return (self.film or Film(self.detail.id)).at(step, nth=nth)

    # Calls

    def calls(self, tool: str = "") -> list[Call]:
        """Every call in the order in which it was proposed, undoing included."""
        ends = {one.data["position"]: one.data["state"] for one in self.events if one.kind == "call.settled"}
        return [
            Call(one.data["tool"], one.data["arguments"], one.step, ends.get(one.data["position"], "open"))
            for one in self.events
            if one.kind == "call.proposed" and tool in ("", one.data["tool"])
        ]

    def outcomes(self, tool: str) -> list[str]:
        """How every call of a tool ended, in order."""
        return [
            event.data["state"] for event in self.events if event.kind == "call.settled" and event.data["tool"] == tool
        ]

    def decisions(self, tool: str = "") -> list[Decided]:
        """What policy decided, one for each call in order, as the action log has it."""
        first: dict[str, Record] = {}
        for record in self.log:
            if record.kind in ("decision", "intent") and record.decision:
                first.setdefault(record.call_key, record)
        return [
            Decided(one.tool, one.decision, one.rules)  # pyright: ignore[reportArgumentType]  # a verdict, as text
            for one in first.values()
            if tool in ("", one.tool)
        ]

    def approvals(self, tool: str = "") -> list[str]:
        """How every approval that it asked for ended: `approved`, `rejected`, `expired`, `withdrawn`, `pending`."""
        return [one.state for one in self.requests if tool in ("", one.tool)]

    def effects(self, tool: str = "") -> list[dict[str, Any]]:
        """The arguments of everything that the systems did, once a key."""
        return [one.arguments for one in self.connectors.effects if tool in ("", one.tool)]

    # What it used

    @property
    def tokens(self) -> int:
        return sum(one.data.get("tokens_in", 0) + one.data.get("tokens_out", 0) for one in self._answered())

    @property
    def cost(self) -> dict[str, Decimal]:
        """What models cost, by currency; calls whose price is not known are not in it."""
        found: dict[str, Decimal] = {}
        for one in self._answered():
            if one.data.get("cost") is not None:
                currency = str(one.data.get("currency", ""))
                found[currency] = found.get(currency, Decimal(0)) + Decimal(str(one.data["cost"]))
        return found

    def _answered(self) -> list[RunEvent]:
        return [event for event in self.events if event.kind == "model.answered"]
