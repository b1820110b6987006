"""kill -9 of the gateway worker around the moment at which a schedule is due: one run for each, never none or two."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chargehand import clock
from chargehand.identity import store as people
from chargehand.identity.service import new_user
from chargehand.runs.service import RunService
from chargehand.runs.triggers.schedule_terms import Terms
from chargehand.runs.triggers.schedules import Schedules
from fixtures.crash_stack import AMY, PATIENCE_SECONDS, Stack, approve_all, ended, kill_gateway, stack
from fixtures.crash_workers import EFFECTS

pytestmark = pytest.mark.stack
SCHEDULES = 4


async def with_amy(runs: RunService) -> Schedules:
    user = new_user("demo", "amy", "Amy", "person", clock.now())
    await runs.db.write(lambda tx: people.add_user(tx.connection, user, "no hash"))
    return Schedules(runs.db, runs)


async def all_ended(runs: RunService, count: int) -> list[str]:
    """The ids of all runs once there are so many and they have ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            ids = [one.id for one in (await runs.list(AMY)).items]
            if len(ids) >= count and await ended(runs, ids):
                return ids
            await asyncio.sleep(0.2)


def effects(made: Stack) -> list[str]:
    with closing(sqlite3.connect(made.ledger)) as ledger:
        return [line for (line,) in ledger.execute("SELECT line FROM effect")]


async def test_killed_between_claiming_and_starting_there_is_one_run(tmp_path: Path) -> None:
    async with stack(tmp_path) as (made, runs, approvals):
        schedules = await with_amy(runs)
        made.kill("gateway")
        stalled = tmp_path / "stalled"
        made.start("gateway", STALL=str(stalled))
        schedule = await schedules.create(AMY, "clerk", {"name": "job"}, Terms(at=clock.now() + timedelta(seconds=1)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not stalled.exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.05)
        kill_gateway(made)
        approving = asyncio.create_task(approve_all(approvals, runs))
        ids = await all_ended(runs, 1)
        approving.cancel()
        found = await schedules.get(AMY, schedule.id)
        states = [(await runs.get(AMY, one)).state for one in ids]
        claimed = stalled.read_text()
    assert states == ["succeeded"]
    assert ids == [found.last_run] == [claimed]
    assert len(effects(made)) == EFFECTS


async def test_killed_at_any_moment_each_due_time_has_one_run(tmp_path: Path) -> None:
    async with stack(tmp_path) as (made, runs, approvals):
        schedules = await with_amy(runs)
        made.start("second gateway")
        approving = asyncio.create_task(approve_all(approvals, runs))
        for number in range(SCHEDULES):
            at = clock.now() + timedelta(seconds=1 + number)
            await schedules.create(AMY, "clerk", {"name": f"job-{number}"}, Terms(at=at))
        for _ in range(4):
            await asyncio.sleep(random.uniform(0.3, 1.2))
            kill_gateway(made)
        ids = await all_ended(runs, SCHEDULES)
        approving.cancel()
        states = [(await runs.get(AMY, one)).state for one in ids]
    assert states == ["succeeded"] * SCHEDULES
    lines = effects(made)
    assert len(lines) == len(set(lines)) == SCHEDULES * EFFECTS
