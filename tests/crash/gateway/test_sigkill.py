"""Real processes, real files, real SIGKILL at every boundary of a call, once and twice; a system that only counts."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargehand.audit import log
from chargehand.database import Database
from crash.gateway.victim import POINTS

VICTIM = Path(__file__).parent / "victim.py"
TOOLS = ("erp.get_order", "erp.refund", "erp.wire", "erp.wire_with_lookup")


class Nursery:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(VICTIM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def one(self, folder: Path, tool: str, point: str, minutes: int) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder} {tool} {point} {minutes}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def _run(nursery: Nursery, folder: Path, tool: str, points: tuple[str, ...]) -> tuple[str, int, int]:
    """(final answer, effects, intents in the log) of a call whose gateway dies at each of `points` in turn."""
    minutes = 0
    for point in points:
        said = nursery.one(folder, tool, point, minutes)
        assert not said.startswith("failed"), said
    for _ in range(6):
        minutes += 5
        said = nursery.one(folder, tool, "none", minutes)
        assert not said.startswith("failed"), said
        if said not in ("again", "killed"):
            break
    books = sqlite3.connect(folder / "books.db")
    effects = books.execute("SELECT count(*) FROM effect").fetchone()[0]
    books.close()
    state = sqlite3.connect(folder / "gateway.db")
    intents = state.execute("SELECT count(*) FROM audit_leaf WHERE CAST(leaf AS TEXT) LIKE '%\"intent\"%'").fetchone()[
        0
    ]
    state.close()
    return said, effects, intents


FIRST_KILLS = ("after_intent", "effect_done")
SINGLE = [(), *((point,) for point in POINTS)]
DOUBLE = [*itertools.product(FIRST_KILLS, FIRST_KILLS)]
ALL_DOUBLE = [*itertools.product(POINTS, repeat=2)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway's database without a call in it."""
    path = tmp_path_factory.mktemp("fresh") / "gateway.db"
    db = Database(f"sqlite:///{path}")
    db.create_schema()
    log.initialise(db)
    db.close()
    return path


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("schedules", [SINGLE + DOUBLE, pytest.param(ALL_DOUBLE, marks=pytest.mark.slow)])
def test_no_kill_doubles_loses_or_misreports(
    nursery: Nursery, fresh: Path, tmp_path: Path, tool: str, schedules: list[tuple[str, ...]]
) -> None:
    doubts = 0
    for number, points in enumerate(schedules):
        folder = tmp_path / f"{tool}-{number}"
        folder.mkdir()
        shutil.copy(fresh, folder / "gateway.db")
        said, effects, intents = _run(nursery, folder, tool, points)
        writes = tool != "erp.get_order"
        assert said in ("succeeded", "in_doubt"), (points, said)
        assert effects <= 1, (points, "doubled")
        if said == "succeeded":
            assert effects == int(writes), (points, "lost")
        else:
            assert tool == "erp.wire", (points, "only what can't be repeated or looked up stays in doubt")
            doubts += 1
        assert intents >= min(effects, 1), (points, "an effect without intent")
    assert doubts > 0 or tool != "erp.wire"
