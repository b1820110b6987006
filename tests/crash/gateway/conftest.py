"""The small world of fixtures/gateway.py, and what the explorations share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chargehand import clock
from chargehand.audit import log
from chargehand.database import Database
from fixtures.gateway import moving_clock, world

__all__ = ["moving_clock", "world"]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    shared = Path("/dev/shm")  # real fsyncs are for the SIGKILL tests; here the order is what counts
    folder = shared if shared.is_dir() else tmp_path_factory.mktemp("explore")
    path = folder / f"explore-{os.getpid()}.db"
    made = Database(f"sqlite:///{path}")
    made.create_schema()
    log.initialise(made)
    yield made
    made.close()
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


@pytest.fixture
def patch_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    return lambda now: monkeypatch.setattr(clock, "now", now)
