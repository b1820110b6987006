"""Changing the log's signing key: the next one is made, announced in every log under both keys, and then takes over.

What may stop at any point and be repeated: make the next key (a file); announce it in all logs (one transaction); sign
each log up to its announcement with the old key and what follows with the new one (the integrator); drop the old key
once no log needs it (the integrator).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, select, text, update

from chargehand import clock
from chargehand.audit import keys
from chargehand.audit.chain import MARK, KeyChain, announce, announced_in, names, successor
from chargehand.audit.format import BadNote, Frontier, Note, VerifierKey, leaf_hash, sign
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.published import PublishedLog
from chargehand.audit.store import CheckpointRow, HeadRow, LeafRow, LogRow, table
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable, Conflict
from chargehand.ids import new_id

CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Announced:
    """What a rotation came to: the new public key (hex), and the tenants in whose logs it was announced."""

    public: str
    tenants: tuple[str, ...]


def rotate(db: Database, state_dir: Path, *, who: Who, reason: str) -> Announced:
    """Make a new signing key and announce it in every tenant's log; the integrator then signs with it.

    An operator's act, on the machine that keeps the state folder. Goes on with a rotation that was broken off before
    it was announced.

    Raises:
        Conflict: the last rotation is not finished; nothing was announced twice.
        AuditUnavailable: the log is not initialised, or a key can't be used; nothing was announced.
    """
    folder = state_dir / "keys"
    if not (folder / keys.LOG_KEY).exists():
        raise AuditUnavailable(
            f"There is no signing key in {folder}.", way_out="Start the platform once, or name its state."
        )
    following = keys.load_or_create(folder / keys.NEXT_KEY)
    tenants = announce_everywhere(db, keys.SigningKeys.load(state_dir), who=who, reason=reason)
    if not tenants:
        raise Conflict(
            "A rotation of the log's key is under way.",
            way_out="It ends about a second after the platform runs; a halted log holds it up.",
        )
    return Announced(following.public_key().public_bytes_raw().hex(), tenants)


def announce_everywhere(db: Database, held: keys.SigningKeys, *, who: Who, reason: str) -> tuple[str, ...]:
    """Announce the next key in every log that does not name it yet, in one transaction; the tenants concerned."""
    following = held.next
    if following is None:
        return ()
    public, head = following.public_key().public_bytes_raw().hex(), table(HeadRow)

    def unit(tx: Transaction) -> tuple[str, ...]:
        name = tx.connection.execute(select(table(LogRow).c.name)).scalar_one_or_none()
        if name is None:
            raise AuditUnavailable("The action log is not initialised.", way_out="Start the platform once.")
        missing = (head.c.announced != public) & (head.c.halted == "")
        found = tx.connection.execute(select(head.c.tenant).where(missing).order_by(head.c.tenant)).scalars().all()
        done: list[str] = []
        for tenant in found:
            # Whoever is first holds the row until the commit, so that two rotations at once announce the key once.
            mine = update(head).where(head.c.tenant == tenant, missing).values(announced=public)
            if tx.connection.execute(mine).rowcount:
                append(tx, _record(tenant, keys.origin(name, tenant), held.current, following, who, reason))
                done.append(tenant)
        return tuple(done)

    return db.write_now(unit)


def announcements(connection: Connection, tenant: str, start: int, end: int) -> list[tuple[int, bytes, str]]:
    """Records in [start, end) that announce a key: number, leaf bytes, signed note. Nothing is checked yet."""
    leaf = table(LeafRow)
    if connection.dialect.name == "sqlite":
        marked = text("instr(leaf, :mark) > 0").bindparams(mark=MARK)
    else:
        marked = text("position(:mark in leaf) > 0").bindparams(mark=MARK)
    within = (leaf.c.tenant == tenant) & (leaf.c.seq >= start) & (leaf.c.seq < end) & leaf.c.leaf.is_not(None)
    rows = connection.execute(select(leaf.c.seq, leaf.c.leaf).where(within, marked).order_by(leaf.c.seq))
    found = [(row.seq, bytes(row.leaf), announced_in(bytes(row.leaf))) for row in rows]
    return [(seq, content, note) for seq, content, note in found if note is not None]


def handing_over(found: Sequence[tuple[int, bytes, str]], old: VerifierKey) -> tuple[int, bytes, VerifierKey] | None:
    """The first announcement by which `old` itself hands over; others have no force."""
    for seq, leaf, note in found:
        try:
            return seq, leaf, successor(note, old)
        except BadNote:
            continue
    return None


def proof_of(seq: int, leaf: bytes, path: Sequence[bytes], note: str) -> dict[str, Any]:
    """An announcement with its proof, as it is published; see `chain.Rotation`."""
    return {
        "index": seq,
        "size": seq + 1,
        "leaf": b64encode(leaf).decode(),
        "path": [hash_.hex() for hash_ in path],
        "checkpoint": note,
    }


def restore(
    db: Database, tenant: str, published: PublishedLog, first: VerifierKey | None, current: VerifierKey
) -> KeyChain:
    """Make good a published chain of keys that is behind the database, or gone, from the leaves and copied checkpoints.

    Without a `first` key it is the one that the first announcement names, or `current` where there is none. Raises
    BadNote where what the database holds does not prove the chain.
    """
    size = db.read_now(lambda connection: _copied_size(connection, tenant))
    found = db.read_now(lambda connection: announcements(connection, tenant, 0, size))
    chain = KeyChain(first or _first_key(found) or current)
    rotations: list[dict[str, Any]] = []
    frontier = Frontier()
    while (handed := handing_over([one for one in found if one[0] >= frontier.size], chain.tip)) is not None:
        seq, leaf, _ = handed
        for start in range(frontier.size, seq, CHUNK):
            end = min(start + CHUNK, seq)
            for hash_ in db.read_now(lambda connection, a=start, b=end: _hashes(connection, tenant, a, b)):
                frontier.push(hash_)
        # The last leaf's siblings are the perfect subtrees to its left, the nearest first.
        path = list(reversed(frontier.hashes))
        note = db.read_now(lambda connection, at=seq + 1: _copied(connection, tenant, at))
        if note is None:
            raise BadNote(f"The checkpoint of size {seq + 1}, which announces a key, is nowhere.")
        rotations.append(proof_of(seq, leaf, path, note))
        chain.follow(rotations[-1])
        frontier.push(leaf_hash(leaf))
    published.publish_key(chain.first)
    if rotations:
        published.publish_rotations(rotations)
    return chain


def _first_key(found: Sequence[tuple[int, bytes, str]]) -> VerifierKey | None:
    for _, _, note in found:
        try:
            key = VerifierKey.parse(names(note)[0])
            successor(note, key)
        except BadNote:
            continue
        return key
    return None


def _copied_size(connection: Connection, tenant: str) -> int:
    rows = table(CheckpointRow)
    return connection.execute(select(func.max(rows.c.size)).where(rows.c.tenant == tenant)).scalar() or 0


def _copied(connection: Connection, tenant: str, size: int) -> str | None:
    rows = table(CheckpointRow)
    query = select(rows.c.note).where(rows.c.tenant == tenant, rows.c.size == size)
    return connection.execute(query).scalar_one_or_none()


def _hashes(connection: Connection, tenant: str, start: int, end: int) -> list[bytes]:
    leaf = table(LeafRow)
    within = (leaf.c.tenant == tenant) & (leaf.c.seq >= start) & (leaf.c.seq < end)
    rows = connection.execute(select(leaf.c.leaf, leaf.c.hash).where(within).order_by(leaf.c.seq)).all()
    if len(rows) != end - start:
        raise BadNote(f"Records between {start} and {end} are missing.")
    return [bytes(row.hash) if row.leaf is None else leaf_hash(bytes(row.leaf)) for row in rows]


def _record(tenant: str, origin: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey, who: Who, reason: str) -> Record:
    before, after = keys.verifier_key(old, origin), keys.verifier_key(new, origin)
    said = announce(origin, before, after)
    note = Note(said, (sign(old, origin, said), sign(new, origin, said)))
    detail: dict[str, Any] = {"act": "rotate", "note": str(note), "old": str(before), "new": str(after)}
    return Record(
        id=new_id("rec"),
        at=clock.iso(clock.now()),
        tenant=tenant,
        kind="checkpoint_key",
        who=who,
        detail=detail | {"reason": reason},
    )
