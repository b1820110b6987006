"""A release that breaks the graph strands nothing: runs stay on the release on which they began; rolling back works.

On Temporal's real dev server: the time-skipping one knows no Worker Deployments. Each release is a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from chargehand.approvals.service import ApprovalService
from chargehand.audit import log
from chargehand.database import Database
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.identity.model import Principal, SignedIn
from chargehand.runs.activities import GatewayActivities
from chargehand.runs.client import connect
from chargehand.runs.model import ENDED
from chargehand.runs.outbox import Outbox
from chargehand.runs.releases import current, make_current
from chargehand.runs.service import RunService, connected
from chargehand.settings import Settings
from chargehand.testing import FakeConnectors, allow_everything
from chargehand.testing.worlds import NoModel
from chargehand.worker.dev_server import dev_server
from chargehand.worker.gateway import gateway_worker
from fixtures import release_worker
from fixtures.processes import free_port

AMY = SignedIn(Principal("demo", "person:amy", "Amy"), "local")
PATIENCE_SECONDS = 60

pytestmark = pytest.mark.stack


class Here:
    """Temporal and agent workers as processes; the gateway worker in this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.runs: RunService
        self.client: Client

    def spawn(self, name: str, command: list[str], **more: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{self.port}",
            "CHARGEHAND_STATE_DIR": str(self.folder),
            **more,
        }
        with (self.folder / f"{name}.log").open("ab") as lines:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)

    async def release(self, name: str) -> None:
        """Start a worker of a release and wait until new runs begin on it."""
        self.spawn(name, [sys.executable, release_worker.__file__, name], CHARGEHAND_RELEASE=name)

        async def is_current() -> bool:
            return await current(self.client) == name

        await self.until(is_current)

    async def until(self, condition: Any) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if await condition():
                    return
            except Exception:  # not there yet
                pass
            assert time.monotonic() < until, "waited too long"
            await asyncio.sleep(0.1)

    async def start(self) -> str:
        """A run that waits for a person on the release that is current."""
        run = (await self.runs.start(AMY, "staged", {})).id

        async def asks() -> bool:
            return bool(await self.runs.tasks(AMY, run=run))

        await self.until(asks)
        return run

    async def end(self, run: str) -> Any:
        (task,) = await self.runs.tasks(AMY, run=run)
        await self.runs.answer(AMY, task.id, "go")

        async def ended() -> bool:
            return (await self.runs.get(AMY, run)).state in ENDED

        await self.until(ended)
        return (await self.runs.get(AMY, run)).result


@asynccontextmanager
async def company(folder: Path) -> AsyncGenerator[Here]:
    here = Here(folder)
    db = Database(f"sqlite:///{folder / 'chargehand.db'}")
    db.create_schema()
    log.initialise(db)
    here.spawn("temporal", dev_server(here.port))
    try:
        here.client = await connect(Settings(temporal_address=f"127.0.0.1:{here.port}", state_dir=folder))
        policy = allow_everything()
        approvals = ApprovalService(db, policy)
        catalog = release_worker.catalog("v1")
        here.runs = RunService(db, connected(here.client), catalog, policy, approvals)
        fakes = FakeConnectors({})
        gateway = Gateway(db, Desk(policy, {}, fakes, "test"))
        activities = GatewayActivities(db, gateway, NoModel(), approvals, here.runs.start_child)
        outbox = asyncio.create_task(Outbox(db, here.runs, approvals).run())
        async with gateway_worker(here.client, activities):
            yield here
        outbox.cancel()
    finally:
        for process in here.processes.values():
            process.kill()
            process.wait()
        db.close()


async def test_each_run_ends_on_the_release_on_which_it_began(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        await here.release("v1")
        old = await here.start()
        await here.release("v2")
        new = await here.start()
        await make_current(here.client, "v1")
        rolled_back = await here.start()
        assert (await here.end(old))["log"] == ["v1 before", "v1 after go"]
        assert (await here.end(new))["log"] == ["v2 other", "v2 way", "v2 round go"]
        assert (await here.end(rolled_back))["log"] == ["v1 before", "v1 after go"]
