"""Reading the action log: pages, one record. Never writes to the log but for the projection it reads from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

import orjson
from sqlalchemy import Connection, select

from chargehand.audit import projection, query
from chargehand.audit.filter import Node, parse
from chargehand.audit.model import Record
from chargehand.audit.personal import conceal, reveal
from chargehand.audit.store import LeafRow, RecordRow, table
from chargehand.database import Database
from chargehand.errors import BadInput, NotFound

MAX_PAGE = 1_000


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


class AuditService:
    """The action log of every tenant in `db`, for readers."""

    def __init__(self, db: Database) -> None:
        self._db = db

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

        `zone` is in which days begin; `personal` opens sealed fields, for readers who may see them. Everything that was
        appended before the call is found.

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
        cursor = query.Cursor.parse(after) if after else None
        projection.project(self._db, tenant)
        return self._db.read_now(lambda connection: _page(connection, tenant, node, limit, cursor, personal))

    async def record(self, tenant: str, name: str, *, personal: bool = False) -> Logged:
        """One record by its id or its number. Raises NotFound."""
        await asyncio.to_thread(projection.project, self._db, tenant)
        return await self._db.read(lambda connection: _record(connection, tenant, name, personal))


def _page(
    connection: Connection, tenant: str, node: Node | None, limit: int, cursor: query.Cursor | None, personal: bool
) -> Page:
    rows = query.page(connection, tenant, node, limit + 1, cursor)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        tuple(_logged(connection, tenant, row.seq, row.leaf, personal) for row in rows[:limit]),
        None if last is None else str(query.Cursor(last.at, last.seq)),
    )


def _record(connection: Connection, tenant: str, name: str, personal: bool) -> Logged:
    leaf, records = table(LeafRow), table(RecordRow)
    seq: Any = int(name) if name.isdecimal() and len(name) < 19 else None
    if seq is None:
        found = select(records.c.seq).where(records.c.tenant == tenant, records.c.id == name).limit(1)
        seq = connection.execute(found).scalar_one_or_none()
    row = connection.execute(select(leaf.c.leaf).where(leaf.c.tenant == tenant, leaf.c.seq == seq)).first()
    if row is None:
        raise NotFound(f"No record {name!r} in the action log.", way_out="It may have been retired by retention.")
    return _logged(connection, tenant, seq, row.leaf, personal)


def _logged(connection: Connection, tenant: str, seq: int, leaf: bytes, personal: bool) -> Logged:
    content: dict[str, Any] = orjson.loads(leaf)
    shown = reveal(connection, tenant, content) if personal else conceal(content)
    return Logged(seq, Record.model_validate(shown))
