"""The call table and its queries. Every query names the tenant, except the sweep, which serves all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, Index, Table, or_, select, text
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import quick
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

_NAMES = tuple(column.name for column in CALLS.columns)
_COLUMNS = ", ".join(f'"{name}"' for name in _NAMES)
_SELECT = f'SELECT {_COLUMNS} FROM tool_call WHERE tenant = ? AND "key" = ?'  # noqa: S608  # only names of ours
_INSERT = f"INSERT INTO tool_call ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608
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


def add(connection: Connection, values: Mapping[str, Any]) -> StoredCall:
    """Insert a row and return it. Raises DatabaseUnavailable for a second one of the same tenant and key."""
    row = tuple(values[name] if name in values else _EMPTY[name] for name in _NAMES)
    quick(connection, _INSERT, row)
    return stored(row)


def get(connection: Connection, tenant: str, key: str, *, for_update: bool = False) -> StoredCall | None:
    """One call; `for_update` holds its row until the end of the transaction."""
    statement = _SELECT if not for_update or connection.dialect.name == "sqlite" else f"{_SELECT} FOR UPDATE"
    row = quick(connection, statement, (tenant, key)).fetchone()
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
    statement = _update(tuple(values), len(states), bool(digest), fence is not None)
    guards = (*states, *((digest,) if digest else ()), *(() if fence is None else (fence,)))
    return quick(connection, statement, (*values.values(), tenant, key, *guards)).rowcount == 1


@lru_cache(maxsize=256)
def _update(names: tuple[str, ...], states: int, with_digest: bool, with_fence: bool) -> str:
    unknown = set(names) - set(_NAMES)
    if unknown:
        raise ValueError(f"tool_call has no columns {sorted(unknown)}")
    columns = ", ".join(f'"{name}" = ?' for name in names)
    guards = (" AND digest = ?" if with_digest else "") + (" AND fence = ?" if with_fence else "")
    where = f'tenant = ? AND "key" = ? AND state IN ({", ".join("?" * states)}){guards}'
    return f"UPDATE tool_call SET {columns} WHERE {where}"  # noqa: S608  # names are checked, the rest is bound


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


def stored(row: Sequence[Any]) -> StoredCall:
    """A row, its columns in the table's order."""
    at = dict(zip(_NAMES, row, strict=True))
    for name in ("person", "acting_agent", "counterparty"):
        del at[name]
    for name in ("chain", "rules"):
        at[name] = tuple(orjson.loads(at[name]))
    for name in ("lease_until", "first_sent_at", "alive_until", "earlier_alive_until", "settled_at"):
        at[name] = clock.parse(at[name]) if at[name] else None
    at["proposed_at"] = clock.parse(at["proposed_at"])
    at["failure"] = Failure.model_validate_json(at["failure"]) if at["failure"] else None
    return StoredCall(**at)
