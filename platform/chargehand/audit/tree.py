"""The log's Merkle tree as C2SP tiles in a folder: append, roots and proofs, each reading a handful of tiles.

Owns `<folder>/tile/`. A full tile is written once and never changed; the rightmost of each level is partial and
replaced by a wider one. Nothing here is trusted by itself: roots are compared with signed checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from chargehand.audit.format import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_WIDTH,
    Frontier,
    node_hash,
    tile_path,
)  # fmt: skip


class BadTree(Exception):
    """A tile is missing, torn or contradicts what is to be written over it."""


class TileTree:
    """The first `size` leaves of the tree in `folder`."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self.size = size
        self._tile = lru_cache(maxsize=256)(self._read)
        self._fresh: dict[tuple[int, int], bytearray] = {}
        self._stale: list[Path] = []

    def append(self, hashes: Sequence[bytes]) -> None:
        """Add leaf hashes in memory; `flush` writes them."""
        for hash_ in hashes:
            level, index, node = 0, self.size, hash_
            self.size += 1
            while True:
                tile = self._writable(level, index)
                tile += node
                if len(tile) < TILE_WIDTH * HASH_BYTES:
                    break
                node = _fold(bytes(tile))
                level, index = level + 1, index // TILE_WIDTH

    def flush(self) -> None:
        """Write every new tile durably, full ones first. Raises BadTree if a full tile is there with other content."""
        folders: set[Path] = set()
        old_partials: list[Path] = []
        for (level, index), tile in sorted(self._fresh.items()):
            width = len(tile) // HASH_BYTES
            path = self._folder / tile_path(level, index, width)
            if path.exists():
                if path.read_bytes() != bytes(tile):
                    raise BadTree(f"{path} was written before with other hashes.")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, bytes(tile))
            folders.add(path.parent)
            partials = self._folder / (tile_path(level, index) + ".p")
            if partials.is_dir():
                old_partials += [old for old in partials.iterdir() if old.name.isdecimal() and int(old.name) < width]
        for folder in folders:
            sync_folder(folder)
        self._stale = old_partials
        self._fresh.clear()
        self._tile.cache_clear()

    def prune(self) -> None:
        """Remove partial tiles that wider ones replace; called once the checkpoint that needs them is published."""
        for old in self._stale:
            old.unlink(missing_ok=True)
        self._stale = []

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Leaf hashes of [start, end)."""
        found: list[bytes] = []
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            tile = self._hashes(0, index)
            low, high = max(start - index * TILE_WIDTH, 0), min(end - index * TILE_WIDTH, TILE_WIDTH)
            if len(tile) < high * HASH_BYTES:
                raise BadTree(f"The tile {tile_path(0, index)} is too short.")
            found += [tile[n * HASH_BYTES : (n + 1) * HASH_BYTES] for n in range(low, high)]
        return found

    def root(self, size: int | None = None) -> bytes:
        """Root over the first `size` leaves."""
        size = self.size if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def frontier(self, size: int) -> Frontier:
        """The perfect subtrees of the first `size` leaves."""
        hashes: list[bytes] = []
        start = 0
        for bit in range(size.bit_length() - 1, -1, -1):
            if size >> bit & 1:
                hashes.append(self._perfect(start, 1 << bit))
                start += 1 << bit
        return Frontier(size, hashes)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Audit path of the leaf `index` in the first `size` leaves, leaf to root. RFC 6962 section 2.1.1."""
        if not 0 <= index < size <= self.size:
            raise ValueError(f"No leaf {index} in a tree of {size}.")
        return self._path(index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` leaves are a prefix of the first `new`. RFC 6962 section 2.1.2."""
        if not 0 <= old <= new <= self.size:
            raise ValueError(f"No trees of {old} and {new}.")
        return [] if old in (0, new) else self._subproof(old, 0, new, whole=True)

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        split = start + _split(end - start)
        if index < split:
            return [*self._path(index, start, split), self._range(split, end)]
        return [*self._path(index, split, end), self._range(start, split)]

    def _subproof(self, old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self._range(start, end)]
        split = start + _split(end - start)
        if old <= split:
            return [*self._subproof(old, start, split, whole=whole), self._range(split, end)]
        return [*self._subproof(old, split, end, whole=False), self._range(start, split)]

    def _range(self, start: int, end: int) -> bytes:
        size = end - start
        if size & (size - 1) == 0:
            return self._perfect(start, size)
        split = start + _split(size)
        return node_hash(self._perfect(start, split - start), self._range(split, end))

    def _perfect(self, start: int, size: int) -> bytes:
        """Root of an aligned subtree whose size is a power of two."""
        level = 0
        while size >= TILE_WIDTH:
            level, start, size = level + 1, start // TILE_WIDTH, size // TILE_WIDTH
        tile = self._hashes(level, start // TILE_WIDTH)
        offset = start % TILE_WIDTH * HASH_BYTES
        part = tile[offset : offset + size * HASH_BYTES]
        if len(part) != size * HASH_BYTES:
            raise BadTree(f"The tile {tile_path(level, start // TILE_WIDTH)} is too short.")
        return _fold(part)

    def _hashes(self, level: int, index: int) -> bytes:
        fresh = self._fresh.get((level, index))
        return bytes(fresh) if fresh is not None else self._tile(level, index)

    def _writable(self, level: int, index: int) -> bytearray:
        tile, offset = index // TILE_WIDTH, index % TILE_WIDTH
        fresh = self._fresh.get((level, tile))
        if fresh is None:
            known = self._tile(level, tile)[: offset * HASH_BYTES] if offset else b""
            if len(known) != offset * HASH_BYTES:
                raise BadTree(f"The tile {tile_path(level, tile)} is too short.")
            fresh = self._fresh[level, tile] = bytearray(known)
        return fresh

    def _read(self, level: int, index: int) -> bytes:
        """The widest stored version of a tile."""
        full = self._folder / tile_path(level, index)
        if full.exists():
            return _checked(full)
        partials = self._folder / (tile_path(level, index) + ".p")
        widths = [int(p.name) for p in partials.iterdir() if p.name.isdecimal()] if partials.is_dir() else []
        if not widths:
            raise BadTree(f"The tile {tile_path(level, index)} is missing in {self._folder}.")
        return _checked(partials / str(max(widths)))


def _checked(path: Path) -> bytes:
    content = path.read_bytes()
    width = int(path.name) if path.parent.name.endswith(".p") else TILE_WIDTH
    if len(content) != width * HASH_BYTES:
        raise BadTree(f"The tile {path} is torn.")
    return content


def _fold(hashes: bytes) -> bytes:
    level = [hashes[n : n + HASH_BYTES] for n in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[n], level[n + 1]) for n in range(0, len(level), 2)]
    return level[0]


def _split(size: int) -> int:
    """Largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def write_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace a file whole: readers see the old or the new, and the new survives a power cut after `sync_folder`."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
