"""Which open runs may be held up, and what was found of them. Read through the index of states, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from chargehand.approvals.store import REQUESTS
from chargehand.clock import iso
from chargehand.database import Transaction
from chargehand.runs.store import EVENT, RUN, TASK, Row

MOVING = ("starting", "running", "stopping")
"""States in which something happens every moment, unless a model or a system takes long."""


def tenants(connection: Connection) -> list[str]:
    """Everybody who has runs; one step through the index for each, however many runs there are."""
    found: list[str] = []
    while True:
        after = RUN.c.tenant > found[-1] if found else RUN.c.tenant != ""
        following = connection.execute(select(func.min(RUN.c.tenant)).where(after)).scalar()
        if following is None:
            return found
        found.append(str(following))


def quiet(connection: Connection, tenant: str, before: datetime, after: str, limit: int) -> list[Row]:
    """Runs that should move, and of which nothing was heard since `before`; ids after `after`, in order."""
    heard = func.coalesce(EVENT.c.at, RUN.c.created_at)
    newest = and_(EVENT.c.run == RUN.c.id, EVENT.c.seq == RUN.c.events)
    query = (
        select(RUN)
        .outerjoin(EVENT, newest)
        .where(RUN.c.tenant == tenant, RUN.c.state.in_(MOVING), heard < iso(before), RUN.c.id > after)
        .order_by(RUN.c.id)
        .limit(limit)
    )
    return _rows(connection, query)


def waiting(connection: Connection, tenant: str, after: tuple[str, str], limit: int) -> list[Row]:
    """Runs that wait, oldest first, after (created_at, id)."""
    at, last = after
    query = (
        select(RUN)
        .where(
            RUN.c.tenant == tenant,
            RUN.c.state == "waiting",
            or_(RUN.c.created_at > at, and_(RUN.c.created_at == at, RUN.c.id > last)),
        )
        .order_by(RUN.c.created_at, RUN.c.id)
        .limit(limit)
    )
    return _rows(connection, query)


def closed(connection: Connection, tenant: str, waits: list[str], before: datetime) -> frozenset[str]:
    """Which of these approvals and questions were closed before that."""
    said = and_(TASK.c.tenant == tenant, TASK.c.id.in_(waits), TASK.c.state != "open", TASK.c.answered_at < iso(before))
    tasks = connection.execute(select(TASK.c.id).where(said)).scalars()
    over = and_(
        REQUESTS.c.tenant == tenant,
        REQUESTS.c.id.in_(waits),
        REQUESTS.c.closed_at != "",
        REQUESTS.c.closed_at < iso(before),
    )
    return frozenset([*tasks, *connection.execute(select(REQUESTS.c.id).where(over)).scalars()])


def still_held(connection: Connection, tenant: str, runs: Sequence[str]) -> list[Row]:
    """Those of which the finding still stands."""
    return _rows(connection, select(RUN).where(RUN.c.tenant == tenant, RUN.c.id.in_(runs), RUN.c.held_up != ""))


def find(connection: Connection, tenant: str, run: str) -> Row | None:
    rows = _rows(connection, select(RUN).where(RUN.c.tenant == tenant, RUN.c.id == run))
    return rows[0] if rows else None


def note(tx: Transaction, row: Row, held_up: str) -> bool:
    """Write down what was found of a run, empty for nothing, unless it has moved since `row` was read."""
    same = [RUN.c[name] == row[name] for name in ("tenant", "id", "events", "state")]
    return tx.connection.execute(RUN.update().where(*same).values(held_up=held_up)).rowcount == 1


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]
