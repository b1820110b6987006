"""kill -9 of either worker while runs hand over to others: each effect happens once, and no run below is left open."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import crash_workers
from fixtures.crash_stack import AMY, LI, PATIENCE_SECONDS, approve_all, ended, kill_agents, kill_gateway, stack

CHIEFS = 2
KILLS = 4

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("name", ["job", "broken"])
async def test_killed_while_others_work_for_it(tmp_path: Path, name: str) -> None:
    async with stack(tmp_path) as (made, runs, approvals):
        approving = asyncio.create_task(approve_all(approvals, runs))
        ids = [(await runs.start(AMY, "chief", {"name": f"{name}-{n}"})).id for n in range(CHIEFS)]
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.4, 1.4))
            random.choice([kill_agents, kill_gateway])(made)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await ended(runs, ids):  # noqa: ASYNC110  # the state is in a database
                await asyncio.sleep(0.2)
        approving.cancel()
        chiefs = [await runs.get(AMY, one) for one in ids]
        clerks = [await runs.get(AMY, child) for chief in chiefs for child in chief.children]
        asked = await approvals.inbox(LI)

    with closing(sqlite3.connect(made.ledger)) as ledger:
        lines = [line for (line,) in ledger.execute("SELECT line FROM effect")]
    assert len(lines) == len(set(lines))
    assert asked == []
    if name == "job":
        assert {one.state for one in (*chiefs, *clerks)} == {"succeeded"}
        assert len(lines) == CHIEFS * (1 + 2 * crash_workers.EFFECTS)
    else:
        assert {one.state for one in chiefs} == {"failed"}
        assert {one.state for one in clerks} <= {"stopped", "succeeded"}
