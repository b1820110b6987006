"""No schedule of crashes, lost commits and bad networks doubles, loses or misreports an effect; broken gateways do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chargehand import clock
from chargehand.audit import log
from chargehand.database import Database
from crash.gateway.explorer import explore

DEVIATIONS = int(os.environ.get("CHARGEHAND_EXPLORE_DEVIATIONS", "2"))


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


@pytest.mark.parametrize(
    "tool", ["erp.get_order", "erp.set_note", "erp.refund", "erp.wire", "erp.wire_with_lookup"]
)
def test_every_schedule_keeps_the_promises(db: Database, patch_clock: Any, tool: str) -> None:
    report = explore(db, tool, DEVIATIONS, patch_clock=patch_clock)
    print(tool, report.schedules, dict(report.outcomes), dict(report.violations), report.examples)
    assert not report.violations, report.examples
