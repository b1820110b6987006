"""A connector ends with the process that started it, also when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fixtures.connector_servers import SERVERS

PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import counting
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.service import pin_declared

async def main():
    folder = Path(sys.argv[1])
    pin_declared(folder, counting.connector)
    environment = {"LEDGER_FILE": str(folder / "ledger.db")}
    pool = ConnectorPool([counting.connector], PinBook(folder), environment=environment)
    assert (await pool.health("ledger")).state == "up"
    print(pool._slots["ledger"].link.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_killed_gateway_leaves_no_connector_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(SERVERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        os.kill(parent.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while _lives(child):
        assert time.monotonic() < until, "the connector lives on"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
