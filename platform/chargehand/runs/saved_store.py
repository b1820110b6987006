"""Table of the states at which a run that failed or was stopped can be taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Integer, Text, select
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction
from chargehand.runs.store import Row, insert_ignore, table


class SavedRow(SQLModel, table=True):
    """A graph's state between two supersteps. `nodes` (a JSON list) began from it, `position` was the next leaf's.

    `state` is the text of `agents.saved`, and holds whatever the author's graph holds. `counter` is how many states
    LangGraph had numbered, `step` its own number for this one.
    """

    __tablename__: Any = "run_saved"

    run: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    tenant: str
    nodes: str = Field(sa_column=Column(Text, nullable=False))
    position: int = Field(sa_column=Column(Integer, nullable=False))
    counter: int = Field(sa_column=Column(Integer, nullable=False))
    step: int = Field(sa_column=Column(Integer, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))


SAVED = table(SavedRow)


def save(tx: Transaction, tenant: str, run: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep states; repeated ones change nothing."""
    insert_ignore(tx.connection, SAVED, [{"tenant": tenant, "run": run, **row} for row in rows])


def saved(connection: Connection, tenant: str, run: str) -> list[Row]:
    """What is kept of a run, newest first, without the states."""
    columns = [column for column in SAVED.columns if column.name != "state"]
    query = select(*columns).where(SAVED.c.tenant == tenant, SAVED.c.run == run).order_by(SAVED.c.number.desc())
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]


def state_of(connection: Connection, tenant: str, run: str, number: int) -> Row | None:
    """One of them, with its state."""
    query = select(SAVED).where(SAVED.c.tenant == tenant, SAVED.c.run == run, SAVED.c.number == number)
    found = connection.execute(query).mappings().first()
    return None if found is None else {str(name): value for name, value in found.items()}
