"""Exports of the records that match a filter, oldest first, streamed: CSV, JSON Lines, OCSF, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import orjson
from sqlalchemy import Connection, and_, func, select

from chargehand.audit import ocsf, projection, query
from chargehand.audit.filter import Node
from chargehand.audit.keys import origin
from chargehand.audit.personal import conceal, reveal
from chargehand.audit.store import LeafRow, LogRow, RecordRow, table
from chargehand.database import Database
from chargehand.errors import BadInput

Format = Literal["csv", "jsonl", "ocsf", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "ocsf": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
CHUNK = 1_000
# fmt: off
COLUMNS = (
    "seq", "at", "id", "tenant", "kind", "principal", "chain", "agent", "agent_version", "signed_in_by", "run", "step",
    "call_key", "tool", "pin", "effect", "arguments", "digest", "decision", "rules", "policy_revision", "approval",
    "outcome", "result_digest", "business_key", "trace_id", "detail",
)
# fmt: on
_WHO = frozenset({"principal", "chain", "agent", "agent_version", "signed_in_by"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Progress = Callable[[int, int], None]
"""Called with records done and records in all."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One record on its way out: its number, exact leaf, and what the reader may see of it."""

    seq: int
    leaf: bytes
    content: dict[str, Any]


def records(
    db: Database, tenant: str, node: Node | None, *, personal: bool = False, progress: Progress | None = None
) -> Iterator[Exported]:
    """Every match that was appended before the first one is taken, in log order, read in chunks."""
    projection.project(db, tenant)
    total, end = db.read_now(lambda connection: _extent(connection, tenant, node, personal))
    done, last = 0, -1
    while last < end:
        some = db.read_now(lambda connection, after=last: _chunk(connection, tenant, node, after, end, personal))
        if not some:
            break
        yield from some
        done, last = done + len(some), some[-1].seq
        if progress is not None:
            progress(done, total)


def stream(
    db: Database,
    tenant: str,
    node: Node | None,
    form: Format,
    *,
    personal: bool = False,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    """The export as bytes, a piece at a time. Raises BadInput for Parquet, which needs a file: see `write`."""
    found = records(db, tenant, node, personal=personal, progress=progress)
    if form == "csv":
        return _csv(found)
    if form == "jsonl":
        return (orjson.dumps({"seq": one.seq, **one.content}) + b"\n" for one in found)
    if form == "ocsf":
        log = origin(db.read_now(lambda c: c.execute(select(table(LogRow).c.name)).scalar_one()), tenant)
        return (orjson.dumps(ocsf.event(one.seq, one.leaf, one.content, origin=log)) + b"\n" for one in found)
    raise BadInput("Can't be streamed.", field="format", value=form, way_out="Ask for csv, jsonl or ocsf.")


def write(
    db: Database,
    tenant: str,
    node: Node | None,
    form: Format,
    target: Path,
    *,
    personal: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the export to a file that appears whole or not at all; returns its size in bytes.

    Raises BadInput for Parquet without the extra `chargehand[parquet]`. What `progress` raises stops the export.
    """
    scratch = target.with_name(f".{target.name}.part")
    try:
        if form == "parquet":
            _parquet(records(db, tenant, node, personal=personal, progress=progress), scratch)
        else:
            with scratch.open("wb") as file:
                for piece in stream(db, tenant, node, form, personal=personal, progress=progress):
                    file.write(piece)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target.stat().st_size


def _extent(connection: Connection, tenant: str, node: Node | None, personal: bool) -> tuple[int, int]:
    rows = table(RecordRow).c
    counted = select(func.count(), func.max(rows.seq)).where(query.where(connection, tenant, node, personal=personal))
    total, end = connection.execute(counted).one()
    return total, -1 if end is None else end


def _chunk(
    connection: Connection, tenant: str, node: Node | None, after: int, end: int, personal: bool
) -> list[Exported]:
    rows, leaf = table(RecordRow).c, table(LeafRow).c
    found = connection.execute(
        select(rows.seq, leaf.leaf)
        .join_from(table(RecordRow), table(LeafRow), and_(leaf.tenant == rows.tenant, leaf.seq == rows.seq))
        .where(query.where(connection, tenant, node, personal=personal), rows.seq > after, rows.seq <= end)
        .order_by(rows.seq)
        .limit(CHUNK)
    ).all()
    return [Exported(r.seq, r.leaf, _shown(connection, tenant, r.leaf, personal)) for r in found if r.leaf is not None]


def _shown(connection: Connection, tenant: str, leaf: bytes, personal: bool) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(leaf)
    return reveal(connection, tenant, content) if personal else conceal(content)


def _flat(one: Exported) -> dict[str, Any]:
    """A record as one row of texts; what is nested is JSON."""
    who: dict[str, Any] = one.content.get("who", {})
    row: dict[str, Any] = {"seq": one.seq}
    for name in COLUMNS[1:]:
        value: Any = (who if name in _WHO else one.content).get(name, "")
        if isinstance(value, list):
            value = " ".join(str(part) for part in cast("list[Any]", value))
        row[name] = value if isinstance(value, str) else orjson.dumps(value).decode()
    return row


def _csv(found: Iterator[Exported]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in found:
        # A spreadsheet would run a cell that begins like a formula.
        cells = [f"'{c}" if isinstance(c, str) and c.startswith(_FORMULA) else c for c in _flat(one).values()]
        writer.writerow(cells)
        if text.tell() > 64 * 1024:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _parquet(found: Iterator[Exported], target: Path) -> None:
    try:
        import pyarrow  # an extra, and heavy
        from pyarrow import parquet
    except ImportError:
        raise BadInput(
            "Parquet needs pyarrow.", field="format", value="parquet", way_out="Install chargehand[parquet]."
        ) from None
    arrow, files = cast("Any", pyarrow), cast("Any", parquet)
    schema = arrow.schema(
        [
            ("seq", arrow.int64()),
            ("at", arrow.timestamp("us", tz="UTC")),
            *((name, arrow.string()) for name in COLUMNS[2:]),
            ("leaf", arrow.binary()),
        ]
    )
    with files.ParquetWriter(target, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for one in found:
            rows.append(_flat(one) | {"at": projection.micros(one.content["at"]), "leaf": one.leaf})
            if len(rows) == 10 * CHUNK:
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                rows = []
        writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
