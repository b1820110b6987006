"""kill -9 of the agent worker while runs go from one history to the next: each ends, and every effect happened once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import crash_workers
from fixtures.crash_stack import AMY, PATIENCE_SECONDS, approve_all, ended, kill_agents, stack

RUNS = 2
HISTORY_EVENTS = 15

pytestmark = pytest.mark.stack


async def test_killed_between_histories_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with stack(tmp_path) as (made, runs, approvals):
        runs.history_events = HISTORY_EVENTS
        approving = asyncio.create_task(approve_all(approvals, runs))
        ids = [(await runs.start(AMY, "clerk", {"name": f"job-{n}"}, request_key=f"k{n}")).id for n in range(RUNS)]
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.4, 1.2))
            kill_agents(made)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await ended(runs, ids):  # noqa: ASYNC110  # the state is in a database
                await asyncio.sleep(0.2)
        approving.cancel()
        details = [await runs.get(AMY, one) for one in ids]
        stories = [await runs.events(AMY, one, limit=10_000) for one in ids]
        client = await runs.client()
        described = [await client.get_workflow_handle(one).describe() for one in ids]

    assert [detail.state for detail in details] == ["succeeded"] * RUNS
    first = [one.raw_description.workflow_execution_info.first_run_id for one in described]
    assert all(one.run_id != was for one, was in zip(described, first, strict=True))
    with closing(sqlite3.connect(made.ledger)) as ledger:
        lines = [line for (line,) in ledger.execute("SELECT line FROM effect")]
    assert len(lines) == len(set(lines)) == RUNS * crash_workers.EFFECTS
    for detail, story in zip(details, stories, strict=True):
        assert [event.seq for event in story] == list(range(1, detail.events + 1))
        positions = [event.data["position"] for event in story if event.kind == "call.settled"]
        assert len(positions) == len(set(positions)) == crash_workers.EFFECTS
