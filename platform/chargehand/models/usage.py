"""What models used and cost, by day and group. Unknown prices stay unknown: they are counted, not taken for zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import RowMapping

from chargehand import clock


@dataclass(slots=True)
class Used:
    """Sums of one day and group. `unpriced` counts the calls whose model has no known price."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, row: RowMapping) -> None:
        self.calls += 1
        self.tokens_in += row["tokens_in"]
        self.tokens_out += row["tokens_out"]
        if row["cost"]:
            self.cost += Decimal(row["cost"])
        else:
            self.unpriced += 1


def by_day(rows: Iterable[RowMapping], group: Callable[[RowMapping], str]) -> dict[tuple[datetime, str, str], Used]:
    """Sums by (start of the UTC day, group, currency), in order."""
    found: dict[tuple[datetime, str, str], Used] = {}
    for row in rows:
        day = clock.parse(row["at"]).replace(hour=0, minute=0, second=0, microsecond=0)
        found.setdefault((day, group(row), row["currency"] or ""), Used()).add(row)
    return dict(sorted(found.items()))
