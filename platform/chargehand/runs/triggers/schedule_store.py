"""The table of schedules, and every query on it. Every one names its tenant, but those of the worker that starts what
is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, Text, select
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import Transaction
from chargehand.runs.model import OPEN
from chargehand.runs.store import RUN, Row, insert_ignore, table


class ScheduleRow(SQLModel, table=True):
    """`next_at` is the due time that comes next, empty when none does. Exactly one of `cron` and `at` is given.

    `runs` counts what it has started; `max_runs` is the limit, 0 for none; after `ends_at` nothing is due.
    """

    __tablename__: Any = "schedule"

    id: str = Field(primary_key=True)
    tenant: str
    request_key: str
    agent: str
    input: str = Field(sa_column=Column(Text, nullable=False))
    cron: str = ""
    at: str = ""
    time_zone: str
    principal: str
    state: str
    next_at: str
    last_due: str = ""
    last_run: str = ""
    last_problem: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: str
    ends_at: str = Field(default="", sa_column_kwargs={"server_default": ""})
    max_runs: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    runs: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    overlap: str = Field(default="start", sa_column_kwargs={"server_default": "start"})


SCHEDULE = table(ScheduleRow)

Index("ux_schedule_request_key", SCHEDULE.c.tenant, SCHEDULE.c.request_key, unique=True)
Index("ix_schedule_created", SCHEDULE.c.tenant, SCHEDULE.c.created_at)
_ACTIVE = SCHEDULE.c.state == "active"
Index("ix_schedule_due", SCHEDULE.c.next_at, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)


def insert_schedule(tx: Transaction, row: ScheduleRow) -> Row:
    """Insert a schedule unless its request key is taken; the row that is there afterwards."""
    insert_ignore(tx.connection, SCHEDULE, [row.model_dump()])
    query = select(SCHEDULE).where(SCHEDULE.c.tenant == row.tenant, SCHEDULE.c.request_key == row.request_key)
    return dict(tx.connection.execute(query).mappings().one())


def find_schedule(connection: Connection, tenant: str, schedule: str) -> Row | None:
    query = select(SCHEDULE).where(SCHEDULE.c.id == schedule, SCHEDULE.c.tenant == tenant)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def list_schedules(connection: Connection, tenant: str, *, principal: str = "", limit: int = 1000) -> list[Row]:
    """Newest first; of one principal if named."""
    query = select(SCHEDULE).where(SCHEDULE.c.tenant == tenant)
    if principal:
        query = query.where(SCHEDULE.c.principal == principal)
    query = query.order_by(SCHEDULE.c.created_at.desc(), SCHEDULE.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def due_schedules(connection: Connection, now: datetime, limit: int = 100) -> list[Row]:
    """Active schedules of all tenants whose time has come, the longest due first."""
    query = (
        select(SCHEDULE)
        .where(SCHEDULE.c.state == "active", SCHEDULE.c.next_at <= clock.iso(now))
        .order_by(SCHEDULE.c.next_at)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def move_on(tx: Transaction, schedule: Mapping[str, Any], **columns: Any) -> bool:
    """Change an active schedule whose next due time is still that of `schedule`; whether it was."""
    where = (SCHEDULE.c.id == schedule["id"], _ACTIVE, SCHEDULE.c.next_at == schedule["next_at"])
    return tx.connection.execute(SCHEDULE.update().where(*where).values(**columns)).rowcount == 1


def change_schedule(tx: Transaction, schedule: Mapping[str, Any], **columns: Any) -> bool:
    """Change a schedule that is still what `schedule` says; whether it was."""
    same = (SCHEDULE.c[name] == schedule[name] for name in ("id", "tenant", "state", "next_at", "runs"))
    return tx.connection.execute(SCHEDULE.update().where(*same).values(**columns)).rowcount == 1


def request_key(schedule: str, due: str) -> str:
    """Of the run of a due time."""
    return f"schedule:{schedule}:{due}"


def run_that_goes_on(connection: Connection, tenant: str, schedule: str) -> str:
    """A run that it started and that has not ended; empty if there is none."""
    of_it = RUN.c.request_key.startswith(request_key(schedule, ""), autoescape=True)
    query = select(RUN.c.id).where(RUN.c.tenant == tenant, RUN.c.state.in_(OPEN), of_it)
    return connection.execute(query.limit(1)).scalar() or ""


def set_schedule_state(tx: Transaction, tenant: str, schedule: str, state: str, *, of: str, **columns: Any) -> bool:
    """Move a schedule from the state `of` to another; whether it was in that."""
    where = (SCHEDULE.c.id == schedule, SCHEDULE.c.tenant == tenant, SCHEDULE.c.state == of)
    return tx.connection.execute(SCHEDULE.update().where(*where).values(state=state, **columns)).rowcount == 1


def note_run(tx: Transaction, schedule: str, **columns: Any) -> None:
    """What became of the last due time."""
    tx.connection.execute(SCHEDULE.update().where(SCHEDULE.c.id == schedule).values(**columns))


def delete_schedule(tx: Transaction, tenant: str, schedule: str) -> bool:
    """Whether it was there."""
    where = (SCHEDULE.c.id == schedule, SCHEDULE.c.tenant == tenant)
    return tx.connection.execute(SCHEDULE.delete().where(*where)).rowcount == 1
