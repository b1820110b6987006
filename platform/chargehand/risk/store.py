"""The table of freezes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import quick
from chargehand.risk.model import Freeze


class FreezeRow(SQLModel, table=True):
    """A freeze is in force while `lifted_at` is empty."""

    __tablename__: Any = "freeze"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    scope: str
    name: str
    reason: str
    frozen_by: str
    frozen_at: str
    lifted_by: str = ""
    lifted_at: str = Field("", index=True)
    lifted_reason: str = ""


FREEZES: Table = SQLModel.metadata.tables["freeze"]
_COLUMNS = "id, tenant, scope, name, reason, frozen_by, frozen_at"
_IN_FORCE = f"SELECT {_COLUMNS} FROM \"freeze\" WHERE tenant = ? AND lifted_at = ''"  # noqa: S608  # only names of ours


def add(connection: Connection, freeze: Freeze) -> None:
    connection.execute(
        insert(FREEZES),
        {
            "tenant": freeze.tenant,
            "id": freeze.id,
            "scope": freeze.scope,
            "name": freeze.name,
            "reason": freeze.reason,
            "frozen_by": freeze.frozen_by,
            "frozen_at": clock.iso(freeze.frozen_at),
            "lifted_by": "",
            "lifted_at": "",
            "lifted_reason": "",
        },
    )


def lift(connection: Connection, tenant: str, freeze: str, by: str, reason: str, at: datetime) -> bool:
    """Returns whether it was in force."""
    return (
        connection.execute(
            update(FREEZES)
            .where(FREEZES.c.tenant == tenant, FREEZES.c.id == freeze, FREEZES.c.lifted_at == "")
            .values(lifted_by=by, lifted_at=clock.iso(at), lifted_reason=reason)
        ).rowcount
        == 1
    )


def get(connection: Connection, tenant: str, freeze: str) -> Freeze | None:
    row = connection.execute(select(FREEZES).where(FREEZES.c.tenant == tenant, FREEZES.c.id == freeze)).one_or_none()
    return None if row is None else _freeze(row)


def in_force(connection: Connection, tenant: str) -> list[Freeze]:
    """What is frozen in one tenant now."""
    return [
        Freeze(id_, of, scope, name, reason, by, clock.parse(at))
        for id_, of, scope, name, reason, by, at in quick(connection, _IN_FORCE, (tenant,)).fetchall()
    ]


def all_of(connection: Connection, tenant: str) -> Sequence[Freeze]:
    """Every freeze of one tenant, newest first."""
    query = select(FREEZES).where(FREEZES.c.tenant == tenant).order_by(FREEZES.c.frozen_at.desc())
    return [_freeze(row) for row in connection.execute(query)]


def _freeze(row: Row[Any]) -> Freeze:
    return Freeze(
        id=row.id,
        tenant=row.tenant,
        scope=row.scope,
        name=row.name,
        reason=row.reason,
        frozen_by=row.frozen_by,
        frozen_at=clock.parse(row.frozen_at),
        lifted_by=row.lifted_by,
        lifted_at=clock.parse(row.lifted_at) if row.lifted_at else None,
    )
