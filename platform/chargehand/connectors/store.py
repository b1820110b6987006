"""Quarantined tools, durable: a tool that once changed waits for a person, also if it changes back or we restart."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, Text, select
from sqlmodel import Column, Field, SQLModel


class QuarantineRow(SQLModel, table=True):
    """The latest deviation of one tool. `state` is `open` until a person accepts or dismisses it."""

    __tablename__: Any = "connector_quarantine"

    tenant: str = Field(primary_key=True)
    tool: str = Field(primary_key=True)
    connector: str
    kind: str
    pinned_digest: str
    live_digest: str
    live_definition: str = Field(sa_column=Column(Text, nullable=False))
    lines: str = Field(sa_column=Column(Text, nullable=False))
    first_seen: str
    state: str
    decided_by: str = ""
    decided_at: str = ""


TABLE: Table = QuarantineRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it without declaring it


def get(connection: Connection, tenant: str, tool: str) -> dict[str, Any] | None:
    row = connection.execute(select(TABLE).where(TABLE.c.tenant == tenant, TABLE.c.tool == tool)).mappings().first()
    return None if row is None else dict(row)


def open_rows(connection: Connection, tenant: str) -> list[dict[str, Any]]:
    """All that wait for a person, by tool name."""
    query = select(TABLE).where(TABLE.c.tenant == tenant, TABLE.c.state == "open").order_by(TABLE.c.tool)
    return [dict(row) for row in connection.execute(query).mappings()]


def put(connection: Connection, row: dict[str, Any]) -> None:
    """Insert, or replace the earlier deviation of the same tool."""
    same = (TABLE.c.tenant == row["tenant"]) & (TABLE.c.tool == row["tool"])
    if connection.execute(TABLE.update().where(same).values(**row)).rowcount == 0:
        connection.execute(TABLE.insert().values(**row))


def decide(connection: Connection, tenant: str, tool: str, *, state: str, by: str, at: str) -> None:
    same = (TABLE.c.tenant == tenant) & (TABLE.c.tool == tool)
    connection.execute(TABLE.update().where(same).values(state=state, decided_by=by, decided_at=at))
