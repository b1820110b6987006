"""How an agent did: runs by state, time, approvals asked, model cost; and which of its versions have run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median

from sqlalchemy import Connection, case, func, select

from chargehand import clock
from chargehand.gateway.store import CALLS
from chargehand.models.store import CALL
from chargehand.runs.model import ENDED
from chargehand.runs.store import RUN

MAX_TIMED = 5_000


@dataclass(frozen=True, slots=True)
class Figures:
    """`cost` is by currency, of the model calls whose price is known; `unpriced` counts the others."""

    runs: int
    by_state: dict[str, int]
    median_seconds: float | None
    approvals_asked: int
    tool_calls: int
    cost: dict[str, Decimal]
    unpriced: int
    last_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class VersionFigures:
    version: str
    runs: int
    open_runs: int
    first_run_at: datetime
    last_run_at: datetime


def figures(connection: Connection, tenant: str, agent: str, since: datetime) -> Figures:
    """Of the runs that were started since then."""
    begin = clock.iso(since)
    mine = (RUN.c.tenant == tenant, RUN.c.agent == agent, RUN.c.created_at >= begin)
    states = connection.execute(select(RUN.c.state, func.count()).where(*mine).group_by(RUN.c.state))
    by_state = {str(row[0]): int(row[1]) for row in states}
    newest = connection.execute(select(func.max(RUN.c.created_at)).where(*mine)).scalar()
    ended = select(RUN.c.created_at, RUN.c.ended_at).where(*mine, RUN.c.state == "succeeded", RUN.c.ended_at != "")
    spans = [
        (clock.parse(row.ended_at) - clock.parse(row.created_at)).total_seconds()
        for row in connection.execute(ended.order_by(RUN.c.created_at.desc()).limit(MAX_TIMED))
    ]
    calls = (CALLS.c.tenant == tenant, CALLS.c.agent == agent, CALLS.c.proposed_at >= begin)
    asked = connection.execute(select(func.count()).where(*calls, CALLS.c.approval != "")).scalar_one()
    made = connection.execute(select(func.count()).where(*calls)).scalar_one()
    cost, unpriced = _cost(connection, tenant, agent, begin)
    return Figures(
        runs=sum(by_state.values()),
        by_state=by_state,
        median_seconds=median(spans) if spans else None,
        approvals_asked=int(asked),
        tool_calls=int(made),
        cost=cost,
        unpriced=unpriced,
        last_run_at=clock.parse(newest) if newest else None,
    )


def versions(connection: Connection, tenant: str, agent: str) -> list[VersionFigures]:
    """Versions that have run, newest first."""
    begun, open_run = RUN.c.created_at, RUN.c.state.not_in(tuple(ENDED))
    found = connection.execute(
        select(
            RUN.c.agent_version, func.count(), func.sum(case((open_run, 1), else_=0)), func.min(begun), func.max(begun)
        )
        .where(RUN.c.tenant == tenant, RUN.c.agent == agent)
        .group_by(RUN.c.agent_version)
        .order_by(func.max(begun).desc())
    )
    return [
        VersionFigures(str(row[0]), int(row[1]), int(row[2] or 0), clock.parse(row[3]), clock.parse(row[4]))
        for row in found
    ]


def _cost(connection: Connection, tenant: str, agent: str, begin: str) -> tuple[dict[str, Decimal], int]:
    query = select(CALL.c.cost, CALL.c.currency).where(
        CALL.c.tenant == tenant, CALL.c.agent.in_((agent, f"agent:{agent}")), CALL.c.at >= begin
    )
    sums: dict[str, Decimal] = {}
    unpriced = 0
    for row in connection.execute(query):
        if row.cost:
            sums[row.currency] = sums.get(row.currency, Decimal(0)) + Decimal(row.cost)
        else:
            unpriced += 1
    return sums, unpriced
