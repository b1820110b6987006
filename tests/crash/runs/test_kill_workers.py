"""kill -9 of either worker, again and again, while runs are under way: each ends, and every effect happened once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fixtures import crash_workers
from fixtures.crash_stack import (
    AMY,
    LI,
    PATIENCE_SECONDS,
    Stack,
    approve_all,
    ended,
    kill_agents,
    kill_gateway,
    kill_temporal,
    stack,
)

RUNS = 3

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("victim", "times"),
    [(kill_agents, 3), (kill_gateway, 3), (kill_temporal, 2)],
    ids=["agents", "gateway", "temporal"],
)
async def test_killed_between_steps_every_run_ends_and_nothing_is_doubled(
    tmp_path: Path, victim: Callable[[Stack], None], times: int
) -> None:
    async with stack(tmp_path) as (made, runs, approvals):
        approving = asyncio.create_task(approve_all(approvals, runs))
        ids = [(await runs.start(AMY, "clerk", {"name": f"job-{n}"}, request_key=f"k{n}")).id for n in range(RUNS)]
        for _ in range(times):
            await asyncio.sleep(random.uniform(0.6, 1.6))
            victim(made)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await ended(runs, ids):  # noqa: ASYNC110  # the state is in a database
                await asyncio.sleep(0.2)
        approving.cancel()
        details = [await runs.get(AMY, one) for one in ids]
        stories = [await runs.events(AMY, one, limit=10_000) for one in ids]

    assert [detail.state for detail in details] == ["succeeded"] * RUNS
    with closing(sqlite3.connect(made.ledger)) as ledger:
        lines = [line for (line,) in ledger.execute("SELECT line FROM effect")]
    assert len(lines) == len(set(lines)) == RUNS * crash_workers.EFFECTS
    for detail, story in zip(details, stories, strict=True):
        assert [event.seq for event in story] == list(range(1, detail.events + 1))
        positions = [event.data["position"] for event in story if event.kind == "call.settled"]
        assert len(positions) == len(set(positions)) == crash_workers.EFFECTS


async def test_a_run_that_temporal_ended_by_itself_is_said_to_have_failed(tmp_path: Path) -> None:
    async with stack(tmp_path) as (_, runs, approvals):
        run = (await runs.start(AMY, "clerk", {"name": "job"})).id
        async with asyncio.timeout(PATIENCE_SECONDS):  # the state is in a database
            while not await approvals.inbox(LI, run=run):  # noqa: ASYNC110  # the state is in a database
                await asyncio.sleep(0.1)
            await (await runs.client()).get_workflow_handle(run).terminate("by an operator")
            while not await ended(runs, [run]):  # noqa: ASYNC110  # the state is in a database
                await asyncio.sleep(0.2)
        failure = (await runs.get(AMY, run)).failure
        assert await approvals.inbox(LI, run=run) == []
    assert failure is not None
    assert "terminated" in failure.detail
