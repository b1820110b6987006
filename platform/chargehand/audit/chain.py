"""Which key signs which checkpoint: a log's signing keys, each announced in the log under the one before.

A record of kind `checkpoint_key` carries a note that the old and the new key have signed:

    chargehand-log-key/1
    <origin>
    <old verifier key>
    <new verifier key>

The old key signs the checkpoint that ends with this record, and no later one; the new key signs what is longer, and
nothing else. So whoever holds the first key can follow, and a key that was never announced, not announced yet, or
retired signs nothing that counts. Like `format`, this needs nothing of the platform.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, cast

from chargehand.audit.format import (
    ED25519,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    leaf_hash,
    open_checkpoint,
    verify_inclusion,
)  # fmt: skip

HEADER = "chargehand-log-key/1"
KIND = "checkpoint_key"
MARK = KIND.encode()
"""Stands in the bytes of every announcement, so that other records need not be parsed."""

Rotation = Mapping[str, Any]
"""An announcement with its proof under the old key: `leaf` (base64), `index`, `size` (index + 1), `path` (hex),
`checkpoint` (the signed note of that size)."""


class KeyChain:
    """The keys known of one log, from one that is trusted on."""

    def __init__(self, first: VerifierKey, *, after: int = 0) -> None:
        """`first` signs checkpoints of more than `after` records; what is shorter can't be judged by it."""
        self.after = after
        self.broken: tuple[int, str] | None = None
        self._keys = [(after, first)]

    @staticmethod
    def from_pinned(pinned: VerifierKey, rotations: Iterable[Rotation]) -> KeyChain:
        """From a key that somebody holds, the first or a later one, along the log's rotations in order.

        A rotation that is not proven ends the chain: `broken` then has the record's number and what is wrong.

        Raises:
            KeyError, ValueError, TypeError: a rotation does not read.
        """
        chain = KeyChain(pinned)
        for rotation in rotations:
            index, announcement = int(rotation["index"]), _announcement(b64decode(rotation["leaf"], validate=True))
            try:
                if announcement is None:
                    raise BadNote(f"Record {index} announces no key.")
                if len(chain._keys) == 1 and _vouches(announcement, pinned):
                    chain = KeyChain(pinned, after=index + 1)
                elif len(chain._keys) > 1 or names(announcement)[0] == str(pinned):
                    chain.follow(rotation)
            except BadNote as error:
                chain.broken = (index, str(error))
                break
        return chain

    @property
    def first(self) -> VerifierKey:
        return self._keys[0][1]

    @property
    def tip(self) -> VerifierKey:
        """The key that signs from now on."""
        return self._keys[-1][1]

    @property
    def announced(self) -> frozenset[int]:
        """Numbers of the records that announced a key."""
        return frozenset(after - 1 for after, _ in self._keys[1:])

    def key_for(self, size: int) -> VerifierKey:
        """The only key whose checkpoint of this size counts."""
        return next((key for after, key in reversed(self._keys) if after < size), self.first)

    def follow(self, rotation: Rotation) -> None:
        """Take over the next key. Raises BadNote where anything of the proof does not hold."""
        leaf, index = b64decode(rotation["leaf"], validate=True), int(rotation["index"])
        checkpoint = open_checkpoint(rotation["checkpoint"], self.tip)
        path = [bytes.fromhex(hash_) for hash_ in rotation["path"]]
        if checkpoint.size != index + 1 or index + 1 <= self._keys[-1][0]:
            raise BadNote(f"Record {index} announces a key, and the checkpoint beside it has size {checkpoint.size}.")
        if not verify_inclusion(leaf_hash(leaf), index, checkpoint.size, path, checkpoint.root):
            raise BadNote(f"Record {index}, which announces a key, is not what was signed.")
        announcement = _announcement(leaf)
        if announcement is None:
            raise BadNote(f"Record {index} announces no key.")
        new = successor(announcement, self.tip)
        if new in (key for _, key in self._keys):
            raise BadNote(f"Record {index} announces a key that was in use before.")
        self._keys.append((index + 1, new))

    def open(self, note: str) -> Checkpoint:
        """The checkpoint of a note, signed by the key whose turn it was. Raises BadNote that says which it was not."""
        parsed = Note.parse(note)
        size = Checkpoint.parse(parsed.text).size
        key = self.key_for(size)
        if not parsed.signed_by(key):
            raise BadNote(self._why_not(parsed, size, key))
        return open_checkpoint(note, key)

    def opens(self, note: str) -> bool:
        """Whether the key whose turn it is has signed the note."""
        try:
            self.open(note)
        except BadNote:
            return False
        return True

    def _why_not(self, note: Note, size: int, key: VerifierKey) -> str:
        for number, (after, other) in enumerate(self._keys):
            if other != key and note.signed_by(other):
                if after >= size:
                    return f"The checkpoint of size {size} is signed by a key that only record {after - 1} announces."
                retired = self._keys[number + 1][0] - 1
                return f"The checkpoint of size {size} is signed by a key that record {retired} retired."
        if len(self._keys) == 1:
            return f"The checkpoint is not signed by {key}."
        return f"The checkpoint of size {size} is not signed by {key}, and by no other key that the log announced."


def announce(origin: str, old: VerifierKey, new: VerifierKey) -> str:
    """The text of an announcement, to be signed by both keys."""
    return f"{HEADER}\n{origin}\n{old}\n{new}\n"


def successor(announcement: str, old: VerifierKey) -> VerifierKey:
    """The key that a signed announcement gives to the log of `old`. Raises BadNote."""
    note = Note.parse(announcement)
    named_old, named_new = names(announcement)
    new = VerifierKey.parse(named_new)
    if note.text != announce(old.name, old, new) or named_old != str(old) or new.algorithm != ED25519:
        raise BadNote("The announcement is not of this log and key.")
    if new.name != old.name:
        raise BadNote(f"The announced key is named {new.name!r}, not {old.name!r}.")
    if not note.signed_by(old) or not note.signed_by(new):
        raise BadNote("The announcement is not signed by the old and the new key.")
    return new


def announced_in(leaf: bytes) -> str | None:
    """The signed announcement in a record's bytes; None for any other record, and one that holds none."""
    return _announcement(leaf) if MARK in leaf else None


def is_announcement(leaf: bytes) -> bool:
    """Whether a record says that it announces a key, rightly or not."""
    return MARK in leaf and _content(leaf).get("kind") == KIND


def _announcement(leaf: bytes) -> str | None:
    content = _content(leaf)
    detail = content.get("detail")
    note = cast("dict[str, Any]", detail).get("note") if isinstance(detail, dict) else None
    return note if content.get("kind") == KIND and isinstance(note, str) else None


def _content(leaf: bytes) -> dict[str, Any]:
    try:
        content = json.loads(leaf)
    except ValueError:
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def names(announcement: str) -> tuple[str, str]:
    """The keys that an announcement names, old and new. Raises BadNote."""
    lines = announcement.splitlines()
    if len(lines) < 4 or lines[0] != HEADER:
        raise BadNote("Not an announcement of a key.")
    return lines[2], lines[3]


def _vouches(announcement: str, pinned: VerifierKey) -> bool:
    """Whether it hands over to `pinned`, and `pinned` has signed that."""
    old, new = names(announcement)
    if new != str(pinned):
        return False
    return successor(announcement, VerifierKey.parse(old)) == pinned
