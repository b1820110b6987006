"""The table of intakes (where messages come from that start an agent), and every query on it. Every one names its
tenant, but that of the worker that reads what is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Text, select
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import Transaction
from chargehand.runs.store import Row, table


class IntakeRow(SQLModel, table=True):
    """`cursor` is the tool's own word for how far was read; it moves in the transaction that writes the runs.

    `reads` counts the claims, so that each read is a call of its own.
    """

    __tablename__: Any = "intake"

    id: str = Field(primary_key=True)
    tenant: str
    name: str
    agent: str
    principal: str
    made_by: str
    tool: str
    arguments: str = Field(sa_column=Column(Text, nullable=False))
    mapping: str = Field(sa_column=Column(Text, nullable=False))
    every_seconds: int = Field(sa_column=Column(Integer, nullable=False))
    state: str
    cursor: str = Field(sa_column=Column(Text, nullable=False))
    reads: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    started: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    next_at: str
    last_at: str = ""
    last_run: str = ""
    last_problem: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: str


INTAKE = table(IntakeRow)
Index("ix_intake_tenant", INTAKE.c.tenant, INTAKE.c.created_at)
_ACTIVE = INTAKE.c.state == "active"
Index("ix_intake_due", INTAKE.c.next_at, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)


def insert_intake(tx: Transaction, row: IntakeRow) -> None:
    tx.connection.execute(INTAKE.insert().values(**row.model_dump()))


def find_intake(connection: Connection, tenant: str, intake: str) -> Row | None:
    query = select(INTAKE).where(INTAKE.c.id == intake, INTAKE.c.tenant == tenant)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def list_intakes(connection: Connection, tenant: str, limit: int = 500) -> list[Row]:
    """Newest first."""
    query = select(INTAKE).where(INTAKE.c.tenant == tenant).order_by(INTAKE.c.created_at.desc(), INTAKE.c.id.desc())
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def due_intakes(connection: Connection, now: datetime, limit: int = 100) -> list[Row]:
    """Active intakes of all tenants whose time to read has come, the longest due first."""
    due = (INTAKE.c.state == "active", INTAKE.c.next_at <= clock.iso(now))
    query = select(INTAKE).where(*due).order_by(INTAKE.c.next_at).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def change_intake(tx: Transaction, intake: Mapping[str, Any], was: tuple[str, ...], **columns: Any) -> bool:
    """Set columns if those that `was` names are still as `intake` has them; whether they are."""
    same = (INTAKE.c[name] == intake[name] for name in was)
    where = (INTAKE.c.id == intake["id"], INTAKE.c.tenant == intake["tenant"], *same)
    return tx.connection.execute(INTAKE.update().where(*where).values(**columns)).rowcount == 1


def delete_intake(tx: Transaction, tenant: str, intake: str) -> bool:
    """Whether it was there."""
    where = (INTAKE.c.id == intake, INTAKE.c.tenant == tenant)
    return tx.connection.execute(INTAKE.delete().where(*where)).rowcount == 1
