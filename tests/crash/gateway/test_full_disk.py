"""A disk that really gets full: nothing leaves without its intent on it, and with space again all ends once.

Twice: a file system of a few megabytes (where we may mount one), and a largest file size (anywhere).
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.gateway import tool_call

VICTIM = Path(__file__).parent / "full_disk_victim.py"
CALLS = 600
SMALL_FILE_BYTES = 1_000_000


@dataclass
class Disk:
    folder: Path
    limit_bytes: int
    make_room: Callable[[], object]


@pytest.fixture(params=["file system", "largest file"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "largest file":
        yield Disk(folder, SMALL_FILE_BYTES, lambda: None)
        return
    if _mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("this user may not mount a file system")
    try:
        yield Disk(folder, 0, lambda: _mount("-o", "remount,size=64m", str(folder)))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


def run(disk: Disk, books: Path, limit_bytes: int) -> dict[int, str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    }
    command = [sys.executable, str(VICTIM), str(disk.folder), str(books), str(CALLS), str(limit_bytes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (line.split(" ", 1) for line in done.stdout.splitlines())
    return {int(number): state for number, state in lines}


@pytest.mark.timeout(300)
def test_a_full_disk_doubles_and_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    books = tmp_path / "books.txt"
    first = run(disk, books, disk.limit_bytes)
    refused = [number for number, state in first.items() if state.startswith("unavailable")]
    assert 0 < len(refused) < CALLS, Counter(state.split(":")[0] for state in first.values())
    assert set(first.values()) - {first[number] for number in refused} == {"succeeded"}
    done = Counter(books.read_text().split())
    assert set(done.values()) == {1}

    disk.make_room()
    second = run(disk, books, 0)
    assert set(second.values()) == {"succeeded"}
    done = Counter(books.read_text().split())
    assert done == Counter(tool_call(step=number).key for number in range(CALLS)), "each exactly once"
    connection = sqlite3.connect(disk.folder / "gateway.db")
    numbers = [seq for (seq,) in connection.execute("SELECT seq FROM audit_leaf ORDER BY seq")]
    intents = connection.execute("SELECT count(*) FROM tool_call WHERE state = 'done'").fetchone()[0]
    connection.close()
    assert numbers == list(range(len(numbers))), "a gap in the log"
    assert intents == CALLS
