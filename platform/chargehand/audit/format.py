"""Formats of the action log, on nothing but the standard library and `cryptography`; the verifier needs no more.

- Merkle tree: RFC 6962 section 2.1 (SHA-256, leaves prefixed 0x00, nodes 0x01), proofs as RFC 9162 section 2.1.
- Signed notes and their Ed25519 keys: https://c2sp.org/signed-note
- Checkpoints: https://c2sp.org/tlog-checkpoint, cosignatures of witnesses: https://c2sp.org/tlog-cosignature
- Tiles: https://c2sp.org/tlog-tiles, 256 hashes a tile

Sizes and indices count leaves from zero. Hashes are 32 bytes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HASH_BYTES = 32
TILE_WIDTH = 256
EMPTY_ROOT = sha256(b"").digest()

ED25519 = 0x01
COSIGNATURE_V1 = 0x04


# --- tree ---------------------------------------------------------------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """MTH of one leaf: SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """Roots of the perfect subtrees that make up a tree, left to right: all that is needed to grow it.

    `hashes` holds one hash for each bit that is set in `size`, biggest subtree first.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Raises ValueError when the number of hashes does not fit the size."""
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(f"A tree of {size} has {size.bit_count()} subtrees, not {len(hashes)}.")
        self.size = size
        self.hashes = list(hashes)

    def push(self, leaf: bytes) -> None:
        """Add one leaf hash on the right."""
        size, hashes = self.size, self.hashes
        while size & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The tree's root."""
        if not self.hashes:
            return EMPTY_ROOT
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root of the tree over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.push(leaf)
    return frontier.root()


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Is the leaf hash at `index` of the tree with this size and root? RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Is the tree of size `old` a prefix of the tree of size `new`? RFC 9162 section 2.1.4.2."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Relative path of a tile: `tile/0/x001/234`, with `.p/<width>` when it is not full."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    path = f"tile/{level}/{'/'.join(reversed(groups))}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


# --- notes --------------------------------------------------------------------------------------------------------

_SIGNATURE = re.compile(r"\u2014 (\S+) (\S+)")
_KEY_NAME = re.compile(r"[^\s+]+")


class BadNote(ValueError):
    """A note or key that does not read, or is not signed as it should be."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; written `name+keyid+base64(algorithm || key)`."""

    name: str
    public: bytes
    algorithm: int = ED25519

    @property
    def id(self) -> bytes:
        """First four bytes of SHA-256(name || newline || algorithm || key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.algorithm]) + self.public).decode()}"

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """Raises BadNote."""
        name, plus, rest = text.strip().partition("+")
        key_id, second, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if not (_KEY_NAME.fullmatch(name) and plus and second and len(raw) == HASH_BYTES + 1):
            raise BadNote(f"{text.strip()!r} is no verifier key.")
        key = VerifierKey(name, raw[1:], raw[0])
        if key.id.hex() != key_id or key.algorithm not in (ED25519, COSIGNATURE_V1):
            raise BadNote(f"{text.strip()!r} is no verifier key: its id does not fit.")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The signature as it stands in a note, with its newline."""
        return f"\u2014 {self.name} {b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and the signatures over it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @staticmethod
    def parse(note: str) -> Note:
        """Raises BadNote."""
        text, gap, tail = note.rpartition("\n\n")
        if not gap or not tail.endswith("\n"):
            raise BadNote("Not a signed note: text, empty line and signatures are expected.")
        return Note(text + "\n", parse_signatures(tail))

    def signed_by(self, key: VerifierKey) -> bool:
        """Does the note carry a valid signature by this key? A signature that names the key and fails is no."""
        found = [s for s in self.signatures if s.name == key.name and s.key_id == key.id]
        return bool(found) and all(_verify(key, self.text, signature.data) for signature in found)


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines as they end a note. Raises BadNote."""
    found: list[Signature] = []
    for line in lines.splitlines():
        match = _SIGNATURE.fullmatch(line)
        raw = _unbase64(match[2]) if match else b""
        if match is None or len(raw) < 5:
            raise BadNote(f"{line!r} is no signature line.")
        found.append(Signature(match[1], raw[:4], raw[4:]))
    return tuple(found)


def sign(private: Ed25519PrivateKey, name: str, text: str) -> Signature:
    """Ed25519 signature of a note's text, under a key name."""
    key = VerifierKey(name, private.public_key().public_bytes_raw())
    return Signature(name, key.id, private.sign(text.encode()))


def cosign(private: Ed25519PrivateKey, name: str, text: str, at_seconds: int) -> Signature:
    """A witness's cosignature/v1: "I saw this checkpoint at this time, consistent with all I saw before"."""
    key = VerifierKey(name, private.public_key().public_bytes_raw(), COSIGNATURE_V1)
    return Signature(name, key.id, at_seconds.to_bytes(8, "big") + private.sign(_cosigned(text, at_seconds)))


def _cosigned(text: str, at_seconds: int) -> bytes:
    return f"cosignature/v1\ntime {at_seconds}\n{text}".encode()


def _verify(key: VerifierKey, text: str, data: bytes) -> bool:
    message = text.encode()
    if key.algorithm == COSIGNATURE_V1:
        message, data = _cosigned(text, int.from_bytes(data[:8], "big")), data[8:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(data, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- checkpoints --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The commitment of the log `origin` to its first `size` records."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @staticmethod
    def parse(text: str) -> Checkpoint:
        """Reads a note's text; extension lines are allowed and ignored. Raises BadNote."""
        lines = text.splitlines()
        if len(lines) < 3 or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
            raise BadNote("Not a checkpoint: origin, size and root are expected.")
        root = _unbase64(lines[2])
        if len(root) != HASH_BYTES:
            raise BadNote("Not a checkpoint: the root is not 32 bytes.")
        return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a note, signed by `key` and of the origin that the key names. Raises BadNote."""
    parsed = Note.parse(note)
    if not parsed.signed_by(key):
        raise BadNote(f"The checkpoint is not signed by {key}.")
    checkpoint = Checkpoint.parse(parsed.text)
    if checkpoint.origin != key.name:
        raise BadNote(f"The checkpoint is of {checkpoint.origin!r}, not of {key.name!r}.")
    return checkpoint


def _unbase64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
