"""Signs the log: about once a second, outside the hot path, one process at a time.

For each tenant: derive tiles from the leaves that are new, check that the tree still begins with the checkpoint
published last, sign, have witnesses cosign, publish. Where a record announces a new key (see `rotation`), the old key
signs up to it and the new one what follows. Every step may be the last one before a crash: what is on disk is
then repeated, not contradicted. A log that shrank or whose past changed is never signed; it is halted, and nobody may
append to it until a person has looked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select, update

from chargehand import clock
from chargehand.audit import keys, projection
from chargehand.audit.chain import KeyChain
from chargehand.audit.format import (
    EMPTY_ROOT,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    leaf_hash,
    sign,
    verify_consistency,
)  # fmt: skip
from chargehand.audit.holder import Holder
from chargehand.audit.model import Who
from chargehand.audit.published import PublishedLog, Signed
from chargehand.audit.rotation import announce_everywhere, announcements, handing_over, proof_of, restore
from chargehand.audit.store import CheckpointRow, HeadRow, LeafRow, LogRow, table
from chargehand.audit.tree import BadTree, TileTree
from chargehand.audit.witnesses import Witness
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable, ChargehandError

_log = logging.getLogger("chargehand.audit")

BATCH = 4_096
"""Leaves read at once."""

PROJECTING_SECONDS = 0.5
"""How long records are made queryable a tick, shared by the tenants; a query does the rest itself."""


SHORTEST_REST_SECONDS = 0.05


def rest(began: float, interval_seconds: float) -> float:
    """What is left of an interval that began then (`time.monotonic`): under load a round takes some of it."""
    return max(SHORTEST_REST_SECONDS, began + interval_seconds - time.monotonic())


class Tampered(Exception):
    """The log contradicts what was signed before. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class _Tenant:
    tenant: str
    size: int
    halted: str
    announced: str


@dataclass(frozen=True, slots=True)
class Signer:
    """The key whose turn it is, with its private side."""

    private: Ed25519PrivateKey
    key: VerifierKey


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
        keys.SigningKeys.load(state_dir)

    async def run(self, stop: asyncio.Event) -> None:
        """Integrate about once a second until `stop`; trouble with the database is logged and tried again."""
        try:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    await asyncio.to_thread(self.tick)
                except (ChargehandError, OSError, BadNote) as error:
                    _log.error("The action log could not be signed: %s", error)
                try:
                    await asyncio.wait_for(stop.wait(), rest(began, self._interval_seconds))
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
        held = keys.SigningKeys.load(self._state_dir)  # after the tenants: a key is there before it is announced
        for found in tenants:
            if not found.halted:
                self._integrate(name, found, held)
        if held.next is not None:
            self._finish_rotation(held, tenants)
        for found in tenants:  # only once all are signed: queries may lag under load, signatures must not
            projection.project(self._db, found.tenant, seconds=PROJECTING_SECONDS / len(tenants))
        return True

    def close(self) -> None:
        """Give up the role."""
        self._holder.release()

    def _integrate(self, name: str, found: _Tenant, held: keys.SigningKeys) -> None:
        published = PublishedLog(keys.folder(self._state_dir, found.tenant))
        try:
            chain = self._chain(found, published, keys.verifier_key(held.current, keys.origin(name, found.tenant)))
            last = self._last(found, chain, published)
            size = found.size
            if size < last.size:
                raise Tampered(f"the database holds {size} records, but {last.size} were signed")
            if found.announced not in ("", chain.tip.public.hex()):
                last = self._hand_over(found, chain, held, published, last)
            if size > last.size:
                self._extend(found.tenant, size, self._signer(chain, held), published, last)
            else:
                self._finish(found.tenant, chain, published)
        except (Tampered, BadTree, BadNote) as error:
            self._halt(found.tenant, str(error))

    def _chain(self, found: _Tenant, published: PublishedLog, current: VerifierKey) -> KeyChain:
        """The log's keys as published; where files are behind the database, made good from the leaves."""
        chain = published.chain()
        note = self._db.read_now(lambda connection: _newest_note(connection, found.tenant))
        if note is None or (chain is not None and chain.opens(note)):
            return chain or KeyChain(current)
        return restore(self._db, found.tenant, published, chain.first if chain else None, current)

    def _signer(self, chain: KeyChain, held: keys.SigningKeys) -> Signer:
        private = held.private(chain.tip)
        if private is None:
            raise Tampered(f"the private key of {chain.tip} is not in {held.folder}")
        return Signer(private, chain.tip)

    def _hand_over(
        self, found: _Tenant, chain: KeyChain, held: keys.SigningKeys, published: PublishedLog, last: Checkpoint
    ) -> Checkpoint:
        """Sign up to the record that announces the next key, with the old one, and leave the proof of it."""
        start = max(last.size - 1, 0)  # the announcement may be signed already, and the proof not yet written
        said = self._db.read_now(lambda connection: announcements(connection, found.tenant, start, found.size))
        announced = handing_over(said, chain.tip)
        if announced is None:
            raise Tampered(f"the record that announces the key {found.announced} is missing")
        seq, leaf, _ = announced
        if seq >= last.size:
            last = self._extend(found.tenant, seq + 1, self._signer(chain, held), published, last)
        signed = published.newest(chain)
        if signed is None or signed.checkpoint.size != seq + 1:
            raise Tampered(f"the checkpoint of size {seq + 1}, which announces a key, is gone")
        rotation = proof_of(seq, leaf, published.tree(seq + 1).inclusion(seq, seq + 1), signed.note)
        chain.follow(rotation)
        published.publish_rotations([*published.rotations(), rotation])
        return last

    def _finish_rotation(self, held: keys.SigningKeys, tenants: list[_Tenant]) -> None:
        """Drop the old key once no log needs it; logs that were opened meanwhile are told first."""
        following = held.next
        assert following is not None  # noqa: S101  # the caller asked
        public = following.public_key().public_bytes_raw()
        if any(found.announced == public.hex() for found in tenants):
            who = Who(principal="service:chargehand")
            announce_everywhere(self._db, held, who=who, reason="The log was opened while the key was changed.")
        chains = [PublishedLog(keys.folder(self._state_dir, found.tenant)).chain() for found in tenants]
        if all(chain is not None and chain.tip.public == public for chain in chains):
            held.promote()

    def _last(self, found: _Tenant, chain: KeyChain, published: PublishedLog) -> Checkpoint:
        """The last thing signed, as files and database agree; files that are behind are made good from the leaves."""
        on_disk = published.newest(chain)
        note = self._db.read_now(lambda connection: _newest_note(connection, found.tenant))
        copied = chain.open(note) if note is not None else None
        if on_disk is None and copied is None:
            published.publish_key(chain.first)
            return Checkpoint(chain.first.name, 0, EMPTY_ROOT)
        if on_disk is not None and copied is not None and on_disk.checkpoint.size == copied.size:
            if on_disk.checkpoint.root != copied.root:
                raise Tampered(f"two different checkpoints of size {copied.size} are signed")
        elif copied is not None and note is not None and (on_disk is None or copied.size > on_disk.checkpoint.size):
            self._rebuild(found, published, copied, on_disk)
            published.publish_key(chain.first)
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

    def _extend(self, tenant: str, size: int, signer: Signer, published: PublishedLog, last: Checkpoint) -> Checkpoint:
        tree = published.tree(last.size)
        self._grow(tenant, tree, size)
        new = Checkpoint(signer.key.name, tree.size, tree.root())
        proof = tree.consistency(last.size, new.size)
        if not verify_consistency(last.size, new.size, last.root, new.root, proof):
            raise Tampered(f"the tree of {new.size} does not begin with the tree signed at {last.size}")
        tree.flush()
        signature = sign(signer.private, signer.key.name, new.text())
        note = self._cosigned(Note(new.text(), (signature,)), new, tree, published)
        published.publish(str(note))
        self._copy(tenant, new, str(note))
        tree.prune()
        return new

    def _finish(self, tenant: str, chain: KeyChain, published: PublishedLog) -> None:
        """Nothing new: make good what a crash or an unreachable witness left undone."""
        signed = published.newest(chain)
        if signed is None:
            return
        missing = {witness.name for witness in self._witnesses} - set(signed.cosigned_by)
        if missing:
            tree = published.tree(signed.checkpoint.size)
            note = self._cosigned(Note.parse(signed.note), signed.checkpoint, tree, published)
            if str(note) != signed.note:
                published.publish(str(note))
                self._copy(tenant, signed.checkpoint, str(note))
                return
        if self._db.read_now(lambda connection: _newest_note(connection, tenant)) != signed.note:
            self._copy(tenant, signed.checkpoint, signed.note)

    def _cosigned(self, note: Note, checkpoint: Checkpoint, tree: TileTree, published: PublishedLog) -> Note:
        present = {signature.name for signature in note.signatures}
        for witness in self._witnesses:
            if witness.name not in present:
                try:
                    added = witness.cosign(note, checkpoint, tree, published.rotations())
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
    rows = connection.execute(
        select(head.c.tenant, head.c.size, head.c.halted, head.c.announced).order_by(head.c.tenant)
    )
    return name, [_Tenant(row.tenant, row.size, row.halted, row.announced) for row in rows]


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
