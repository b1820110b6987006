"""What was done before, for policy's conditions, risk signals and approvers: read from the call table.

It reads on the connection of the transaction that records the intent. On SQLite the one writer makes that race-free; on
PostgreSQL the first question takes a lock for the tenant and tool, so that two calls never miss each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, text

from chargehand import clock
from chargehand.errors import BadInput
from chargehand.gateway.model import StoredCall
from chargehand.gateway.store import CALLS, stored
from chargehand.risk.signals import Past, amount_of

RECENT_AMOUNTS = 50
COUNTED = 100
"""More earlier calls with one counterparty are not told apart."""

_COLUMNS = {"person": CALLS.c.person, "agent": CALLS.c.acting_agent, "run": CALLS.c.run}
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class CallHistory:
    """Implements `policy.model.History` for one call of one tenant; that call itself is left out."""

    def __init__(self, connection: Connection, tenant: str, own_key: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._own_key = own_key

    def total(self, field: str, *, tool: str, since: datetime, of: Mapping[str, str]) -> Decimal | int:
        """See `History.total`. Raises BadInput where an argument is no decimal number: that denies."""
        total = Decimal(0)
        for arguments in self._matching(tool, since, of):
            value = _at(arguments, field)
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise BadInput("is not a number in an earlier call", field=field, value=value)
            try:
                amount = Decimal(repr(value) if isinstance(value, float) else value)
            except InvalidOperation:
                raise BadInput("is not a number in an earlier call", field=field, value=value) from None
            if not amount.is_finite():
                raise BadInput("is not finite in an earlier call", field=field, value=value)
            total += amount
        return total

    def count(self, *, tool: str, since: datetime, of: Mapping[str, str]) -> int:
        """See `History.count`."""
        if any(name.startswith("args.") for name in of):
            return sum(1 for _ in self._matching(tool, since, of))
        self._lock(tool)
        query = select(func.count()).select_from(CALLS).where(self._where(tool, since, of))
        return int(self._connection.execute(query).scalar_one())

    def _matching(self, tool: str, since: datetime, of: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        self._lock(tool)
        wanted = {name[5:]: value for name, value in of.items() if name.startswith("args.")}
        query = select(CALLS.c.exact).where(self._where(tool, since, of))
        for (exact,) in self._connection.execute(query):
            arguments = orjson.loads(exact)["arguments"]
            if all(_as_text(_at(arguments, path)) == value for path, value in wanted.items()):
                yield arguments

    def _where(self, tool: str, since: datetime, of: Mapping[str, str]) -> ColumnElement[bool]:
        conditions = [
            CALLS.c.tenant == self._tenant,
            CALLS.c.key != self._own_key,
            CALLS.c.proposed_at >= clock.iso(since),
            counts(),
            CALLS.c.tool.startswith(tool[:-1], autoescape=True) if tool.endswith("*") else CALLS.c.tool == tool,
        ]
        for name, value in of.items():
            if name in _COLUMNS:
                conditions.append(_COLUMNS[name] == value)
            elif not name.startswith("args."):
                raise BadInput("history can't be narrowed by this", field="of", value=name)
        return and_(*conditions)

    def _lock(self, tool: str) -> None:
        if self._connection.dialect.name == "postgresql":
            # A prefix overlaps with single tools, so every question of a tenant about one connector shares a lock.
            name = f"{self._tenant}/{tool.partition('.')[0].rstrip('*')}"
            self._connection.execute(_LOCK, {"name": name})


def counts() -> ColumnElement[bool]:
    """Everything but what ended without effect."""
    return or_(CALLS.c.state != "done", CALLS.c.outcome == "succeeded")


def past(connection: Connection, tenant: str, own_key: str, tool: str, counterparty: str, at: datetime) -> Past:
    """What risk signals need to know of earlier calls of the same tool."""
    same_tool = and_(CALLS.c.tenant == tenant, CALLS.c.tool == tool, CALLS.c.key != own_key, counts())
    recent = select(CALLS.c.exact).where(same_tool).order_by(CALLS.c.proposed_at.desc()).limit(RECENT_AMOUNTS)
    amounts = [amount_of(orjson.loads(exact)["arguments"]) for (exact,) in connection.execute(recent) if exact]
    with_them: list[str] = []
    if counterparty:
        them = select(CALLS.c.proposed_at).where(same_tool, CALLS.c.counterparty == counterparty)
        query = them.order_by(CALLS.c.proposed_at.desc()).limit(COUNTED)
        with_them = [proposed_at for (proposed_at,) in connection.execute(query)]
    since = clock.iso(at - timedelta(days=1))
    today = sum(proposed_at >= since for proposed_at in with_them)
    return Past([amount for amount in amounts if amount is not None], len(with_them), today)


def with_counterparty(
    connection: Connection, tenant: str, own_key: str, counterparty: str, limit: int = 5
) -> list[StoredCall]:
    """The newest writes that concern the same counterparty, for an approver to see."""
    if not counterparty:
        return []
    query = (
        select(CALLS)
        .where(
            CALLS.c.tenant == tenant,
            CALLS.c.counterparty == counterparty,
            CALLS.c.key != own_key,
            CALLS.c.effect != "read",
        )
        .order_by(CALLS.c.proposed_at.desc())
        .limit(limit)
    )
    return [stored(row) for row in connection.execute(query)]


def _at(arguments: Any, path: str) -> Any:
    value = arguments
    for step in path.split("."):
        if isinstance(value, list):
            items = cast("list[Any]", value)
            value = items[int(step)] if step.isdecimal() and int(step) < len(items) else None
        elif isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(step)
        else:
            return None
    return value


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else None
