"""No schedule of crashes, lost commits and bad networks doubles, loses or misreports an effect.

That broken gateways are found out stands in test_mutants.py: two files, so that both are run at the same time.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from chargehand.database import Database
from crash.gateway.explorer import explore

DEVIATIONS = os.environ.get("CHARGEHAND_EXPLORE_DEVIATIONS", "")
"""Overrides how many deviations from progress a schedule may have; 3 takes about an hour."""


@pytest.mark.parametrize(
    ("tool", "deviations"),
    [
        ("erp.get_order", 1),
        ("erp.set_note", 1),
        ("erp.refund_with_lookup", 1),
        ("erp.refund", 2),
        ("erp.wire", 2),
        ("erp.wire_with_lookup", 2),
    ],
)
def test_every_schedule_keeps_the_promises(db: Database, patch_clock: Any, tool: str, deviations: int) -> None:
    report = explore(db, tool, int(DEVIATIONS or deviations), patch_clock=patch_clock)
    print(tool, report.schedules, dict(report.outcomes))
    assert not report.violations, report.examples
