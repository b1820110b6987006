"""History over a list of recorded calls: for cases, backtests and authors' tests. The gateway reads its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from chargehand.errors import BadInput
from chargehand.policy import facts
from chargehand.policy.facts import ConditionFailed
from chargehand.policy.plan import matches


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One earlier call that counts: in flight, in doubt, waiting for people, or succeeded."""

    tool: str
    at: datetime
    chain: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    run: str = ""


class RecordedHistory:
    """Implements `policy.model.History` over calls in memory."""

    def __init__(self, calls: Sequence[RecordedCall] = (), *, until: datetime | None = None) -> None:
        self._calls = calls
        self._until = until

    def total(self, field: str, *, tool: str, since: datetime, of: Mapping[str, str]) -> Decimal:
        """See `History.total`. Raises BadInput where an earlier call has no such number."""
        total = Decimal(0)
        for call in self._matching(tool, since, of):
            try:
                total += Decimal(facts.number(_at(call.arguments, field), field))
            except ConditionFailed as error:
                raise BadInput("is no number in an earlier call", field=field) from error
        return total

    def count(self, *, tool: str, since: datetime, of: Mapping[str, str]) -> int:
        return sum(1 for _ in self._matching(tool, since, of))

    def _matching(self, tool: str, since: datetime, of: Mapping[str, str]) -> Iterator[RecordedCall]:
        for call in self._calls:
            late = self._until is not None and call.at >= self._until
            near = call.at >= since and not late and matches(call.tool, tool)
            if near and all(_fact(call, name) == value for name, value in of.items()):
                yield call


def _fact(call: RecordedCall, name: str) -> str | None:
    match name:
        case "person":
            return call.chain[0] if call.chain else None
        case "agent":
            return next((link for link in reversed(call.chain) if link.startswith("agent:")), None)
        case "run":
            return call.run
        case _:
            try:
                return facts.history_text(_at(call.arguments, name.removeprefix("args.")), name)
            except ConditionFailed:
                return None


def _at(arguments: Any, path: str) -> Any:
    value = arguments
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)  # pyright: ignore[reportUnknownMemberType]  # JSON, read strictly by the caller
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):  # pyright: ignore[reportUnknownArgumentType]
            value = value[int(step)]
        else:
            return None
    return value
