"""Evidence files and proofs, made from the database's leaves and the *published* hashes and checkpoints.

The hashes come from the published tiles, not from the leaves: whoever changed the database does not change them, and
the verifier then names the record. Layout of the zip (format `chargehand-evidence/1`), for `verifier.py`:

    manifest.json      format, origin, first, end, complete, selection, created_at
    keys.txt           verifier keys, one a line: the log's first one, then witnesses
    rotations.jsonl    how later keys took over, each announcement proven under the key before
    records.jsonl      leaf bytes of record first, first+1, … one a line; an empty line where only the hash is given
    hashes.bin         leaf hashes of [first, end), 32 bytes each
    frontier.json      hashes (hex) of the perfect subtrees of [0, first)
    checkpoints.jsonl  signed checkpoints of size first to end, and the newest
    consistency.json   proofs from size end to the checkpoints beyond it
    retirements.jsonl  retention records that account for empty lines, each with its inclusion proof
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from chargehand import clock
from chargehand.audit import keys
from chargehand.audit.chain import KeyChain
from chargehand.audit.format import BadNote, VerifierKey, leaf_hash
from chargehand.audit.published import PublishedLog, Signed
from chargehand.audit.store import LeafRow, table
from chargehand.audit.tree import BadTree
from chargehand.audit.verifier import FORMAT, PROOF_FORMAT, open_size
from chargehand.database import Database
from chargehand.errors import AuditUnavailable, NotFound

CHUNK = 2_048
Progress = Callable[[int, int], None]


class Prover:
    """Proofs and evidence of one tenant's log. Needs the published log under `state_dir`; holds no private key."""

    def __init__(self, db: Database, state_dir: Path, tenant: str) -> None:
        self._db, self._tenant = db, tenant
        self._published = PublishedLog(keys.folder(state_dir, tenant))

    @property
    def chain(self) -> KeyChain:
        """The log's published keys. Raises AuditUnavailable before the first checkpoint."""
        why: Exception | None = None
        try:
            chain = self._published.chain()
        except (OSError, BadNote) as error:
            chain, why = None, error
        if chain is None:
            raise AuditUnavailable(
                "The log is not signed yet, or not published here.",
                way_out="Wait a second for the first checkpoint; the state folder must be the integrator's.",
            ) from why
        return chain

    @property
    def key(self) -> VerifierKey:
        """The log's first key, which leads to all later ones. Raises AuditUnavailable before the first checkpoint."""
        return self.chain.first

    def rotations(self) -> list[dict[str, Any]]:
        """How later keys took over; see `chain.Rotation`. Raises AuditUnavailable where it is damaged."""
        try:
            return self._published.rotations()
        except BadNote as error:
            raise AuditUnavailable(f"The published log is damaged: {error}") from error

    def newest(self) -> Signed:
        """The newest checkpoint. Raises AuditUnavailable before the first."""
        try:
            signed = self._published.newest()
        except BadNote as error:
            raise AuditUnavailable(f"The published checkpoint is damaged: {error}") from error
        if signed is None:
            raise AuditUnavailable("The log is not signed yet.", way_out="Wait a second for the first checkpoint.")
        return signed

    def inclusion(self, seq: int) -> dict[str, Any]:
        """The proof that one record is in the log, as JSON for a browser or for the verifier.

        `leaf` is base64 of the exact bytes, `leaf_hash`, `root` and `path` (leaf to root) are hex, `checkpoint` is the
        signed note. Raises NotFound for a record that is not signed yet, AuditUnavailable before the first checkpoint.
        """
        signed = self.newest()
        leaf = self._db.read_now(lambda connection: _leaves(connection, self._tenant, seq, seq + 1)).get(seq)
        if leaf is None or not 0 <= seq < signed.checkpoint.size:
            raise NotFound(f"Record {seq} has no proof.", way_out="A fresh record is signed within about a second.")
        tree = self._published.tree(signed.checkpoint.size)
        try:
            path = tree.inclusion(seq, signed.checkpoint.size)
            published_hash = tree.leaf_hashes(seq, seq + 1)[0]
        except BadTree as error:
            raise AuditUnavailable(f"The published log is damaged: {error}") from error
        return {
            "format": PROOF_FORMAT,
            "origin": signed.checkpoint.origin,
            "index": seq,
            "size": signed.checkpoint.size,
            "leaf": b64encode(leaf).decode(),
            "leaf_hash": published_hash.hex(),
            "fits": leaf_hash(leaf) == published_hash,
            "path": [hash_.hex() for hash_ in path],
            "root": signed.checkpoint.root.hex(),
            "checkpoint": signed.note,
            "key": str(key := self.chain.key_for(signed.checkpoint.size)),
            "public_key": b64encode(key.public).decode(),
            "first_key": str(self.key),
            "rotations": self.rotations(),
        }

    def consistency(self, old: int, new: int) -> dict[str, Any]:
        """Proof that the tree of size `new` continues that of size `old`. Hashes in hex."""
        tree = self._published.tree(max(self.newest().checkpoint.size, 0))
        try:
            path = tree.consistency(old, new)
        except (ValueError, BadTree) as error:
            raise NotFound(f"No proof from {old} to {new}: {error}") from error
        return {"old": old, "new": new, "path": [hash_.hex() for hash_ in path]}

    def write(
        self,
        target: Path,
        *,
        first: int = 0,
        end: int | None = None,
        selection: Sequence[int] | None = None,
        selected_by: str = "",
        witnesses: Sequence[VerifierKey] = (),
        retirements: Sequence[int] = (),
        progress: Progress | None = None,
    ) -> int:
        """Write evidence of the records [first, end) to `target`; returns how many bytes it has.

        The end moves up to the next signed size, so that a checkpoint closes it. With `selection` (record numbers) only
        those are given with their content, the others as hashes. `progress(done, total)` is called as it goes.

        Raises:
            AuditUnavailable: nothing is signed yet, or the published log is damaged.
        """
        newest = self.newest()
        notes = {open_size(note): (at, note) for at, note in self._published.history()}
        notes[newest.checkpoint.size] = notes.get(newest.checkpoint.size, (clock.iso(clock.now()), newest.note))
        sizes = sorted(notes)
        wanted = newest.checkpoint.size if end is None else max(min(end, newest.checkpoint.size), first)
        end = sizes[bisect_left(sizes, wanted)]
        first = min(first, end)
        tree = self._published.tree(newest.checkpoint.size)
        chosen = None if selection is None else frozenset(selection)
        scratch = target.with_name(f".{target.name}.part")
        try:
            with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                self._write_small(archive, first, end, notes, newest, witnesses, chosen, selected_by, retirements)
                with archive.open("hashes.bin", "w", force_zip64=True) as file:
                    for start in range(first, end, CHUNK):
                        file.write(b"".join(tree.leaf_hashes(start, min(start + CHUNK, end))))
                with archive.open("records.jsonl", "w", force_zip64=True) as file:
                    for start in range(first, end, CHUNK):
                        file.write(self._lines(start, min(start + CHUNK, end), chosen))
                        if progress is not None:
                            progress(min(start + CHUNK, end) - first, end - first)
            scratch.replace(target)
        except BadTree as error:
            raise AuditUnavailable(f"The published log is damaged: {error}") from error
        finally:
            scratch.unlink(missing_ok=True)
        return target.stat().st_size

    def _write_small(
        self,
        archive: zipfile.ZipFile,
        first: int,
        end: int,
        notes: dict[int, tuple[str, str]],
        newest: Signed,
        witnesses: Sequence[VerifierKey],
        chosen: frozenset[int] | None,
        selected_by: str,
        retirements: Sequence[int],
    ) -> None:
        tree = self._published.tree(newest.checkpoint.size)
        manifest = {
            "format": FORMAT,
            "origin": newest.checkpoint.origin,
            "first": first,
            "end": end,
            "complete": chosen is None,
            "selection": selected_by,
            "created_at": clock.iso(clock.now()),
        }
        archive.writestr("manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False))
        archive.writestr("keys.txt", "".join(f"{key}\n" for key in (self.key, *witnesses)))
        archive.writestr("rotations.jsonl", "".join(json.dumps(one) + "\n" for one in self.rotations()))
        archive.writestr("frontier.json", json.dumps([hash_.hex() for hash_ in tree.frontier(first).hashes]))
        inside = [size for size in sorted(notes) if first <= size <= end or size == newest.checkpoint.size]
        archive.writestr(
            "checkpoints.jsonl",
            "".join(json.dumps({"at": notes[n][0], "note": notes[n][1]}, ensure_ascii=False) + "\n" for n in inside),
        )
        later = [self.consistency(end, size) for size in inside if size > end]
        archive.writestr("consistency.json", json.dumps(later))
        proofs = [json.dumps(self.inclusion(seq)) + "\n" for seq in retirements if seq < newest.checkpoint.size]
        archive.writestr("retirements.jsonl", "".join(proofs))

    def _lines(self, start: int, end: int, chosen: frozenset[int] | None) -> bytes:
        leaves = self._db.read_now(lambda connection: _leaves(connection, self._tenant, start, end))
        return b"".join(
            (leaves.get(seq, b"") if chosen is None or seq in chosen else b"") + b"\n" for seq in range(start, end)
        )


def retirements(connection: Connection, tenant: str, rows: Any) -> list[int]:
    """Numbers of the tenant's retention records, found through the query rows of kind `access`."""
    found = connection.execute(
        select(rows.c.seq).where(rows.c.tenant == tenant, rows.c.kind == "access").order_by(rows.c.seq)
    )
    seqs = [row.seq for row in found]
    return [
        seq
        for seq in seqs
        if (leaf := _leaves(connection, tenant, seq, seq + 1).get(seq))
        and orjson.loads(leaf).get("detail", {}).get("act") == "retire"
    ]


def _leaves(connection: Connection, tenant: str, start: int, end: int) -> dict[int, bytes]:
    leaf = table(LeafRow)
    rows = connection.execute(
        select(leaf.c.seq, leaf.c.leaf).where(leaf.c.tenant == tenant, leaf.c.seq >= start, leaf.c.seq < end)
    )
    return {row.seq: row.leaf for row in rows if row.leaf is not None}
