"""Appending to the action log, as part of the caller's own transaction. Fails closed.

`append` only remembers the leaf; all leaves of a commit take their numbers together: one update of the tenant's head
row reserves the range, one statement inserts it. The head row stays locked until the commit, so numbers become visible
in order and without gaps, however many processes append.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from chargehand import clock, telemetry
from chargehand.audit import leaf as leaves
from chargehand.audit.model import Record
from chargehand.audit.personal import Personal, says_something, seal, seal_words
from chargehand.audit.store import HeadRow, LogRow, table
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable

DEFAULT_NAME = "chargehand.local"

_TAKE = "UPDATE audit_head SET size = size + ? WHERE tenant = ? AND halted = '' RETURNING size"
_INSERT_MANY = "INSERT INTO audit_leaf (tenant, seq, leaf) VALUES (?, ?, ?)"
_TAKE_AND_INSERT = """
WITH head AS (UPDATE audit_head SET size = size + %s WHERE tenant = %s AND halted = '' RETURNING tenant, size)
INSERT INTO audit_leaf (tenant, seq, leaf)
SELECT head.tenant, head.size - %s + o - 1, l FROM head, unnest(%s::bytea[]) WITH ORDINALITY AS x(l, o)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record whose leaf is already encoded, unless something in it must be sealed first; made by `prepare`."""

    tenant: str
    leaf: bytes
    unsealed: Record | None = None


def initialise(db: Database, *, name: str = DEFAULT_NAME) -> None:
    """Create the log once; a second call changes nothing. Until then every append is refused.

    `name` is how checkpoints call this installation: a host name the operator owns, as C2SP asks for log origins.
    Called when a process of the platform starts, and by tests.
    """

    def unit(tx: Transaction) -> None:
        if tx.connection.execute(select(table(LogRow).c.one)).first() is None:
            tx.connection.execute(table(LogRow).insert().values(one=1, name=name, created_at=clock.iso(clock.now())))

    try:
        db.write_now(unit)
    except IntegrityError:  # another process was faster
        return


def prepare(record: Record) -> Entry:
    """Encode a record outside the writer's thread. Raises BadInput if JSON can't hold it or it is too big."""
    content = leaves.fields(record)
    return Entry(record.tenant, leaves.encode(content), record if says_something(content) else None)


def append(
    tx: Transaction, record: Record | Entry, *, personal: Personal | Sequence[Personal] | dict[str, Any] | None = None
) -> None:
    """Add a record; durable with the transaction of `tx`, or not at all. It names the trace in which it is made.

    `personal` names fields that are encrypted under the key of the person they speak of, for example
    `Personal("customer:42", ("arguments.email",))`, or the same as a dict: erasing that key later takes the data away
    and leaves every proof valid. Words of people in `detail` are sealed without being named: see `free_text`.

    Raises:
        BadInput: the record can't be encoded, is too big, or a personal field is not in it.
        AuditUnavailable: (at the commit) the log is not initialised, halted, or can't be written; nothing is kept.
    """
    if isinstance(record, Record) and not record.trace_id and (trace := telemetry.trace_id()):
        record = record.model_copy(update={"trace_id": trace})
    tx.defer(_flush, record if isinstance(record, Entry) and record.unsealed is None else _sealed(tx, record, personal))


def _sealed(tx: Transaction, record: Record | Entry, personal: Any) -> Entry:
    made = record.unsealed if isinstance(record, Entry) and record.unsealed else record
    assert isinstance(made, Record)  # noqa: S101  # an Entry that needs no sealing does not come here
    content = leaves.fields(made)
    if personal:
        content = seal(tx, made.tenant, content, personal, run=made.run)
    if says_something(content):
        content = seal_words(tx, made.tenant, content)
    return Entry(made.tenant, leaves.encode(content))


def _flush(connection: Connection, entries: list[Entry]) -> None:
    by_tenant: dict[str, list[bytes]] = {}
    for entry in entries:
        by_tenant.setdefault(entry.tenant, []).append(entry.leaf)
    try:
        for tenant in sorted(by_tenant):  # one order everywhere, so that two processes never wait for each other
            _insert(connection, tenant, by_tenant[tenant])
    except (DBAPIError, connection.dialect.loaded_dbapi.Error) as error:  # the driver's own: it is used directly
        raise AuditUnavailable(
            f"The action log could not be written: {getattr(error, 'orig', error)}.",
            way_out="Nothing was called; try again.",
        ) from error


def _insert(connection: Connection, tenant: str, batch: list[bytes]) -> None:
    """Number and insert a batch; holds the tenant's head row until the commit."""
    raw: Any = connection.connection.driver_connection
    add = _add_sqlite if connection.dialect.name == "sqlite" else _add_postgresql
    if add(raw, tenant, batch):
        return
    _open_tenant(connection, tenant)
    if not add(raw, tenant, batch):
        raise AuditUnavailable(f"The action log of {tenant!r} could not be opened.")


def _add_sqlite(raw: Any, tenant: str, batch: list[bytes]) -> bool:
    """Whether the tenant has a log that may be appended to."""
    row = raw.execute(_TAKE, (len(batch), tenant)).fetchone()
    if row is not None:
        first = row[0] - len(batch)
        raw.executemany(_INSERT_MANY, [(tenant, first + n, leaf) for n, leaf in enumerate(batch)])
    return row is not None


def _add_postgresql(raw: Any, tenant: str, batch: list[bytes]) -> bool:
    """The same in one statement: a round trip less, and the order comes from the array."""
    size = len(batch)
    return raw.execute(_TAKE_AND_INSERT, (size, tenant, size, batch)).rowcount == size


def _open_tenant(connection: Connection, tenant: str) -> None:
    head, log = table(HeadRow), table(LogRow)
    halted = connection.execute(select(head.c.halted).where(head.c.tenant == tenant)).scalar_one_or_none()
    if halted:
        raise AuditUnavailable(
            f"The action log of {tenant!r} is halted: {halted}",
            way_out="See docs/action-log.md, 'When the log halts'.",
        )
    if connection.execute(select(log.c.one)).first() is None:
        raise AuditUnavailable(
            "The action log is not initialised.", way_out="Call chargehand.audit.log.initialise(db) at start."
        )
    if halted is None:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(
            f"INSERT INTO audit_head (tenant, size, halted) VALUES ({mark}, 0, '') ON CONFLICT DO NOTHING",  # noqa: S608
            (tenant,),
        )
