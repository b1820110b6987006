"""Budgets: limits in business units, reserved before a call leaves and settled after.

A budget has a scope (`run:<id>`, `agent:<name>`, `tenant`), a unit (`calls`, or a currency code for amounts) and a
limit. Without a budget there is no limit: caps that policy writes down use history.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction, quick
from chargehand.errors import BadInput
from chargehand.gateway.model import StoredCall
from chargehand.risk.signals import amount_of

CALLS_UNIT = "calls"


class BudgetRow(SQLModel, table=True):
    """Amounts are decimal text."""

    __tablename__: Any = "budget"

    tenant: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    limit: str
    reserved: str = "0"
    spent: str = "0"


class ReservationRow(SQLModel, table=True):
    __tablename__: Any = "budget_reservation"

    tenant: str = Field(primary_key=True)
    call_key: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    amount: str


BUDGETS: Table = SQLModel.metadata.tables["budget"]
RESERVATIONS: Table = SQLModel.metadata.tables["budget_reservation"]

_COLUMNS = 'tenant, scope, unit, "limit", reserved, spent'
_OF_SCOPES = f"SELECT {_COLUMNS} FROM budget WHERE tenant = ? AND scope IN (?, ?, ?) ORDER BY scope, unit"  # noqa: S608
_RESERVED = "SELECT scope, unit, amount FROM budget_reservation WHERE tenant = ? AND call_key = ?"


class _Budget(NamedTuple):
    tenant: str
    scope: str
    unit: str
    limit: str
    reserved: str
    spent: str


def set_limit(tx: Transaction, tenant: str, scope: str, unit: str, limit: Decimal) -> None:
    """Set or change a budget. Raises BadInput for a limit that is negative or not finite."""
    if not limit.is_finite() or limit < 0:
        raise BadInput("a limit is a number from 0", field="limit", value=str(limit))
    where = (BUDGETS.c.tenant == tenant, BUDGETS.c.scope == scope, BUDGETS.c.unit == unit)
    if tx.connection.execute(update(BUDGETS).where(*where).values(limit=str(limit))).rowcount == 0:
        row = {"tenant": tenant, "scope": scope, "unit": unit, "limit": str(limit), "reserved": "0", "spent": "0"}
        tx.connection.execute(insert(BUDGETS), row)


def reserve(
    tx: Transaction, call: StoredCall, arguments: Mapping[str, Any], amounts: Mapping[str, Decimal] | None = None
) -> str:
    """Reserve what the call costs in every budget that covers it. Returns why it is too much, or empty.

    `amounts` are the limits of each run of the agent, by currency; their rows are made when they are first needed.
    """
    for currency, limit in (amounts or {}).items():
        if call.run and _cost(currency, arguments):
            _open(tx.connection, call.tenant, f"run:{call.run}", currency, limit)
    scopes = (f"run:{call.run}", f"agent:{call.agent.removeprefix('agent:')}", "tenant")
    lock = "" if tx.connection.dialect.name == "sqlite" else " FOR UPDATE"
    rows = quick(tx.connection, _OF_SCOPES + lock, (call.tenant, *scopes)).fetchall()
    planned: list[tuple[_Budget, Decimal]] = []
    for budget in (_Budget(*row) for row in rows):
        cost = _cost(budget.unit, arguments)
        if cost == 0:
            continue
        used = Decimal(budget.reserved) + Decimal(budget.spent)
        if used + cost > Decimal(budget.limit):
            left = max(Decimal(0), Decimal(budget.limit) - used)
            return f"The budget of {budget.scope} has {left} {budget.unit} left; this needs {cost}."
        planned.append((budget, cost))
    for budget, cost in planned:
        _set(tx.connection, budget, reserved=Decimal(budget.reserved) + cost)
        row = {"tenant": call.tenant, "call_key": call.key, "scope": budget.scope, "unit": budget.unit}
        tx.connection.execute(insert(RESERVATIONS), {**row, "amount": str(cost)})
    return ""


def settle(tx: Transaction, call: StoredCall, *, spent: bool) -> None:
    """Turn the call's reservations into spending, or release them."""
    rows = quick(tx.connection, _RESERVED, (call.tenant, call.key)).fetchall()
    for scope, unit, reserved in rows:
        where = (BUDGETS.c.tenant == call.tenant, BUDGETS.c.scope == scope, BUDGETS.c.unit == unit)
        budget = tx.connection.execute(select(BUDGETS).where(*where).with_for_update()).one_or_none()
        if budget is not None:
            amount = Decimal(reserved)
            now_spent = Decimal(budget.spent) + (amount if spent else 0)
            _set(tx.connection, budget, reserved=Decimal(budget.reserved) - amount, spent=now_spent)
    if rows:
        mine = (RESERVATIONS.c.tenant == call.tenant, RESERVATIONS.c.call_key == call.key)
        tx.connection.execute(delete(RESERVATIONS).where(*mine))


def _open(connection: Connection, tenant: str, scope: str, unit: str, limit: Decimal) -> None:
    new = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    row = {"tenant": tenant, "scope": scope, "unit": unit, "limit": str(limit), "reserved": "0", "spent": "0"}
    connection.execute(new(BUDGETS).on_conflict_do_nothing(), [row])


def _cost(unit: str, arguments: Mapping[str, Any]) -> Decimal:
    if unit == CALLS_UNIT:
        return Decimal(1)
    amount = amount_of(arguments)
    return amount if amount is not None and arguments.get("currency") == unit else Decimal(0)


def _set(connection: Connection, budget: Any, *, reserved: Decimal, spent: Decimal | None = None) -> None:
    values = {"reserved": str(reserved)} | ({"spent": str(spent)} if spent is not None else {})
    where = (BUDGETS.c.tenant == budget.tenant, BUDGETS.c.scope == budget.scope, BUDGETS.c.unit == budget.unit)
    connection.execute(update(BUDGETS).where(*where).values(**values))
