"""The call table and its queries. Every query names the tenant, except the sweep, which serves all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Index, Row, Table, bindparam, insert, or_, select, text, update
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.gateway.model import StoredCall
from chargehand.outcome import Failure


class ToolCallRow(SQLModel, table=True):
    """One tool call. Times are RFC 3339 text in UTC; lists and objects are JSON text; '' is none."""

    __tablename__: Any = "tool_call"
    __table_args__ = (
        Index("tool_call_by_tool", "tenant", "tool", "proposed_at"),
        Index("tool_call_by_run", "tenant", "run", "proposed_at"),
        Index("tool_call_by_age", "tenant", "proposed_at"),
        Index("tool_call_by_counterparty", "tenant", "counterparty", "proposed_at"),
        Index(
            "tool_call_open",
            "state",
            "lease_until",
            sqlite_where=text("state IN ('dispatched', 'in_doubt')"),
            postgresql_where=text("state IN ('dispatched', 'in_doubt')"),
        ),
    )

    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    run: str
    chain: str
    person: str
    acting_agent: str
    agent: str
    agent_version: str
    step: str
    business_key: str
    tool: str
    effect: str
    delivery: str
    pin: str
    exact: str
    digest: str
    counterparty: str
    sentence: str
    verdict: str
    rules: str
    policy_revision: str
    state: str
    outcome: str = ""
    result: str = ""
    result_digest: str = ""
    failure: str = ""
    approval: str = ""
    grant: str = ""
    mandate: str = ""
    attempts: int = 0
    fence: int = 0
    holder: str = ""
    lease_until: str = ""
    first_sent_at: str = ""
    alive_until: str = ""
    earlier_alive_until: str = ""
    proposed_at: str
    settled_at: str = ""
    finding: str = ""


CALLS: Table = SQLModel.metadata.tables["tool_call"]

_INSERT = insert(CALLS)
_BY_KEY = select(CALLS).where(CALLS.c.tenant == bindparam("t"), CALLS.c.key == bindparam("k"))
_BY_KEY_LOCKED = _BY_KEY.with_for_update()


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a row; a second one of the same tenant and key raises IntegrityError."""
    connection.execute(_INSERT, {**_EMPTY, **values})


_EMPTY: dict[str, Any] = {
    "outcome": "",
    "result": "",
    "result_digest": "",
    "failure": "",
    "approval": "",
    "grant": "",
    "mandate": "",
    "attempts": 0,
    "fence": 0,
    "holder": "",
    "lease_until": "",
    "first_sent_at": "",
    "alive_until": "",
    "earlier_alive_until": "",
    "settled_at": "",
    "finding": "",
}


def get(connection: Connection, tenant: str, key: str, *, for_update: bool = False) -> StoredCall | None:
    """One call; `for_update` holds its row until the end of the transaction."""
    row = connection.execute(_BY_KEY_LOCKED if for_update else _BY_KEY, {"t": tenant, "k": key}).one_or_none()
    return None if row is None else stored(row)


def change(
    connection: Connection,
    tenant: str,
    key: str,
    values: Mapping[str, Any],
    *,
    states: Sequence[str],
    digest: str = "",
    fence: int | None = None,
) -> bool:
    """Set columns of a call that is in one of `states` (and has this digest and fence). Returns whether it was."""
    query = update(CALLS).where(CALLS.c.tenant == tenant, CALLS.c.key == key, CALLS.c.state.in_(states))
    if digest:
        query = query.where(CALLS.c.digest == digest)
    if fence is not None:
        query = query.where(CALLS.c.fence == fence)
    return connection.execute(query.values(**values)).rowcount == 1


def later_write(connection: Connection, call: StoredCall) -> bool:
    """Whether another write to the same system was sent after `call` was: repeating it could undo that one."""
    sent = clock.iso(call.first_sent_at) if call.first_sent_at else ""
    query = (
        select(CALLS.c.key)
        .where(
            CALLS.c.tenant == call.tenant,
            CALLS.c.tool.startswith(f"{call.connector}.", autoescape=True),
            CALLS.c.effect != "read",
            CALLS.c.key != call.key,
            CALLS.c.first_sent_at > sent,
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def list_calls(
    connection: Connection,
    tenant: str,
    *,
    states: Sequence[str] = (),
    run: str = "",
    agent: str = "",
    tool: str = "",
    connector: str = "",
    before: tuple[str, str] | None = None,
    limit: int = 100,
) -> list[StoredCall]:
    """Calls of one tenant, newest first; `before` is (proposed_at, key) of the last one already seen."""
    query = select(CALLS).where(CALLS.c.tenant == tenant)
    if states:
        query = query.where(CALLS.c.state.in_(states))
    if run:
        query = query.where(CALLS.c.run == run)
    if agent:
        query = query.where(or_(CALLS.c.agent == agent, CALLS.c.acting_agent == agent))
    if tool:
        query = query.where(CALLS.c.tool == tool)
    if connector:
        query = query.where(CALLS.c.tool.startswith(f"{connector}.", autoescape=True))
    if before:
        at, key = before
        query = query.where(or_(CALLS.c.proposed_at < at, (CALLS.c.proposed_at == at) & (CALLS.c.key < key)))
    query = query.order_by(CALLS.c.proposed_at.desc(), CALLS.c.key.desc()).limit(limit)
    return [stored(row) for row in connection.execute(query)]


def orphans(connection: Connection, before: datetime, limit: int) -> list[StoredCall]:
    """Dispatched calls of all tenants whose lease ended before `before`: nobody works on them."""
    query = (
        select(CALLS)
        .where(CALLS.c.state == "dispatched", CALLS.c.lease_until < clock.iso(before))
        .order_by(CALLS.c.lease_until)
        .limit(limit)
    )
    return [stored(row) for row in connection.execute(query)]


def stored(row: Row[Any]) -> StoredCall:
    return StoredCall(
        tenant=row.tenant,
        key=row.key,
        run=row.run,
        chain=tuple(orjson.loads(row.chain)),
        agent=row.agent,
        agent_version=row.agent_version,
        step=row.step,
        business_key=row.business_key,
        tool=row.tool,
        effect=row.effect,
        delivery=row.delivery,
        pin=row.pin,
        exact=row.exact,
        digest=row.digest,
        sentence=row.sentence,
        verdict=row.verdict,
        rules=tuple(orjson.loads(row.rules)),
        policy_revision=row.policy_revision,
        state=row.state,
        outcome=row.outcome,
        result=row.result,
        result_digest=row.result_digest,
        failure=Failure.model_validate_json(row.failure) if row.failure else None,
        approval=row.approval,
        grant=row.grant,
        mandate=row.mandate,
        attempts=row.attempts,
        fence=row.fence,
        holder=row.holder,
        lease_until=_time(row.lease_until),
        first_sent_at=_time(row.first_sent_at),
        alive_until=_time(row.alive_until),
        earlier_alive_until=_time(row.earlier_alive_until),
        proposed_at=clock.parse(row.proposed_at),
        settled_at=_time(row.settled_at),
        finding=row.finding,
    )


def _time(value: str) -> datetime | None:
    return clock.parse(value) if value else None
