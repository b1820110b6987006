"""Tables of webhooks and of what was delivered to them, and every query on them. Every one names its tenant, but that
of the door, which knows a hook's id and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Text, func, select
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import Transaction
from chargehand.runs.store import RUN, Row, table


class HookRow(SQLModel, table=True):
    """A webhook. Its secrets are nowhere: they are made from its id and the number of the secret (`hook_secrets`).

    `secret` counts from 1; the one before it is good until `old_until`, empty when it is not.
    """

    __tablename__: Any = "hook"

    id: str = Field(primary_key=True)
    tenant: str
    name: str
    agent: str
    principal: str
    made_by: str
    scheme: str
    mapping: str = Field(sa_column=Column(Text, nullable=False))
    state: str
    secret: int = Field(sa_column=Column(Integer, nullable=False))
    old_until: str = ""
    created_at: str


class HookDeliveryRow(SQLModel, table=True):
    """One request that came to a hook. `message` is the sender's id for it, empty where it could not be trusted.

    `digest` is the SHA-256 of the body that started a run or repeated one, in hex; empty for all else.
    """

    __tablename__: Any = "hook_delivery"

    id: str = Field(primary_key=True)
    tenant: str
    hook: str
    at: str
    outcome: str
    status: int = Field(sa_column=Column(Integer, nullable=False))
    message: str
    why: str = Field(sa_column=Column(Text, nullable=False))
    run: str
    address: str
    size_bytes: int = Field(sa_column=Column(Integer, nullable=False))
    digest: str = Field(default="", sa_column_kwargs={"server_default": ""})


HOOK, DELIVERY = table(HookRow), table(HookDeliveryRow)
STARTS_WITHIN = timedelta(minutes=1)
"""Between the moment a delivery comes and the moment its run is written."""

Index("ix_hook_tenant", HOOK.c.tenant, HOOK.c.created_at)
Index("ix_hook_delivery", DELIVERY.c.hook, DELIVERY.c.at, DELIVERY.c.id)


def insert_hook(tx: Transaction, row: HookRow) -> None:
    tx.connection.execute(HOOK.insert().values(**row.model_dump()))


def find_hook(connection: Connection, hook: str, tenant: str | None = None) -> Row | None:
    query = select(HOOK).where(HOOK.c.id == hook)
    if tenant is not None:
        query = query.where(HOOK.c.tenant == tenant)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def list_hooks(connection: Connection, tenant: str, limit: int = 500) -> list[Row]:
    """Newest first."""
    query = select(HOOK).where(HOOK.c.tenant == tenant).order_by(HOOK.c.created_at.desc(), HOOK.c.id.desc())
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def change_hook(tx: Transaction, tenant: str, hook: str, was: Mapping[str, Any], **columns: Any) -> bool:
    """Set columns if those of `was` are still as they were; whether they are."""
    where = (HOOK.c.id == hook, HOOK.c.tenant == tenant, *(HOOK.c[name] == value for name, value in was.items()))
    return tx.connection.execute(HOOK.update().where(*where).values(**columns)).rowcount == 1


def add_delivery(tx: Transaction, row: HookDeliveryRow, *, keep_since: datetime) -> None:
    """Insert a delivery, and forget those of the hook that are older than `keep_since`."""
    tx.connection.execute(DELIVERY.insert().values(**row.model_dump()))
    old = (DELIVERY.c.hook == row.hook, DELIVERY.c.at < clock.iso(keep_since))
    tx.connection.execute(DELIVERY.delete().where(*old))


def started_by(connection: Connection, hook: Mapping[str, Any], request_key: str, digest: str) -> str | None:
    """The run of that key if this very body started it. None: there is no such run, or its delivery is forgotten."""
    runs = select(RUN.c.id, RUN.c.created_at).where(RUN.c.tenant == hook["tenant"], RUN.c.request_key == request_key)
    run = connection.execute(runs).first()
    if run is None:
        return None
    # The delivery was written right before its run: looked for there, and not among all of the hook.
    since = clock.iso(clock.parse(run.created_at) - STARTS_WITHIN)
    query = (
        select(DELIVERY.c.run)
        .where(DELIVERY.c.tenant == hook["tenant"], DELIVERY.c.hook == hook["id"])
        .where(DELIVERY.c.at >= since, DELIVERY.c.at <= run.created_at)
        .where(DELIVERY.c.run == run.id, DELIVERY.c.digest == digest)
    )
    return connection.execute(query.limit(1)).scalar()


def count_deliveries(
    connection: Connection, hook: str, since: datetime, *, outcome: str = "", signed: bool | None = None
) -> int:
    """How many came since then; with that outcome, and with or without a good signature."""
    query = select(func.count()).where(DELIVERY.c.hook == hook, DELIVERY.c.at >= clock.iso(since))
    if outcome:
        query = query.where(DELIVERY.c.outcome == outcome)
    if signed is not None:
        query = query.where((DELIVERY.c.message != "") if signed else (DELIVERY.c.message == ""))
    return connection.execute(query).scalar_one()


def list_deliveries(connection: Connection, tenant: str, hook: str, limit: int) -> list[Row]:
    """Newest first."""
    query = select(DELIVERY).where(DELIVERY.c.tenant == tenant, DELIVERY.c.hook == hook)
    query = query.order_by(DELIVERY.c.at.desc(), DELIVERY.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
