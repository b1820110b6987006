"""The table of model calls: what was used, and the answer while a crash could ask for it again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Index, RowMapping, Table, Text, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction
from chargehand.models.model import Used


class ModelCallRow(SQLModel, table=True):
    """One answered call. `cost` is a decimal as text, empty where no price is known."""

    __tablename__: Any = "model_call"

    key: str = Field(primary_key=True)
    tenant: str
    run: str
    agent: str
    principal: str
    step: str
    tier: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: str
    currency: str
    seconds: float
    message: str = Field(sa_column=Column(Text, nullable=False))
    at: str


class ReservationRow(SQLModel, table=True):
    """What a call under way may use at most."""

    __tablename__: Any = "model_reservation"

    key: str = Field(primary_key=True)
    tenant: str
    run: str
    tokens: int
    cost: str


CALL: Table = SQLModel.metadata.tables["model_call"]
RESERVATION: Table = SQLModel.metadata.tables["model_reservation"]

Index("ix_model_call_run", CALL.c.tenant, CALL.c.run)
Index("ix_model_reservation_run", RESERVATION.c.tenant, RESERVATION.c.run)
Index("ix_model_call_at", CALL.c.tenant, CALL.c.at)


def find(connection: Connection, tenant: str, key: str) -> RowMapping | None:
    return connection.execute(select(CALL).where(CALL.c.key == key, CALL.c.tenant == tenant)).mappings().first()


def keep(tx: Transaction, row: ModelCallRow) -> None:
    """Keep an answered call; the first answer stays. What was reserved for it is free again."""
    new = sqlite_insert if tx.connection.dialect.name == "sqlite" else postgresql_insert
    tx.connection.execute(new(CALL).on_conflict_do_nothing(), [row.model_dump()])
    release(tx, row.tenant, row.key)


def lock_run(tx: Transaction, tenant: str, run: str) -> None:
    """Until the transaction ends, no other one reserves for this run. SQLite has one writer anyway."""
    if tx.connection.dialect.name != "sqlite":
        tx.connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"model/{tenant}/{run}", 0))))


def used_and_reserved(connection: Connection, tenant: str, run: str, *, but: str) -> Used:
    """What the run's calls used, and what those under way have reserved; without the call `but`."""
    calls, tokens, cost = 0, 0, Decimal(0)
    for table in (CALL, RESERVATION):
        size = CALL.c.tokens_in + CALL.c.tokens_out if table is CALL else RESERVATION.c.tokens
        query = select(size, table.c.cost).where(table.c.tenant == tenant, table.c.run == run, table.c.key != but)
        for used, price in connection.execute(query):
            calls, tokens, cost = calls + 1, tokens + used, cost + Decimal(price or 0)
    return Used(calls, tokens, cost)


def reserve(tx: Transaction, tenant: str, run: str, key: str, *, tokens: int, cost: Decimal) -> None:
    """Replaces what the call had reserved before."""
    release(tx, tenant, key)
    row = {"tenant": tenant, "run": run, "key": key, "tokens": tokens, "cost": str(cost)}
    tx.connection.execute(insert(RESERVATION), row)


def release(tx: Transaction, tenant: str, key: str) -> None:
    tx.connection.execute(delete(RESERVATION).where(RESERVATION.c.tenant == tenant, RESERVATION.c.key == key))


def cost_of_runs(connection: Connection, tenant: str, runs: Sequence[str]) -> dict[str, tuple[str, Decimal]]:
    """By run, the currency and the sum of what its calls cost; runs without a priced call are left out.

    A run whose calls are priced in several currencies shows the first.
    """
    query = select(CALL.c.run, CALL.c.currency, CALL.c.cost).where(
        CALL.c.tenant == tenant, CALL.c.run.in_(runs), CALL.c.cost != ""
    )
    found: dict[str, tuple[str, Decimal]] = {}
    for run, currency, cost in connection.execute(query.order_by(CALL.c.run, CALL.c.at)):
        kept, amount = found.get(run, (currency, Decimal(0)))
        if kept == currency:
            found[run] = (kept, amount + Decimal(cost))
    return found


def usage_rows(connection: Connection, tenant: str, since: str, until: str) -> list[RowMapping]:
    """Usage by day, agent, model and principal; `at` is the day, `cost` stays with each call."""
    columns = (
        CALL.c.at,
        CALL.c.agent,
        CALL.c.model,
        CALL.c.principal,
        CALL.c.tokens_in,
        CALL.c.tokens_out,
        CALL.c.cost,
        CALL.c.currency,
        CALL.c.run,
    )
    query = select(*columns).where(CALL.c.tenant == tenant, CALL.c.at >= since, CALL.c.at < until).order_by(CALL.c.at)
    return list(connection.execute(query).mappings())
