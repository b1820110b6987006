"""Usage and cost over HTTP: models know what was used, runs how it ended, the gateway what was budgeted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import AwareDatetime
from sqlalchemy import Connection, RowMapping, select

from chargehand import clock
from chargehand.database import Database
from chargehand.gateway.budgets import BUDGETS
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may
from chargehand.models.store import usage_rows
from chargehand.models.usage import Used, by_day
from chargehand.models.views import Budget, Usage, UsageBy, UsageRow, UsageTotal
from chargehand.runs.store import RUN

router = APIRouter(tags=["usage"])
DAYS = 30


@router.get("/usage", operation_id="getUsage")
async def usage(
    request: Request,
    who: Annotated[SignedIn, may("read_usage")],
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    by: UsageBy = "agent",
) -> Usage:
    """Model calls, tokens and cost by day and group, in UTC days; default: the last 30 days."""
    db: Database = request.app.state.db
    tenant = who.principal.tenant
    end = until or clock.now()
    begin = since or end - timedelta(days=DAYS)

    def query(connection: Connection) -> Usage:
        rows = usage_rows(connection, tenant, clock.iso(begin), clock.iso(end))
        states = _states(connection, tenant, {row["run"] for row in rows}) if by == "outcome" else {}

        def group(row: RowMapping) -> str:
            return states.get(row["run"], "unknown") if by == "outcome" else str(row[by])

        return _usage(begin, end, by, by_day(rows, group), _budgets(connection, tenant))

    return await db.read(query)


def _usage(
    begin: datetime, end: datetime, by: UsageBy, sums: dict[tuple[datetime, str, str], Used], budgets: list[Budget]
) -> Usage:
    totals: dict[str, Used] = {}
    for (_, _, currency), used in sums.items():
        total = totals.setdefault(currency, Used())
        total.calls += used.calls
        total.tokens_in += used.tokens_in
        total.tokens_out += used.tokens_out
        total.cost += used.cost
        total.unpriced += used.unpriced
    return Usage(
        since=begin,
        until=end,
        by=by,
        rows=[
            UsageRow(at=at, group=name, currency=currency, **_sums(used)) for (at, name, currency), used in sums.items()
        ],
        totals=[UsageTotal(currency=currency, **_sums(used)) for currency, used in totals.items()],
        budgets=budgets,
    )


def _sums(used: Used) -> dict[str, Any]:
    return {
        "calls": used.calls,
        "tokens_in": used.tokens_in,
        "tokens_out": used.tokens_out,
        "cost": str(used.cost),
        "unpriced": used.unpriced,
    }


def _states(connection: Connection, tenant: str, runs: set[str]) -> dict[str, str]:
    query = select(RUN.c.id, RUN.c.state).where(RUN.c.tenant == tenant, RUN.c.id.in_(runs))
    return {row.id: row.state for row in connection.execute(query)}


def _budgets(connection: Connection, tenant: str) -> list[Budget]:
    query = select(BUDGETS).where(BUDGETS.c.tenant == tenant).order_by(BUDGETS.c.scope, BUDGETS.c.unit)
    return [
        Budget(scope=row.scope, unit=row.unit, limit=row.limit, reserved=row.reserved, spent=row.spent)
        for row in connection.execute(query)
    ]
