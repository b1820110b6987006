"""Forgetting what is old, and what must not be forgotten: retirement by age, legal holds. Of persons see `erasure`.

A retired record loses its bytes and keeps its hash, so that every proof about others stays valid; the retirement is
itself a record, by which the verifier tells a retired record from a deleted one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, not_, select, update

from chargehand import clock
from chargehand.audit import projection, query
from chargehand.audit.filter import parse
from chargehand.audit.format import leaf_hash
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.store import CheckpointRow, HoldRow, LeafRow, RecordRow, table
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, NotFound
from chargehand.ids import new_id

CHUNK = 1_000
KEPT_KINDS = ("access", "checkpoint_key")
"""Records that explain others are never retired."""

_R, _L, _H = table(RecordRow).c, table(LeafRow).c, table(HoldRow).c


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold in force: `filter` as on the day it was placed."""

    id: str
    filter: str
    reason: str
    placed_by: str
    placed_at: str


def place_hold(db: Database, tenant: str, filter: str, *, who: Who, reason: str) -> Hold:  # noqa: A002
    """Keep every record that matches, whatever its age. Raises BadInput for a filter that does not parse."""
    parse(filter)
    hold = Hold(new_id("hold"), filter, reason, who.principal, clock.iso(clock.now()))

    def unit(tx: Transaction) -> None:
        tx.connection.execute(
            table(HoldRow).insert().values(
                tenant=tenant, id=hold.id, filter=filter, reason=reason, placed_by=hold.placed_by,
                placed_at=hold.placed_at, lifted_at="",
            )
        )  # fmt: skip
        append(tx, _access(tenant, who, {"act": "hold", "hold": hold.id, "filter": filter, "reason": reason}))

    db.write_now(unit)
    return hold


def lift_hold(db: Database, tenant: str, hold_id: str, *, who: Who, reason: str) -> None:
    """End a hold. Raises NotFound."""

    def unit(tx: Transaction) -> None:
        mine = (_H.tenant == tenant) & (_H.id == hold_id) & (_H.lifted_at == "")
        lifted = tx.connection.execute(update(table(HoldRow)).where(mine).values(lifted_at=clock.iso(clock.now())))
        if lifted.rowcount != 1:
            raise NotFound(f"No hold {hold_id!r} is in force.")
        append(tx, _access(tenant, who, {"act": "lift", "hold": hold_id, "reason": reason}))

    db.write_now(unit)


def holds(connection: Connection, tenant: str) -> tuple[Hold, ...]:
    """The holds in force."""
    rows = connection.execute(
        select(_H.id, _H.filter, _H.reason, _H.placed_by, _H.placed_at)
        .where(_H.tenant == tenant, _H.lifted_at == "")
        .order_by(_H.placed_at)
    )
    return tuple(Hold(*row) for row in rows)


def retire(db: Database, tenant: str, before: datetime, *, who: Who) -> int:
    """Drop the content of signed records older than `before` that no hold keeps; returns how many.

    Raises BadInput for a time in the future.
    """
    if before > clock.now():
        raise BadInput("Lies in the future.", field="before", value=before, way_out="Name a time that has passed.")
    projection.project(db, tenant)
    done = 0
    while True:
        count = db.write_now(lambda tx: _retire_some(tx, tenant, before, who))
        done += count
        if count < CHUNK:
            return done


def _retire_some(tx: Transaction, tenant: str, before: datetime, who: Who) -> int:
    connection = tx.connection
    sizes = table(CheckpointRow).c
    signed = connection.execute(
        select(sizes.size).where(sizes.tenant == tenant).order_by(sizes.size.desc()).limit(1)
    ).scalar_one_or_none()
    free = [
        not_(query.where(connection, tenant, parse(hold.filter, at=clock.parse(hold.placed_at)), personal=True))
        for hold in holds(connection, tenant)
    ]
    limit = projection.micros(clock.iso(before))
    rows = list(
        connection.execute(
            select(_R.seq, _L.leaf)
            .join_from(table(RecordRow), table(LeafRow), (_L.tenant == _R.tenant) & (_L.seq == _R.seq))
            .where(_R.tenant == tenant, _R.at < limit, _R.seq < (signed or 0), _R.kind.not_in(KEPT_KINDS), *free)
            .order_by(_R.seq)
            .limit(CHUNK)
        )
    )
    if not rows:
        return 0
    for seq, leaf in rows:
        connection.execute(
            update(table(LeafRow)).where(_L.tenant == tenant, _L.seq == seq).values(leaf=None, hash=leaf_hash(leaf))
        )
    seqs = [row.seq for row in rows]
    projection.forget(connection, tenant, seqs)
    detail: dict[str, Any] = {"act": "retire", "before": clock.iso(before), "ranges": _ranges(seqs)}
    append(tx, _access(tenant, who, detail))
    return len(rows)


def _ranges(seqs: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for seq in seqs:
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    return ranges


def _access(tenant: str, who: Who, detail: dict[str, Any]) -> Record:
    return Record(id=new_id("rec"), at=clock.iso(clock.now()), tenant=tenant, kind="access", who=who, detail=detail)
