"""What is published of a tenant's log outside the database: tiles, the newest checkpoint, all earlier ones, the key.

<state_dir>/log/<tenant>/key                    the log's first verifier key, for auditors to keep
<state_dir>/log/<tenant>/rotations.jsonl        how later keys took over, each proven under the one before
<state_dir>/log/<tenant>/checkpoint             newest signed (and cosigned) checkpoint
<state_dir>/log/<tenant>/checkpoints/2026-11.jsonl
<state_dir>/log/<tenant>/tile/…                 C2SP tiles: hashes only, no content
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chargehand import clock
from chargehand.audit.chain import KeyChain
from chargehand.audit.format import BadNote, Checkpoint, Note, VerifierKey
from chargehand.audit.tree import TileTree, sync_folder, write_durably


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as published, and its note; `at` is when the file was written, RFC 3339."""

    checkpoint: Checkpoint
    note: str
    at: str = ""

    @property
    def cosigned_by(self) -> tuple[str, ...]:
        """Names on the note other than the log's own."""
        return tuple(s.name for s in Note.parse(self.note).signatures if s.name != self.checkpoint.origin)


class PublishedLog:
    """The folder of one tenant's published log. The integrator writes it, everybody may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tree(self, size: int) -> TileTree:
        """The tree over the first `size` records."""
        return TileTree(self.folder, size)

    def chain(self) -> KeyChain | None:
        """The log's keys, None before the first checkpoint. Raises BadNote if a key or rotation does not fit."""
        path = self.folder / "key"
        if not path.exists():
            return None
        chain = KeyChain(VerifierKey.parse(path.read_text()))
        for rotation in self.rotations():
            chain.follow(rotation)
        return chain

    def rotations(self) -> list[dict[str, Any]]:
        """How each later key took over, oldest first; see `chain.Rotation`. Raises BadNote."""
        path = self.folder / "rotations.jsonl"
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        except ValueError as error:
            raise BadNote(f"{path} is damaged: {error}") from None

    def publish_rotations(self, rotations: Sequence[Mapping[str, Any]]) -> None:
        """Leave the rotations beside the log, durably."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rotations)
        write_durably(self.folder / "rotations.jsonl", lines.encode())
        sync_folder(self.folder)

    def newest(self, chain: KeyChain | None = None) -> Signed | None:
        """The newest checkpoint, None before the first. Raises BadNote if the key whose turn it is did not sign.

        Without a `chain` it is read after the checkpoint: a key is published before it signs.
        """
        path = self.folder / "checkpoint"
        try:
            note, written = path.read_text(encoding="utf-8"), path.stat().st_mtime
        except FileNotFoundError:
            return None
        chain = chain or self.chain()
        if chain is None:
            raise BadNote(f"{self.folder / 'key'} is missing.")
        return Signed(chain.open(note), note, clock.iso(datetime.fromtimestamp(written, UTC)))

    def publish_key(self, key: VerifierKey) -> None:
        """Leave the verifier key beside the log."""
        path = self.folder / "key"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != f"{key}\n":
            write_durably(path, f"{key}\n".encode())

    def publish(self, note: str) -> None:
        """Make `note` the newest checkpoint, durably, and add it to the history."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.folder / "checkpoint", note.encode())
        sync_folder(self.folder)
        self.remember(note, clock.now())

    def remember(self, note: str, at: datetime) -> None:
        """Add a checkpoint to the month's history."""
        history = self.folder / "checkpoints"
        history.mkdir(exist_ok=True)
        line = json.dumps({"at": clock.iso(at), "note": note}, ensure_ascii=False) + "\n"
        with (history / f"{at:%Y-%m}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def history(self) -> Iterator[tuple[str, str]]:
        """Every checkpoint ever published, oldest first: time (RFC 3339) and note. A torn last line is left out."""
        for file in sorted((self.folder / "checkpoints").glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                yield entry["at"], entry["note"]
