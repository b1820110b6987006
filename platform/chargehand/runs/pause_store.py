"""The table of pauses and stops: what people last said about going on, and whether the run has been told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Text, case, select
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction
from chargehand.runs.store import RUN, Row, insert_ignore, table


class RunPauseRow(SQLModel, table=True):
    """`number` counts what was said, so that a run which is told late or twice knows what came last.

    `stop` is `gently` or `hard`; empty while nobody has stopped it.
    """

    __tablename__: Any = "run_pause"

    run: str = Field(primary_key=True)
    tenant: str
    number: int = Field(sa_column=Column(Integer, nullable=False))
    paused: bool
    by: str
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: str
    told: bool
    stop: str = Field(default="", sa_column_kwargs={"server_default": ""})


PAUSE = table(RunPauseRow)
Index("ix_run_pause_untold", PAUSE.c.run, sqlite_where=~PAUSE.c.told, postgresql_where=~PAUSE.c.told)

PAUSABLE = ("running", "waiting")


def say_pause(tx: Transaction, tenant: str, run: str, *, by: str, reason: str, at: str) -> bool:
    """Pause a run that goes on; whether it did."""
    where = (RUN.c.id == run, RUN.c.tenant == tenant, RUN.c.state.in_(PAUSABLE))
    if tx.connection.execute(RUN.update().where(*where).values(state="paused")).rowcount != 1:
        return False
    _say(tx, tenant, run, paused=True, by=by, reason=reason, at=at)
    return True


def say_resume(tx: Transaction, tenant: str, run: str, *, by: str, reason: str, at: str) -> bool:
    """Let a paused run go on, with what it was waiting for; whether it was paused."""
    where = (RUN.c.id == run, RUN.c.tenant == tenant, RUN.c.state == "paused")
    state = case((RUN.c.waiting == "[]", "running"), else_="waiting")
    if tx.connection.execute(RUN.update().where(*where).values(state=state)).rowcount != 1:
        return False
    _say(tx, tenant, run, paused=False, by=by, reason=reason, at=at)
    return True


def say_stop(tx: Transaction, tenant: str, run: str, *, hard: bool, by: str, reason: str, at: str) -> None:
    """It is to end, whatever was said before."""
    _say(tx, tenant, run, paused=False, stop="hard" if hard else "gently", by=by, reason=reason, at=at)


def end_what_began(tx: Transaction, run: str) -> None:
    """A run that was ended at once began all the same, as whoever began it had not heard of that: it is told again."""
    tx.connection.execute(PAUSE.update().where(PAUSE.c.run == run, PAUSE.c.stop == "hard").values(told=False))


def untold_pauses(connection: Connection, run: str = "", limit: int = 100) -> list[Row]:
    """What runs have not been told yet, with where each one stands; of all tenants unless a run is named."""
    query = (
        select(PAUSE, RUN.c.state, RUN.c.trace_id, RUN.c.events, RUN.c.parent)
        .join(RUN, RUN.c.id == PAUSE.c.run)
        .where(~PAUSE.c.told)
    )
    if run:
        query = query.where(PAUSE.c.run == run)
    return [dict(row) for row in connection.execute(query.order_by(PAUSE.c.run).limit(limit)).mappings()]


def mark_pause_told(tx: Transaction, run: str, number: int) -> None:
    """The run knows; unless more was said meanwhile."""
    where = (PAUSE.c.run == run, PAUSE.c.number == number)
    tx.connection.execute(PAUSE.update().where(*where).values(told=True))


def _say(tx: Transaction, tenant: str, run: str, **said: Any) -> None:
    first = {"run": run, "tenant": tenant, "number": 0, "told": False, **said}
    insert_ignore(tx.connection, PAUSE, [first])
    values = {"stop": "", **said, "told": False, "number": PAUSE.c.number + 1}
    tx.connection.execute(PAUSE.update().where(PAUSE.c.run == run).values(**values))
