"""The table of model calls: what was used, and the answer while a crash could ask for it again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Index, RowMapping, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction


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


_table: Any = getattr(ModelCallRow, "__table__")  # noqa: B009  # SQLModel does not type it
CALL: Table = _table

Index("ix_model_call_run", CALL.c.tenant, CALL.c.run)
Index("ix_model_call_at", CALL.c.tenant, CALL.c.at)


def find(connection: Connection, tenant: str, key: str) -> RowMapping | None:
    return connection.execute(select(CALL).where(CALL.c.key == key, CALL.c.tenant == tenant)).mappings().first()


def keep(tx: Transaction, row: ModelCallRow) -> None:
    """Keep an answered call; the first answer stays."""
    insert = sqlite_insert if tx.connection.dialect.name == "sqlite" else postgresql_insert
    tx.connection.execute(insert(CALL).on_conflict_do_nothing(), [row.model_dump()])


def tokens_of_run(connection: Connection, tenant: str, run: str) -> int:
    """Tokens used by a run so far."""
    used = func.coalesce(func.sum(CALL.c.tokens_in + CALL.c.tokens_out), 0)
    return int(connection.execute(select(used).where(CALL.c.run == run, CALL.c.tenant == tenant)).scalar_one())


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
