"""Where the parts of large payloads lie: one folder, shared by every process, one folder in it for each run.

What is kept is encrypted by the codec and named by it; this only keeps bytes under names. A part is on disk whole
before its name exists, so a reader never sees half of one and a crash leaves at most a draft. Because a run's parts
are its own, forgetting a run is deleting its folder, and no other history can refer to what is deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from chargehand.errors import BadInput, NotFound, RuntimeUnavailable

_RUN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{2,199}$")
_NAME = re.compile(r"^[0-9a-f]{64}$")
_DRAFT = ".draft-"
_GONE = ".gone-"


class Blobs(Protocol):
    """A place for parts. Its methods block: call them off the event loop."""

    def put(self, run: str, parts: Iterable[tuple[str, bytes]]) -> None:
        """Keep parts under their names (64 hex characters), durably; a name that is there already is left alone.

        Raises RuntimeUnavailable: they can't be written.
        """
        ...

    def has(self, run: str, name: str) -> bool: ...

    def get(self, run: str, name: str) -> bytes:
        """Raises NotFound, RuntimeUnavailable (it can't be read)."""
        ...

    def forget(self, run: str) -> None:
        """Delete everything of a run; harmless when there is nothing."""
        ...


class BlobFolder:
    """Blobs in a folder. Several processes, and machines that mount it, may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, run: str, parts: Iterable[tuple[str, bytes]]) -> None:
        folder = self._folder(run)
        try:
            missing = [(path, data) for name, data in parts if not (path := folder / _checked(name)).exists()]
            if not missing:
                return
            _make(folder)
            for path, data in missing:
                draft = folder / f"{_DRAFT}{path.name}.{os.getpid()}.{time.monotonic_ns()}"
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.rename(path)
            _sync(folder)
        except OSError as error:
            raise self._unusable(error) from error

    def has(self, run: str, name: str) -> bool:
        return (self._folder(run) / _checked(name)).exists()

    def get(self, run: str, name: str) -> bytes:
        try:
            return (self._folder(run) / _checked(name)).read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"A stored part of the run {run} is missing: {name[:16]}… is not in {self.root}.",
                way_out="Give all workers and the API the same CHARGEHAND_BLOBS_DIR, or restore that folder.",
            ) from None
        except OSError as error:
            raise self._unusable(error) from error

    def forget(self, run: str) -> None:
        folder = self._folder(run)
        # Renamed first: whoever is killed while deleting leaves nothing that looks like a run.
        gone = folder.with_name(f"{_GONE}{folder.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def runs(self) -> Iterator[tuple[str, datetime]]:
        """Every run that has parts, and when it last got one. Deletes what a killed `forget` left behind."""
        if not self.root.is_dir():
            return
        for shelf in sorted(self.root.iterdir()):
            for folder in sorted(shelf.iterdir()) if shelf.is_dir() else ():
                if folder.name.startswith(_GONE):
                    shutil.rmtree(folder, ignore_errors=True)
                    continue
                with suppress(FileNotFoundError):
                    yield folder.name, datetime.fromtimestamp(folder.stat().st_mtime, UTC)

    def size(self, run: str) -> int:
        """Bytes kept for a run."""
        folder = self._folder(run)
        return sum(one.stat().st_size for one in folder.iterdir()) if folder.is_dir() else 0

    def _unusable(self, error: OSError) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"Large values of runs can't be kept in {self.root}, or read from there: {error.strerror or error}.",
            way_out="Let all workers and the API write that folder, or set CHARGEHAND_BLOBS_DIR to one that they can.",
        )

    def _folder(self, run: str) -> Path:
        if not _RUN.fullmatch(run):
            raise BadInput("this is no id of a run", field="run", value=run)
        return self.root / run[-2:].lower() / run


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput("a part's name is 64 hex characters", field="name", value=name)
    return name


def _make(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
