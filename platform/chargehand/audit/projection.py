"""From leaves to the rows that queries filter by, off the hot path.

Whoever reads or signs first brings the projection up to date; one at a time a tenant, in order, each leaf once. What it
writes can be dropped and rebuilt from the leaves, and no proof depends on it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import orjson
from sqlalchemy import Connection, select, update

from chargehand import clock
from chargehand.audit import search_key
from chargehand.audit.personal import hidden
from chargehand.audit.store import HeadRow, LeafRow, ProjectedRow, RecordRow, RollupRow, table
from chargehand.audit.words import of_record, of_values
from chargehand.database import Database, Transaction
from chargehand.errors import DatabaseUnavailable

CHUNK_SQLITE = 256
"""Leaves a transaction: small, because other writers wait behind it."""

CHUNK_POSTGRESQL = 1_024
"""There nobody waits behind it."""

_SEALED = b'{"sealed":'

COLUMNS = tuple(column.name for column in table(RecordRow).columns if column.name != "n")
_ROLLED = ("agent", "tool", "effect", "decision", "outcome")
_PLAIN = [
    "id",
    "kind",
    "run",
    "step",
    "call_key",
    "tool",
    "pin",
    "effect",
    "digest",
    "decision",
    "policy_revision",
    "approval",
    "outcome",
    "result_digest",
    "business_key",
    "trace_id",
]


def project(db: Database, tenant: str, *, seconds: float | None = None) -> int:
    """Bring a tenant's rows up to where its log is now, for `seconds` at most; returns how many are to do then.

    What is appended meanwhile is left for the next call, so that a busy log does not hold the caller for ever.
    """
    start, target, chunk = db.read_now(lambda connection: _pending(connection, tenant))
    until = None if seconds is None else time.monotonic() + seconds
    while chunk and start < target and (until is None or time.monotonic() < until):
        sealed = _sealed_words(db, tenant, chunk)
        rows = [_row(tenant, start + n, leaf, sealed.get(n, "")) for n, leaf in enumerate(chunk) if leaf is not None]
        end = start + len(chunk)
        db.write_apart(lambda tx, start=start, end=end, rows=rows: _write(tx, tenant, start, end, rows))
        start, _, chunk = db.read_now(lambda connection: _pending(connection, tenant))
    return max(target - start, 0)


def lag(connection: Connection, tenant: str) -> int:
    """How many records of the log are not projected yet."""
    start, size, _ = _span(connection, tenant)
    return size - start


def pending(connection: Connection, tenant: str) -> Iterator[bytes]:
    """The leaves that are not projected yet."""
    start, _, _ = _span(connection, tenant)
    leaf = table(LeafRow)
    mine = (leaf.c.tenant == tenant) & (leaf.c.seq >= start) & leaf.c.leaf.is_not(None)
    return (bytes(row.leaf) for row in connection.execute(select(leaf.c.leaf).where(mine)))


def rebuild(db: Database, tenant: str) -> None:
    """Derive every row of a tenant afresh."""

    def unit(tx: Transaction) -> None:
        records = table(RecordRow)
        if db.is_sqlite:
            tx.connection.exec_driver_sql(
                "INSERT INTO audit_words(audit_words, rowid, words) SELECT 'delete', n, words FROM audit_record "
                "WHERE tenant = ?",
                (tenant,),
            )
        for emptied in (records, table(RollupRow), table(ProjectedRow)):
            tx.connection.execute(emptied.delete().where(emptied.c.tenant == tenant))

    db.write_now(unit)
    project(db, tenant)


def forget(connection: Connection, tenant: str, seqs: list[int]) -> None:
    """Drop the rows of retired records; the hourly counts stay."""
    records = table(RecordRow)
    mine = (records.c.tenant == tenant) & records.c.seq.in_(seqs)
    if connection.dialect.name == "sqlite":
        rows = connection.execute(select(records.c.n, records.c.words).where(mine)).all()
        raw: Any = connection.connection.driver_connection
        raw.executemany(
            "INSERT INTO audit_words(audit_words, rowid, words) VALUES ('delete', ?, ?)", [tuple(row) for row in rows]
        )
    connection.execute(records.delete().where(mine))


def _span(connection: Connection, tenant: str) -> tuple[int, int, None]:
    head, projected = table(HeadRow), table(ProjectedRow)
    size = connection.execute(select(head.c.size).where(head.c.tenant == tenant)).scalar_one_or_none() or 0
    start = connection.execute(select(projected.c.size).where(projected.c.tenant == tenant)).scalar_one_or_none() or 0
    return start, size, None


def _pending(connection: Connection, tenant: str) -> tuple[int, int, list[bytes | None]]:
    start, size, _ = _span(connection, tenant)
    if start >= size:
        return start, size, []
    leaf = table(LeafRow)
    chunk = CHUNK_SQLITE if connection.dialect.name == "sqlite" else CHUNK_POSTGRESQL
    found = connection.execute(
        select(leaf.c.leaf)  # a retired one is None
        .where(leaf.c.tenant == tenant, leaf.c.seq >= start, leaf.c.seq < start + chunk)
        .order_by(leaf.c.seq)
    )
    return start, size, [row.leaf for row in found]


def derive_words(connection: Connection, tenant: str, seqs: Sequence[int]) -> None:
    """Index records afresh, after what they hold sealed was erased."""
    records, leaf = table(RecordRow), table(LeafRow)
    mine = (records.c.tenant == tenant) & records.c.seq.in_(seqs)
    found = connection.execute(
        select(records.c.n, records.c.words, leaf.c.leaf)
        .join_from(records, leaf, (leaf.c.tenant == records.c.tenant) & (leaf.c.seq == records.c.seq))
        .where(mine)
    ).all()
    hashed = search_key.blind(connection, tenant)
    for n, old, content in found:
        if content is None:
            continue
        read: dict[str, Any] = orjson.loads(content)
        new = _all_words(read, hidden(connection, tenant, read), hashed) if hashed else of_record(read)
        connection.execute(update(records).where(records.c.n == n).values(words=new))
        if connection.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            raw.execute("INSERT INTO audit_words(audit_words, rowid, words) VALUES ('delete', ?, ?)", (n, old))
            raw.execute("INSERT INTO audit_words (rowid, words) VALUES (?, ?)", (n, new))


def _sealed_words(db: Database, tenant: str, chunk: Sequence[bytes | None]) -> dict[int, str]:
    """The hashed words of what is sealed in each leaf, by its place in the chunk."""
    sealed = {n: orjson.loads(leaf) for n, leaf in enumerate(chunk) if leaf is not None and _SEALED in leaf}
    if not sealed:
        return {}
    hashed = search_key.made(db, tenant)

    def read(connection: Connection) -> dict[int, str]:
        return {
            n: " ".join(hashed(word) for word in of_values(hidden(connection, tenant, content)))
            for n, content in sealed.items()
        }

    return db.read_now(read)


def _all_words(content: dict[str, Any], sealed: Iterable[Any], hashed: search_key.Blind) -> str:
    return " ".join([of_record(content), *(hashed(word) for word in of_values(sealed))])


def _row(tenant: str, seq: int, leaf: bytes, sealed_words: str = "") -> tuple[Any, ...]:
    content: dict[str, Any] = orjson.loads(leaf)
    who: dict[str, Any] = content.get("who", {})
    values: dict[str, Any] = {name: content.get(name, "") for name in _PLAIN}
    values |= {
        "tenant": tenant,
        "seq": seq,
        "at": micros(content["at"]),
        "rules": " ".join(cast("list[str]", content.get("rules", []))),
        "principal": who.get("principal", ""),
        "agent": who.get("agent", ""),
        "agent_version": who.get("agent_version", ""),
        "signed_in_by": who.get("signed_in_by", ""),
        "words": f"{of_record(content)} {sealed_words}".rstrip(),
    }
    return tuple(values[name] for name in COLUMNS)


def micros(at: str) -> int:
    """RFC 3339 to microseconds since 1970."""
    moment = clock.parse(at)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _write(tx: Transaction, tenant: str, start: int, end: int, rows: list[tuple[Any, ...]]) -> None:
    connection = tx.connection
    if start == 0:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(
            f"INSERT INTO audit_projected (tenant, size) VALUES ({mark}, 0) ON CONFLICT DO NOTHING",  # noqa: S608
            (tenant,),
        )
    projected = table(ProjectedRow)
    moved = connection.execute(
        update(projected).where(projected.c.tenant == tenant, projected.c.size == start).values(size=end)
    )
    if moved.rowcount != 1:  # another process has done these
        return
    try:
        _insert(connection, rows)
        _roll_up(connection, tenant, rows)
    except connection.dialect.loaded_dbapi.Error as error:  # the driver's own: it is used directly
        raise DatabaseUnavailable(f"The action log could not be made queryable: {error}.") from error


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    raw: Any = connection.connection.driver_connection
    names = ", ".join(COLUMNS)
    if connection.dialect.name == "sqlite":
        first = (raw.execute("SELECT max(n) FROM audit_record").fetchone()[0] or 0) + 1
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        raw.executemany(
            f"INSERT INTO audit_record (n, {names}) VALUES ({marks})",  # noqa: S608
            [(first + n, *row) for n, row in enumerate(rows)],
        )
        words = COLUMNS.index("words")
        raw.executemany(
            "INSERT INTO audit_words (rowid, words) VALUES (?, ?)",
            [(first + n, row[words]) for n, row in enumerate(rows)],
        )
    else:
        with raw.cursor() as cursor, cursor.copy(f"COPY audit_record ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _roll_up(connection: Connection, tenant: str, rows: list[tuple[Any, ...]]) -> None:
    at, kind, rolled = COLUMNS.index("at"), COLUMNS.index("kind"), [COLUMNS.index(name) for name in _ROLLED]
    counts = Counter((row[at] // 3_600_000_000, row[kind], *(row[n] for n in rolled)) for row in rows)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    raw: Any = connection.connection.driver_connection
    statement = (
        "INSERT INTO audit_rollup (tenant, hour, kind, agent, tool, effect, decision, outcome, n) "  # noqa: S608
        f"VALUES ({', '.join([mark] * 9)}) "
        "ON CONFLICT (tenant, hour, kind, agent, tool, effect, decision, outcome) "
        "DO UPDATE SET n = audit_rollup.n + excluded.n"
    )
    raw.cursor().executemany(statement, [(tenant, *key, n) for key, n in sorted(counts.items())])
