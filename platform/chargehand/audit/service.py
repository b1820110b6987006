"""Reading the action log: pages, charts, saved queries, proofs, evidence. The door for API, console and command line.

Nothing here appends but the acts that are recorded themselves (exports of evidence are; see `evidence`).
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, func, select

from chargehand import clock
from chargehand.audit import charts, exports, projection, query, saved
from chargehand.audit.evidence import Progress, Prover, retirements
from chargehand.audit.fields import FIELDS, LABELS, FilterField
from chargehand.audit.filter import Node, parse
from chargehand.audit.format import VerifierKey
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.personal import conceal, reveal
from chargehand.audit.query import Cursor
from chargehand.audit.store import HeadRow, LeafRow, ProjectedRow, RecordRow, RollupRow, table
from chargehand.database import Database
from chargehand.errors import AuditUnavailable, BadInput, NotFound
from chargehand.ids import new_id

T = TypeVar("T")
MAX_PAGE = 1_000
MAX_SELECTION = 100_000


@dataclass(frozen=True, slots=True)
class Logged:
    """A record and its number in the tenant's log; sealed fields are shown, hidden or erased as the reader may see."""

    seq: int
    record: Record


@dataclass(frozen=True, slots=True)
class Page:
    """Records newest first. `next` is the `after` of the following page, None on the last."""

    items: tuple[Logged, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Completion:
    """A field for a query editor: what it means, its values and the words that people use for them."""

    field: FilterField
    values: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Status:
    """A tenant's log: `signed` of `size` records are under a checkpoint; `halted` says why none can be added."""

    size: int
    signed: int
    queryable: int
    signed_at: str
    cosigned_by: tuple[str, ...]
    halted: str


class AuditService:
    """The action log of every tenant in `db`. Proofs and evidence need the `state_dir` in which it is published."""

    def __init__(self, db: Database, state_dir: Path | None = None) -> None:
        self._db = db
        self._state_dir = state_dir

    async def query(
        self,
        tenant: str,
        filter: str = "",  # noqa: A002  # what a caller writes
        *,
        limit: int = 50,
        after: str | None = None,
        zone: tzinfo = UTC,
        personal: bool = False,
    ) -> Page:
        """The records that match `filter` (docs/action-log.md), newest first, at most `limit`.

        `zone` is in which days begin; `personal` opens sealed fields and finds their words, for readers who may see
        them. Everything that was appended before the call is found.

        Raises:
            BadInput: `filter`, `limit` or `after` can't be used; names column and way out.
        """
        return await asyncio.to_thread(
            self.query_now, tenant, filter, limit=limit, after=after, zone=zone, personal=personal
        )

    def query_now(
        self,
        tenant: str,
        filter: str = "",  # noqa: A002  # what a caller writes
        *,
        limit: int = 50,
        after: str | None = None,
        zone: tzinfo = UTC,
        personal: bool = False,
    ) -> Page:
        """`query`, for callers without an event loop."""
        if not 1 <= limit <= MAX_PAGE:
            raise BadInput("Out of bounds.", field="limit", value=limit, way_out=f"Ask for 1 to {MAX_PAGE}.")
        node = parse(filter, zone=zone)
        cursor = Cursor.parse(after) if after else None
        return self._fresh(tenant, lambda connection: _page(connection, tenant, node, limit, cursor, personal))

    async def record(self, tenant: str, name: str, *, personal: bool = False) -> Logged:
        """One record by its id or its number. Raises NotFound."""
        return await self._read(tenant, lambda connection: _record(connection, tenant, name, personal))

    async def histogram(
        self,
        tenant: str,
        filter: str = "",  # noqa: A002
        *,
        bucket: charts.Bucket = "day",
        by: str = "",
        zone: tzinfo = UTC,
        personal: bool = False,
    ) -> tuple[charts.Bar, ...]:
        """Counts over time, by a field if one is named. Raises BadInput."""
        node = parse(filter, zone=zone)
        return await self._read(
            tenant, lambda c: charts.histogram(c, tenant, node, bucket, by, zone, personal=personal)
        )

    async def facets(
        self,
        tenant: str,
        filter: str = "",  # noqa: A002
        *,
        fields: Sequence[str] = ("tool", "decision", "outcome"),
        limit: int = 20,
        zone: tzinfo = UTC,
        personal: bool = False,
    ) -> tuple[charts.Facet, ...]:
        """The most frequent values of each field among the records that match. Raises BadInput."""
        node = parse(filter, zone=zone)
        return await self._read(
            tenant, lambda c: tuple(charts.facet(c, tenant, node, f, limit, personal=personal) for f in fields)
        )

    async def completions(self, tenant: str) -> tuple[Completion, ...]:
        """What a query editor offers: every field, fixed values with their labels, and the tools and agents seen."""
        return await self._read(tenant, lambda connection: _completions(connection, tenant))

    async def save_query(self, tenant: str, owner: str, name: str, filter: str) -> None:  # noqa: A002
        """Keep a filter under a name; `owner` empty shares it with the tenant. Raises BadInput."""
        parse(filter)
        await self._db.write(lambda tx: saved.save(tx.connection, tenant, owner, name, filter))

    async def saved_queries(self, tenant: str, owner: str) -> tuple[saved.SavedQuery, ...]:
        """The owner's filters and the shared ones, by name."""
        return await self._db.read(lambda connection: saved.listed(connection, tenant, owner))

    async def delete_query(self, tenant: str, owner: str, name: str) -> None:
        """Forget a saved filter. Raises NotFound."""
        await self._db.write(lambda tx: saved.delete(tx.connection, tenant, owner, name))

    async def status(self, tenant: str) -> Status:
        """How far the log is signed, and whether it may be appended to."""
        size, queryable, halted = await self._db.read(lambda connection: _sizes(connection, tenant))
        signed = None
        if self._state_dir is not None:
            try:
                signed = await asyncio.to_thread(Prover(self._db, self._state_dir, tenant).newest)
            except AuditUnavailable:
                signed = None
        if signed is None:
            return Status(size, 0, queryable, "", (), halted)
        return Status(size, signed.checkpoint.size, queryable, signed.at, signed.cosigned_by, halted)

    async def proof(self, tenant: str, name: str) -> dict[str, Any]:
        """Inclusion proof of one record (see docs/action-log.md, 'Check one record yourself').

        Raises:
            NotFound: no such record, or not signed yet.
            AuditUnavailable: the log is not published here, or the published log is damaged.
        """
        seq = (await self.record(tenant, name)).seq
        return await asyncio.to_thread(self._prover(tenant).inclusion, seq)

    async def evidence(
        self,
        tenant: str,
        target: Path,
        filter: str = "",  # noqa: A002
        *,
        who: Who,
        whole: bool = True,
        zone: tzinfo = UTC,
        witnesses: Sequence[VerifierKey] = (),
        progress: Progress | None = None,
    ) -> int:
        """Write an evidence file of everything from the first to the last match; returns its size in bytes.

        With `whole` every record in between is in it, so that completeness can be checked; without, only the matches
        are given with their content (at most MAX_SELECTION). The export is itself recorded.

        Raises:
            BadInput, NotFound: the filter can't be used, or matches nothing that is signed.
            AuditUnavailable: nothing is signed yet.
        """
        node, prover = parse(filter, zone=zone), self._prover(tenant)
        await self._db.write(
            lambda tx: append(tx, _export_record(tenant, who, {"act": "export", "as": "evidence", "filter": filter}))
        )
        first, last, selection = await self._read(tenant, lambda c: _matches(c, tenant, node, whole))
        retired = await self._db.read(lambda c: retirements(c, tenant, table(RecordRow)))
        return await asyncio.to_thread(
            lambda: prover.write(
                target,
                first=first,
                end=last + 1,
                selection=selection,
                selected_by="" if whole else filter,
                witnesses=witnesses,
                retirements=retired,
                progress=progress,
            )
        )

    async def export(
        self,
        tenant: str,
        target: Path,
        filter: str = "",  # noqa: A002
        *,
        form: exports.Format,
        who: Who,
        personal: bool = False,
        zone: tzinfo = UTC,
        progress: Progress | None = None,
    ) -> int:
        """Write the matches to a file (CSV, JSON Lines, OCSF, Parquet), oldest first; returns its size in bytes.

        The export is itself recorded, before the first byte. Raises BadInput.
        """
        node = await self._record_export(tenant, filter, form, who, personal, zone)
        return await asyncio.to_thread(
            lambda: exports.write(self._db, tenant, node, form, target, personal=personal, progress=progress)
        )

    async def export_stream(
        self,
        tenant: str,
        filter: str = "",  # noqa: A002
        *,
        form: exports.Format,
        who: Who,
        personal: bool = False,
        zone: tzinfo = UTC,
        progress: Progress | None = None,
    ) -> Iterator[bytes]:
        """`export` as pieces for an HTTP answer (not Parquet); iterate outside the event loop. Raises BadInput."""
        node = await self._record_export(tenant, filter, form, who, personal, zone)
        return exports.stream(self._db, tenant, node, form, personal=personal, progress=progress)

    async def _record_export(
        self,
        tenant: str,
        filter: str,  # noqa: A002
        form: str,
        who: Who,
        personal: bool,
        zone: tzinfo,
    ) -> Node | None:
        node = parse(filter, zone=zone)
        detail = {"act": "export", "as": form, "filter": filter, "personal": personal}
        await self._db.write(lambda tx: append(tx, _export_record(tenant, who, detail)))
        return node

    async def checkpoint(self, tenant: str) -> dict[str, Any]:
        """The newest signed checkpoint and its key. Raises AuditUnavailable before the first."""
        prover = self._prover(tenant)
        signed = await asyncio.to_thread(prover.newest)
        return {
            "origin": signed.checkpoint.origin,
            "size": signed.checkpoint.size,
            "root": signed.checkpoint.root.hex(),
            "checkpoint": signed.note,
            "key": str(key := prover.chain.key_for(signed.checkpoint.size)),
            "public_key": b64encode(key.public).decode(),
            "first_key": str(prover.key),
            "rotations": prover.rotations(),
            "signed_at": signed.at,
            "cosigned_by": list(signed.cosigned_by),
        }

    async def consistency(self, tenant: str, old: int, new: int) -> dict[str, Any]:
        """Proof that the log of size `new` continues that of size `old`; hashes in hex. Raises NotFound."""
        return await asyncio.to_thread(self._prover(tenant).consistency, old, new)

    def _prover(self, tenant: str) -> Prover:
        if self._state_dir is None:
            raise AuditUnavailable("No published log is at hand.", way_out="Give AuditService the state folder.")
        return Prover(self._db, self._state_dir, tenant)

    async def _read(self, tenant: str, reader: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._fresh, tenant, reader)

    def _fresh(self, tenant: str, reader: Callable[[Connection], T]) -> T:
        """Read after bringing the projection up to date."""
        projection.project(self._db, tenant)
        return self._db.read_now(reader)


def _page(
    connection: Connection, tenant: str, node: Node | None, limit: int, cursor: Cursor | None, personal: bool
) -> Page:
    rows = query.page(connection, tenant, node, limit + 1, cursor, personal=personal)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        tuple(_logged(connection, tenant, row.seq, row.leaf, personal) for row in rows[:limit]),
        None if last is None else str(Cursor(last.at, last.seq)),
    )


def _record(connection: Connection, tenant: str, name: str, personal: bool) -> Logged:
    leaf, records = table(LeafRow), table(RecordRow)
    seq: Any = int(name) if name.isdecimal() and len(name) < 19 else None
    if seq is None:
        found = select(records.c.seq).where(records.c.tenant == tenant, records.c.id == name).limit(1)
        seq = connection.execute(found).scalar_one_or_none()
    row = connection.execute(select(leaf.c.leaf).where(leaf.c.tenant == tenant, leaf.c.seq == seq)).first()
    if row is None or row.leaf is None:
        raise NotFound(f"No record {name!r} in the action log.", way_out="It may have been retired by retention.")
    return _logged(connection, tenant, seq, row.leaf, personal)


def _logged(connection: Connection, tenant: str, seq: int, leaf: bytes, personal: bool) -> Logged:
    return Logged(seq, Record.model_validate(shown(connection, tenant, leaf, personal)))


def shown(connection: Connection, tenant: str, leaf: bytes, personal: bool) -> dict[str, Any]:
    """A leaf's content as a reader may see it."""
    content: dict[str, Any] = orjson.loads(leaf)
    return reveal(connection, tenant, content) if personal else conceal(content)


def _sizes(connection: Connection, tenant: str) -> tuple[int, int, str]:
    head, projected = table(HeadRow).c, table(ProjectedRow).c
    row = connection.execute(select(head.size, head.halted).where(head.tenant == tenant)).first()
    queryable = connection.execute(select(projected.size).where(projected.tenant == tenant)).scalar_one_or_none()
    return (row.size, queryable or 0, row.halted) if row else (0, 0, "")


def _matches(connection: Connection, tenant: str, node: Node | None, whole: bool) -> tuple[int, int, list[int] | None]:
    rows = table(RecordRow).c
    condition = query.where(connection, tenant, node)
    first, last = connection.execute(select(func.min(rows.seq), func.max(rows.seq)).where(condition)).one()
    if first is None:
        raise NotFound("No record matches.", way_out="Widen the filter.")
    if node is None:
        first = 0  # retired records have no rows, and belong to the whole log
    if whole:
        return first, last, None
    chosen = [r.seq for r in connection.execute(select(rows.seq).where(condition).limit(MAX_SELECTION + 1))]
    if len(chosen) > MAX_SELECTION:
        raise BadInput(f"More than {MAX_SELECTION:,} records match.", field="filter", way_out="Export the whole range.")
    return first, last, chosen


def _completions(connection: Connection, tenant: str) -> tuple[Completion, ...]:
    rolled = table(RollupRow).c
    seen = {
        name: tuple(
            row[0]
            for row in connection.execute(select(rolled[name]).where(rolled.tenant == tenant).distinct().limit(500))
            if row[0]
        )
        for name in ("tool", "agent")
    }
    return tuple(
        Completion(
            field,
            tuple(sorted(seen[field.name])) if field.name in seen else field.values,
            {value: LABELS[value] for value in field.values if value in LABELS},
        )
        for field in FIELDS
    )


def _export_record(tenant: str, who: Who, detail: dict[str, Any]) -> Record:
    return Record(id=new_id("rec"), at=clock.iso(clock.now()), tenant=tenant, kind="access", who=who, detail=detail)
