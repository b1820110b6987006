"""Signs the log: about once a second, outside the hot path, one process at a time.

For each tenant: derive tiles from the leaves that are new, check that the tree still begins with the checkpoint
published last, sign, have witnesses cosign, publish. Every step may be the last one before a crash: what is on disk is
then repeated, not contradicted. A log that shrank or whose past changed is never signed; it is halted, and nobody may
append to it until a person has looked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select, update

from chargehand import clock
from chargehand.audit import keys, projection
from chargehand.audit.format import (
    EMPTY_ROOT,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    leaf_hash,
    open_checkpoint,
    sign,
    verify_consistency,
)  # fmt: skip
from chargehand.audit.holder import Holder
from chargehand.audit.published import PublishedLog, Signed
from chargehand.audit.store import CheckpointRow, HeadRow, LeafRow, LogRow, table
from chargehand.audit.tree import BadTree, TileTree
from chargehand.audit.witnesses import Witness
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable, ChargehandError

_log = logging.getLogger("chargehand.audit")

BATCH = 4_096
"""Leaves read at once."""

PROJECTED_AT_ONCE = 2_048
"""Records made queryable a tick and tenant; a query does the rest itself."""


class Tampered(Exception):
    """The log contradicts what was signed before. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class _Tenant:
    tenant: str
    size: int
    halted: str


class Integrator:
    """One for each log directory. `run` until stopped, or `tick` by hand; `close` lets another process take over."""

    def __init__(
        self, db: Database, state_dir: Path, *, witnesses: Sequence[Witness] = (), interval_seconds: float = 1.0
    ) -> None:
        """Makes the signing key if there is none. Raises AuditUnavailable as `keys.load_or_create` does."""
        self._db = db
        self._state_dir = state_dir
        self._witnesses = tuple(witnesses)
        self._interval_seconds = interval_seconds
        self._holder = Holder(db, state_dir / "log")
        self._key = keys.load_or_create(state_dir / "keys" / keys.LOG_KEY)

    async def run(self, stop: asyncio.Event) -> None:
        """Integrate about once a second until `stop`; trouble with the database is logged and tried again."""
        try:
            while not stop.is_set():
                try:
                    await asyncio.to_thread(self.tick)
                except (ChargehandError, OSError, BadNote) as error:
                    _log.error("The action log could not be signed: %s", error)
                try:
                    await asyncio.wait_for(stop.wait(), self._interval_seconds)
                except TimeoutError:
                    continue
        finally:
            self.close()

    def tick(self) -> bool:
        """Sign what is new in every tenant's log. False if another process holds the role.

        Raises:
            AuditUnavailable: the log is not initialised.
            DatabaseUnavailable, OSError: nothing was signed that is not on disk; call again.
        """
        if not self._holder.acquire():
            return False
        name, tenants = self._db.read_now(_tenants)
        for found in tenants:
            if not found.halted:
                self._integrate(name, found)
        for found in tenants:  # only once all are signed: queries may lag under load, signatures must not
            projection.project(self._db, found.tenant, limit=PROJECTED_AT_ONCE)
        return True

    def close(self) -> None:
        """Give up the role."""
        self._holder.release()

    def _integrate(self, name: str, found: _Tenant) -> None:
        key = keys.verifier_key(self._key, keys.origin(name, found.tenant))
        published = PublishedLog(keys.folder(self._state_dir, found.tenant))
        try:
            last = self._last(found, key, published)
            size = found.size
            if size < last.size:
                raise Tampered(f"the database holds {size} records, but {last.size} were signed")
            if size > last.size:
                self._extend(found, key, published, last)
            else:
                self._finish(found.tenant, key, published)
        except (Tampered, BadTree, BadNote) as error:
            self._halt(found.tenant, str(error))

    def _last(self, found: _Tenant, key: VerifierKey, published: PublishedLog) -> Checkpoint:
        """The last thing signed, as files and database agree; files that are behind are made good from the leaves."""
        on_disk = published.newest(key)
        note = self._db.read_now(lambda connection: _newest_note(connection, found.tenant))
        copied = open_checkpoint(note, key) if note is not None else None
        if on_disk is None and copied is None:
            published.publish_key(key)
            return Checkpoint(key.name, 0, EMPTY_ROOT)
        if on_disk is not None and copied is not None and on_disk.checkpoint.size == copied.size:
            if on_disk.checkpoint.root != copied.root:
                raise Tampered(f"two different checkpoints of size {copied.size} are signed")
        elif copied is not None and note is not None and (on_disk is None or copied.size > on_disk.checkpoint.size):
            self._rebuild(found, published, copied, on_disk)
            published.publish_key(key)
            published.publish(note)
            return copied
        if on_disk is None:
            raise AssertionError("one of the two exists")
        if published.tree(on_disk.checkpoint.size).root() != on_disk.checkpoint.root:
            raise Tampered(f"the tiles do not give the root that was signed at size {on_disk.checkpoint.size}")
        return on_disk.checkpoint

    def _rebuild(self, found: _Tenant, published: PublishedLog, copied: Checkpoint, on_disk: Signed | None) -> None:
        if found.size < copied.size:
            raise Tampered(f"the database holds {found.size} records, but {copied.size} were signed")
        start = on_disk.checkpoint.size if on_disk else 0
        tree = published.tree(start)
        self._grow(found.tenant, tree, copied.size)
        if tree.root() != copied.root or (on_disk and tree.root(start) != on_disk.checkpoint.root):
            raise Tampered(f"the records do not give the root that was signed at size {copied.size}")
        tree.flush()
        tree.prune()

    def _extend(self, found: _Tenant, key: VerifierKey, published: PublishedLog, last: Checkpoint) -> None:
        tree = published.tree(last.size)
        self._grow(found.tenant, tree, found.size)
        new = Checkpoint(key.name, tree.size, tree.root())
        proof = tree.consistency(last.size, new.size)
        if not verify_consistency(last.size, new.size, last.root, new.root, proof):
            raise Tampered(f"the tree of {new.size} does not begin with the tree signed at {last.size}")
        tree.flush()
        signature = sign(self._key, key.name, new.text())
        note = self._cosigned(Note(new.text(), (signature,)), new, tree)
        published.publish(str(note))
        self._copy(found.tenant, new, str(note))
        tree.prune()

    def _finish(self, tenant: str, key: VerifierKey, published: PublishedLog) -> None:
        """Nothing new: make good what a crash or an unreachable witness left undone."""
        signed = published.newest(key)
        if signed is None:
            return
        missing = {witness.name for witness in self._witnesses} - set(signed.cosigned_by)
        if missing:
            note = self._cosigned(Note.parse(signed.note), signed.checkpoint, published.tree(signed.checkpoint.size))
            if str(note) != signed.note:
                published.publish(str(note))
                self._copy(tenant, signed.checkpoint, str(note))
                return
        if self._db.read_now(lambda connection: _newest_note(connection, tenant)) != signed.note:
            self._copy(tenant, signed.checkpoint, signed.note)

    def _cosigned(self, note: Note, checkpoint: Checkpoint, tree: TileTree) -> Note:
        present = {signature.name for signature in note.signatures}
        for witness in self._witnesses:
            if witness.name not in present:
                try:
                    added = witness.cosign(note, checkpoint, tree)
                except OSError as error:  # a witness that is away must not stop the log; the next tick asks again
                    _log.warning("Witness %s did not cosign size %d: %s", witness.name, checkpoint.size, error)
                    continue
                note = Note(note.text, (*note.signatures, added))
        return note

    def _grow(self, tenant: str, tree: TileTree, size: int) -> None:
        while tree.size < size:
            hashes = self._db.read_now(lambda connection: _hashes(connection, tenant, tree.size, size))
            if not hashes:
                raise Tampered(f"record {tree.size} is missing in the database")
            tree.append(hashes)

    def _copy(self, tenant: str, checkpoint: Checkpoint, note: str) -> None:
        rows = table(CheckpointRow)
        at = projection.micros(clock.iso(clock.now()))

        def unit(tx: Transaction) -> None:
            same = (rows.c.tenant == tenant) & (rows.c.size == checkpoint.size)
            changed = tx.connection.execute(update(rows).where(same).values(note=note))
            if changed.rowcount == 0:
                tx.connection.execute(rows.insert().values(tenant=tenant, size=checkpoint.size, at=at, note=note))

        self._db.write_now(unit)

    def _halt(self, tenant: str, reason: str) -> None:
        _log.critical("The action log of %s is halted: %s", tenant, reason)
        head = table(HeadRow)
        self._db.write_now(
            lambda tx: tx.connection.execute(update(head).where(head.c.tenant == tenant).values(halted=reason))
        )


def resume(db: Database, tenant: str) -> None:
    """Let a halted log be appended to again: an operator's decision, after reading docs/action-log.md."""
    head = table(HeadRow)
    db.write_now(lambda tx: tx.connection.execute(update(head).where(head.c.tenant == tenant).values(halted="")))


def _tenants(connection: Connection) -> tuple[str, list[_Tenant]]:
    head = table(HeadRow)
    name = connection.execute(select(table(LogRow).c.name)).scalar_one_or_none()
    if name is None:
        raise AuditUnavailable("The action log is not initialised.", way_out="Call audit.log.initialise(db) at start.")
    rows = connection.execute(select(head.c.tenant, head.c.size, head.c.halted).order_by(head.c.tenant))
    return name, [_Tenant(row.tenant, row.size, row.halted) for row in rows]


def _newest_note(connection: Connection, tenant: str) -> str | None:
    rows = table(CheckpointRow)
    newest = select(rows.c.note).where(rows.c.tenant == tenant).order_by(rows.c.size.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()


def _hashes(connection: Connection, tenant: str, start: int, end: int) -> list[bytes]:
    """Leaf hashes from `start`, up to BATCH, stopping at the first gap."""
    leaf = table(LeafRow)
    rows = connection.execute(
        select(leaf.c.seq, leaf.c.leaf, leaf.c.hash)
        .where(leaf.c.tenant == tenant, leaf.c.seq >= start, leaf.c.seq < min(end, start + BATCH))
        .order_by(leaf.c.seq)
    )
    found: list[bytes] = []
    for row in rows:
        if row.seq != start + len(found):
            break
        found.append(row.hash if row.leaf is None else leaf_hash(row.leaf))
    return found
