"""Tables of runs, their events and person tasks, and every query on them. Every one names its tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Index, Integer, Select, Table, Text, and_, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Field, SQLModel

from chargehand import clock, telemetry
from chargehand.database import Transaction, quick


class RunRow(SQLModel, table=True):
    """A run. `chain` runs from the person outward; `request_key` makes a start idempotent within its tenant.

    `held_up` is why it does not go on, see `held_up.HeldUp`; empty for almost all.

    `retry_from` is the number of the state of `retry_of` at which it takes up; empty: it begins from its input.
    """

    __tablename__: Any = "run"

    id: str = Field(primary_key=True)
    tenant: str
    request_key: str
    agent: str
    agent_version: str
    title: str
    business_key: str
    state: str
    principal: str
    chain: str = Field(sa_column=Column(Text, nullable=False))
    signed_in_by: str
    input: str = Field(sa_column=Column(Text, nullable=False))
    result: str = Field(default="", sa_column=Column(Text, nullable=False))
    failure: str = Field(default="", sa_column=Column(Text, nullable=False))
    waiting: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    events: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    parent: str = ""
    retry_of: str = ""
    retry_from: str = Field(default="", sa_column_kwargs={"server_default": ""})
    trace_id: str = ""
    held_up: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    created_at: str
    ended_at: str = ""


class RunEventRow(SQLModel, table=True):
    """One event. Numbered by the workflow, so that a repeated write adds nothing."""

    __tablename__: Any = "run_event"

    run: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    tenant: str
    at: str
    kind: str
    step: str
    data: str = Field(sa_column=Column(Text, nullable=False))


class PersonTaskRow(SQLModel, table=True):
    """A question to a person. `told` says whether the run has been given the answer."""

    __tablename__: Any = "person_task"

    id: str = Field(primary_key=True)
    tenant: str
    run: str
    agent: str
    node: str
    question: str = Field(sa_column=Column(Text, nullable=False))
    title: str
    form: str = Field(sa_column=Column(Text, nullable=False))
    to: str
    principal: str
    state: str
    asked_at: str
    expires_at: str
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
    answered_by: str = ""
    answered_at: str = ""
    told: bool = True


Row = dict[str, Any]


def table(row: type[SQLModel]) -> Table:
    """The core table of a SQLModel class, typed."""
    found: Any = getattr(row, "__table__")  # noqa: B009  # SQLModel does not type it
    return found


# Of one statement: SQLite takes 32,766 parameters.
_ROWS = 200
_INSERT_EVENTS = "INSERT INTO run_event (run, seq, tenant, at, kind, step, data) VALUES"
_STAND = (
    "UPDATE run SET events = ?, waiting = ?, held_up = '', "
    "state = CASE WHEN state IN ('stopping', 'paused') THEN state ELSE ? END "
    "WHERE id = ? AND events < ? AND state NOT IN ('succeeded', 'failed', 'stopped')"
)

RUN, EVENT, TASK = table(RunRow), table(RunEventRow), table(PersonTaskRow)

Index("ux_run_request_key", RUN.c.tenant, RUN.c.request_key, unique=True)
# The title is in it so that a search for words reads the index and not the rows.
Index("ix_run_created", RUN.c.tenant, RUN.c.created_at, RUN.c.id, RUN.c.title)
Index("ix_run_agent", RUN.c.tenant, RUN.c.agent, RUN.c.created_at, RUN.c.id)
Index("ix_run_version", RUN.c.tenant, RUN.c.agent_version, RUN.c.created_at, RUN.c.id)
Index("ix_run_state", RUN.c.tenant, RUN.c.state, RUN.c.created_at, RUN.c.id)
Index("ix_run_principal", RUN.c.tenant, RUN.c.principal, RUN.c.created_at)
Index("ix_run_business_key", RUN.c.tenant, RUN.c.business_key, RUN.c.created_at)
Index("ix_run_parent", RUN.c.parent, sqlite_where=RUN.c.parent != "", postgresql_where=RUN.c.parent != "")
_OPEN = RUN.c.state.in_(("starting", "stopping"))
Index("ix_run_open", RUN.c.state, RUN.c.created_at, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_task_run", TASK.c.tenant, TASK.c.run)
Index("ix_task_state", TASK.c.tenant, TASK.c.state, TASK.c.asked_at)
Index("ix_task_untold", TASK.c.id, sqlite_where=~TASK.c.told, postgresql_where=~TASK.c.told)


def insert_ignore(connection: Connection, into: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those whose key is there already change nothing."""
    if rows:
        insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
        connection.execute(insert(into).on_conflict_do_nothing(), [dict(row) for row in rows])


def insert_run(tx: Transaction, row: RunRow) -> Row:
    """Insert a run unless its request key is taken; the row that is there afterwards."""
    row.trace_id = row.trace_id or telemetry.trace_id() or telemetry.new_trace_id()
    insert_ignore(tx.connection, RUN, [row.model_dump()])
    found = find_by_key(tx.connection, row.tenant, row.request_key)
    assert found is not None  # noqa: S101  # inserted one line above, in the same transaction
    return found


def find_by_key(connection: Connection, tenant: str, request_key: str) -> Row | None:
    where = and_(RUN.c.tenant == tenant, RUN.c.request_key == request_key)
    return _one(connection, select(RUN).where(where))


def find_by_keys(connection: Connection, tenant: str, request_keys: Sequence[str]) -> list[Row]:
    """Id, request key, principal and state of the runs with these keys, in no order."""
    columns = (RUN.c.id, RUN.c.request_key, RUN.c.principal, RUN.c.state)
    where = and_(RUN.c.tenant == tenant, RUN.c.request_key.in_(request_keys))
    return [
        {str(name): value for name, value in row.items()}
        for row in connection.execute(select(*columns).where(where)).mappings()
    ]


def trace_of(connection: Connection, run: str) -> str:
    """The trace that a run is in; empty for none, and for what is no run."""
    return connection.execute(select(RUN.c.trace_id).where(RUN.c.id == run)).scalar() or ""


def find_run(connection: Connection, run: str, tenant: str | None = None) -> Row | None:
    """A run by id. Without a tenant only for workers, which learn the tenant from it."""
    query = select(RUN).where(RUN.c.id == run)
    if tenant is not None:
        query = query.where(RUN.c.tenant == tenant)
    return _one(connection, query)


def state_of(connection: Connection, tenant: str, run: str) -> str | None:
    """None for what is no run of the tenant."""
    query = select(RUN.c.state).where(RUN.c.id == run, RUN.c.tenant == tenant)
    return connection.execute(query).scalar()


def children(connection: Connection, tenant: str, run: str) -> tuple[str, ...]:
    query = select(RUN.c.id).where(RUN.c.parent == run, RUN.c.tenant == tenant).order_by(RUN.c.created_at, RUN.c.id)
    return tuple(connection.execute(query).scalars())


def retried_as(connection: Connection, tenant: str, run: str) -> str:
    query = select(RUN.c.id).where(RUN.c.retry_of == run, RUN.c.tenant == tenant).order_by(RUN.c.created_at.desc())
    return connection.execute(query).scalars().first() or ""


def set_state(tx: Transaction, run: str, state: str, *, of: Iterable[str], **columns: Any) -> bool:
    """Move a run to `state` if it is in one of the states `of`; whether it did."""
    query = RUN.update().where(RUN.c.id == run, RUN.c.state.in_(tuple(of))).values(state=state, held_up="", **columns)
    return tx.connection.execute(query).rowcount == 1


def set_version(tx: Transaction, run: str, version: str) -> None:
    """The version on which a run began."""
    tx.connection.execute(RUN.update().where(RUN.c.id == run).values(agent_version=version))


def add_events(tx: Transaction, tenant: str, run: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Insert a run's events; repeated ones change nothing."""
    rows = [(run, one["seq"], tenant, one["at"], one["kind"], one["step"], one["data"]) for one in events]
    for some in (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)):
        quick(tx.connection, _insert_events(len(some)), [value for row in some for value in row])


@lru_cache(maxsize=_ROWS)
def _insert_events(count: int) -> str:
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * count)
    return f"{_INSERT_EVENTS} {rows} ON CONFLICT DO NOTHING"


def events_there(connection: Connection, run: str, numbers: Sequence[int]) -> frozenset[int]:
    """Which of these events are kept already."""
    query = select(EVENT.c.seq).where(EVENT.c.run == run, EVENT.c.seq.in_(numbers))
    return frozenset(connection.execute(query).scalars())


def stand(tx: Transaction, run: str, *, seq: int, state: str, waiting: str) -> None:
    """Where the run stands as of event `seq`, unless something newer is known or it has ended."""
    # A run that is being stopped stays so until it says that it has stopped, a paused one until it is resumed.
    quick(tx.connection, _STAND, (seq, waiting, state, run, seq))


def read_events(connection: Connection, tenant: str, run: str, after: int, limit: int) -> list[Row]:
    query = (
        select(EVENT)
        .where(EVENT.c.run == run, EVENT.c.tenant == tenant, EVENT.c.seq > after)
        .order_by(EVENT.c.seq)
        .limit(limit)
    )
    return _all(connection, query)


def list_runs(
    connection: Connection,
    tenant: str,
    *,
    agent: str = "",
    version: str = "",
    states: Iterable[str] = (),
    principal: str = "",
    business_key: str = "",
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[str, str] | None = None,
    limit: int = 50,
) -> list[Row]:
    """Runs, newest first, one more than `limit` if there are more. `before` is (created_at, id) of the last seen."""
    query = select(RUN.c.id).where(RUN.c.tenant == tenant)
    equal = (
        (RUN.c.agent, agent),
        (RUN.c.agent_version, version),
        (RUN.c.principal, principal),
        (RUN.c.business_key, business_key),
    )
    for column, value in equal:
        if value:
            query = query.where(column == value)
    wanted = tuple(states)
    if wanted:
        query = query.where(RUN.c.state.in_(wanted))
    if text:
        ulid = text.strip().removeprefix("run_").upper()  # as every id is written
        by_id = RUN.c.id.contains(ulid, autoescape=True)
        named = text.strip().startswith("run_")
        query = query.where(by_id if named else or_(_holds(connection, RUN.c.title, text), by_id))
    if since:
        query = query.where(RUN.c.created_at >= clock.iso(since))
    if until:
        query = query.where(RUN.c.created_at < clock.iso(until))
    if before:
        at, last = before
        query = query.where(or_(RUN.c.created_at < at, and_(RUN.c.created_at == at, RUN.c.id < last)))
    newest_first = RUN.c.created_at.desc(), RUN.c.id.desc()
    page = query.order_by(*newest_first).limit(limit + 1)  # found in an index; only then are rows read
    return _all(connection, select(RUN).where(RUN.c.id.in_(page)).order_by(*newest_first))


def runs_in(connection: Connection, states: Iterable[str], *, before: datetime, limit: int = 100) -> list[Row]:
    """Runs of all tenants in these states that were created before a time, oldest first; for the outbox."""
    query = (
        select(RUN)
        .where(RUN.c.state.in_(tuple(states)), RUN.c.created_at < clock.iso(before))
        .order_by(RUN.c.created_at)
        .limit(limit)
    )
    return _all(connection, query)


def find_task(connection: Connection, task: str, tenant: str | None = None) -> Row | None:
    query = select(TASK).where(TASK.c.id == task)
    if tenant is not None:
        query = query.where(TASK.c.tenant == tenant)
    return _one(connection, query)


def list_tasks(
    connection: Connection,
    tenant: str,
    *,
    run: str = "",
    states: Iterable[str] = (),
    to: Sequence[str] = (),
    person: str = "",
    limit: int = 200,
) -> list[Row]:
    """Newest first. With `to` only those that are put to one of these; with `person` also those of their runs, and
    those that they answered.
    """
    query = select(TASK).where(TASK.c.tenant == tenant)
    if run:
        query = query.where(TASK.c.run == run)
    wanted = tuple(states)
    if wanted:
        query = query.where(TASK.c.state.in_(wanted))
    if to:
        own = (TASK.c.principal == person, TASK.c.answered_by == person) if person else ()
        query = query.where(or_(TASK.c.to.in_(to), *own))
    return _all(connection, query.order_by(TASK.c.asked_at.desc(), TASK.c.id).limit(limit))


def close_task(tx: Transaction, task: str, state: str, **columns: Any) -> bool:
    """Close an open task; False when it was closed already."""
    query = TASK.update().where(TASK.c.id == task, TASK.c.state == "open").values(state=state, **columns)
    return tx.connection.execute(query).rowcount == 1


def untold_tasks(connection: Connection, limit: int = 100) -> list[Row]:
    """Answered tasks whose run has not been given the answer; of all tenants, for the outbox."""
    return _all(connection, select(TASK).where(~TASK.c.told).order_by(TASK.c.id).limit(limit))


def mark_told(tx: Transaction, task: str) -> None:
    tx.connection.execute(TASK.update().where(TASK.c.id == task).values(told=True))


def _holds(connection: Connection, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether the text is in it, in capitals or not. SQLite's LIKE looks past them by itself, at half the cost."""
    if connection.dialect.name == "sqlite":
        return column.contains(text, autoescape=True)
    return column.icontains(text, autoescape=True)


def _one(connection: Connection, query: Select[Any]) -> Row | None:
    found = connection.execute(query).mappings().first()
    return None if found is None else {str(name): value for name, value in found.items()}


def _all(connection: Connection, query: Select[Any]) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]
