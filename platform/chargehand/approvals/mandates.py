"""Mandates inside somebody's transaction: does one cover this call, and its use, counted and logged.

A mandate stands in for the one approval that its giver could have given: where a rule wants two people, or the giver
has lost the role, asked for the call, or is excluded by the rule, it covers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, delete, insert, select, update
from sqlmodel import Field, SQLModel

from chargehand import clock, ids
from chargehand.approvals.quorum import Roles, merged, met
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Transaction
from chargehand.policy.model import ApprovalRule


class MandateRow(SQLModel, table=True):
    """Amounts are decimal text; '' is no cap on that."""

    __tablename__: Any = "mandate"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    agent: str
    tool: str
    calls: int
    calls_used: int = 0
    field: str = ""
    total: str = ""
    total_used: str = "0"
    each: str = ""
    currency: str = ""
    until: str
    given_by: str
    given_at: str
    reason: str
    proposal: str = ""
    revoked_by: str = ""
    revoked_at: str = ""
    revoked_reason: str = ""


class MandateUseRow(SQLModel, table=True):
    """Which calls used a mandate, and how much of it."""

    __tablename__: Any = "mandate_use"

    tenant: str = Field(primary_key=True)
    mandate: str = Field(primary_key=True)
    call_key: str = Field(primary_key=True)
    amount: str
    at: str


MANDATES: Table = SQLModel.metadata.tables["mandate"]
USES: Table = SQLModel.metadata.tables["mandate_use"]

MandateState = Literal["active", "used_up", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Mandate:
    """A standing, capped, expiring pre-approval. `agent` is the bare name."""

    id: str
    tenant: str
    agent: str
    tool: str
    calls: int
    calls_used: int
    field: str
    total: Decimal | None
    total_used: Decimal
    each: Decimal | None
    currency: str
    until: datetime
    given_by: str
    given_at: datetime
    reason: str
    revoked_at: datetime | None = None

    def state(self, at: datetime) -> MandateState:
        if self.revoked_at is not None:
            return "revoked"
        if at >= self.until:
            return "expired"
        spent = self.total is not None and self.total_used >= self.total
        return "used_up" if self.calls_used >= self.calls or spent else "active"


@dataclass(frozen=True, slots=True)
class Use:
    """The call that a mandate would cover."""

    call_key: str
    agent: str
    tool: str
    arguments: Mapping[str, Any]
    requester: str


def find(
    tx: Transaction,
    roles: Roles,
    tenant: str,
    use_: Use,
    rules: Sequence[ApprovalRule],
    at: datetime,
    agent_owner: str = "",
) -> str:
    """The id of a mandate that covers the call now, or empty."""
    query = select(MANDATES).where(
        MANDATES.c.tenant == tenant,
        MANDATES.c.agent == use_.agent.removeprefix("agent:"),
        MANDATES.c.tool == use_.tool,
        MANDATES.c.revoked_at == "",
        MANDATES.c.until > clock.iso(at),
    )
    for row in tx.connection.execute(query.order_by(MANDATES.c.until).with_for_update()):
        mandate = mandate_of(row)
        if _covers(mandate, use_) and may_give(roles, tenant, mandate.given_by, rules, use_.requester, agent_owner):
            return mandate.id
    return ""


def may_give(
    roles: Roles, tenant: str, person: str, rules: Sequence[ApprovalRule], requester: str, agent_owner: str
) -> bool:
    """Whether this one person's approval would satisfy the rules."""
    held = roles.roles_of(tenant, person)
    if any(rule.not_policy_author for rule in rules):  # who wrote the policy can't be told for calls to come
        return False
    if any(rule.not_requester for rule in rules) and person == requester:
        return False
    owners = {agent_owner, agent_owner.removeprefix("group:")} - {""}
    if any(rule.not_agent_owner for rule in rules) and (person in owners or owners & held):
        return False
    return met(merged(rules), [held])


def use(tx: Transaction, tenant: str, mandate: str, call_key: str, arguments: Mapping[str, Any], at: datetime) -> None:
    """Count one use and log it. Call it in the transaction in which `find` named the mandate."""
    row = tx.connection.execute(
        select(MANDATES).where(MANDATES.c.tenant == tenant, MANDATES.c.id == mandate).with_for_update()
    ).one()
    found = mandate_of(row)
    used = _amount(found, arguments) or Decimal(0)
    _count(tx.connection, found, 1, used)
    tx.connection.execute(
        insert(USES),
        {"tenant": tenant, "mandate": mandate, "call_key": call_key, "amount": str(used), "at": clock.iso(at)},
    )
    detail = {"event": "used", "mandate": mandate, "calls_used": found.calls_used + 1, "amount": str(used)}
    record(tx, found, Who(principal=f"agent:{found.agent}"), detail, call_key=call_key)


def give_back(tx: Transaction, tenant: str, mandate: str, call_key: str) -> None:
    """Undo a use, for a call of which provably nothing was sent."""
    where = (USES.c.tenant == tenant, USES.c.mandate == mandate, USES.c.call_key == call_key)
    used = tx.connection.execute(select(USES).where(*where)).one_or_none()
    row = tx.connection.execute(
        select(MANDATES).where(MANDATES.c.tenant == tenant, MANDATES.c.id == mandate).with_for_update()
    ).one_or_none()
    if used is None or row is None:
        return
    found = mandate_of(row)
    tx.connection.execute(delete(USES).where(*where))
    _count(tx.connection, found, -1, -Decimal(used.amount))
    record(
        tx, found, Who(principal=f"agent:{found.agent}"), {"event": "given_back", "mandate": mandate}, call_key=call_key
    )


def record(tx: Transaction, mandate: Mandate, who: Who, detail: dict[str, Any], *, call_key: str = "") -> None:
    log.append(
        tx,
        Record(
            id=ids.new_id("rec"),
            at=clock.iso(clock.now()),
            tenant=mandate.tenant,
            kind="mandate",
            who=who,
            call_key=call_key,
            tool=mandate.tool,
            detail={"agent": mandate.agent, **detail},
        ),
    )


def mandate_of(row: Row[Any]) -> Mandate:
    return Mandate(
        id=row.id,
        tenant=row.tenant,
        agent=row.agent,
        tool=row.tool,
        calls=row.calls,
        calls_used=row.calls_used,
        field=row.field,
        total=Decimal(row.total) if row.total else None,
        total_used=Decimal(row.total_used),
        each=Decimal(row.each) if row.each else None,
        currency=row.currency,
        until=clock.parse(row.until),
        given_by=row.given_by,
        given_at=clock.parse(row.given_at),
        reason=row.reason,
        revoked_at=clock.parse(row.revoked_at) if row.revoked_at else None,
    )


def _covers(mandate: Mandate, use_: Use) -> bool:
    if mandate.calls_used >= mandate.calls:
        return False
    if mandate.currency and use_.arguments.get("currency") != mandate.currency:
        return False
    if mandate.total is None and mandate.each is None:
        return True
    amount = _amount(mandate, use_.arguments)
    if amount is None or amount < 0:
        return False
    if mandate.each is not None and amount > mandate.each:
        return False
    return mandate.total is None or mandate.total_used + amount <= mandate.total


def _amount(mandate: Mandate, arguments: Mapping[str, Any]) -> Decimal | None:
    """The argument that the mandate caps, where it is an exact number."""
    value = arguments.get(mandate.field) if mandate.field else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _count(connection: Connection, mandate: Mandate, calls: int, amount: Decimal) -> None:
    connection.execute(
        update(MANDATES)
        .where(MANDATES.c.tenant == mandate.tenant, MANDATES.c.id == mandate.id)
        .values(calls_used=mandate.calls_used + calls, total_used=str(mandate.total_used + amount))
    )
