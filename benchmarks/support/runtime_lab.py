"""Temporal's dev server and the two benchmark workers as processes, and what they use of CPU and memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from chargehand.approvals.service import ApprovalService  # noqa: E402
from chargehand.audit import log  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.identity.model import Principal, SignedIn  # noqa: E402
from chargehand.runs.client import connect  # noqa: E402
from chargehand.runs.service import RunService  # noqa: E402
from chargehand.settings import load  # noqa: E402
from chargehand.worker.dev_server import dev_server  # noqa: E402
from fixtures.processes import free_port  # noqa: E402

from . import runtime_workers  # noqa: E402

AMY = SignedIn(Principal("demo", "person:amy", "Amy"), "local")
LI = SignedIn(Principal("demo", "person:li", "Li"), "local")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Lab:
    """What runs. `cpu` and `memory` look at a process by name: temporal, gateway, agents."""

    folder: Path
    db: Database
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, Any])
    client: Client = field(init=False)
    runs: RunService = field(init=False)
    approvals: ApprovalService = field(init=False)

    def spawn(self, name: str, command: list[str], **more: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "tests"),
            "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{self.port}",
            "CHARGEHAND_STATE_DIR": str(self.folder),
            "CHARGEHAND_READY_FILE": str(self.folder / f"{name}.ready"),
            "CHARGEHAND_LOG_LEVEL": "WARNING",
            **more,
        }
        with (self.folder / f"{name}.log").open("ab") as lines:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)

    def cpu(self, name: str) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.processes[name].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, name: str) -> int:
        """Resident bytes now."""
        pages = int(Path(f"/proc/{self.processes[name].pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    """Poll; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # what is waited for is another process
            await asyncio.sleep(0.05)


@asynccontextmanager
async def lab(folder: Path, *, on_disk: bool = True, **environment: str) -> AsyncGenerator[Lab]:
    """Everything up, until the block ends."""
    db = Database(f"sqlite:///{folder / 'chargehand.db'}")
    db.create_schema()
    log.initialise(db)
    made = Lab(folder, db, free_port())
    made.spawn("temporal", dev_server(made.port, database=folder / "temporal.db" if on_disk else None))
    os.environ["CHARGEHAND_TEMPORAL_ADDRESS"] = f"127.0.0.1:{made.port}"
    os.environ["CHARGEHAND_STATE_DIR"] = str(folder)
    try:
        made.client = await connect(load())
        made.runs, made.approvals = runtime_workers.services(db, made.client)
        for name in ("gateway", "agents"):
            command = [sys.executable, str(runtime_workers.__file__), name]
            made.spawn(name, command, **environment)

        async def ready() -> bool:
            return all((folder / f"{name}.ready").exists() for name in ("gateway", "agents"))

        await until(ready)
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()
        db.close()
