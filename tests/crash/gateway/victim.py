"""Gateway processes of the SIGKILL tests: each makes one call, and kills itself at the point that it is told.

    python victim.py        reads lines "FOLDER TOOL POINT MINUTES", forks a gateway process for each

A nursery, so that the imports are paid once: it has no threads and opens nothing itself. For each line it answers with
one: "killed", "again" (ask again), or the outcome's state. MINUTES is how far the process's clock is ahead.

The system behind is a file of its own with a non-idempotent counter: each arriving call appends an effect, at once and
durably. A keyed tool's effect and key share one transaction, as the protocol demands of keyed systems.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from chargehand import clock
from chargehand.connectors.model import ToolResult
from chargehand.database import Database, Transaction
from chargehand.errors import Ambiguous, Unavailable
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.outcome import Outcome
from fixtures.gateway import ScriptedPins, ScriptedPolicy, tool_call

POINTS = (
    "before_intent",
    "inside_intent",
    "after_intent",
    "sent",
    "effect_done",
    "answered",
    "inside_settle",
    "after_settle",
)


def die(point: str, wanted: str) -> None:
    if point == wanted:
        os.kill(os.getpid(), signal.SIGKILL)


class Counter:
    """The system behind, in this process for speed; its file is its own, and survives the kill."""

    def __init__(self, folder: Path, pins: ScriptedPins, point: str) -> None:
        self.books = sqlite3.connect(folder / "books.db", isolation_level=None)
        self.books.execute("PRAGMA synchronous=FULL")
        self.books.execute("CREATE TABLE IF NOT EXISTS effect (n INTEGER PRIMARY KEY, key TEXT)")
        self.pins = pins
        self.point = point

    async def call(self, tool: str, arguments: dict[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        die("sent", self.point)
        pin = self.pins.get(tool)
        assert pin is not None
        if tool == "erp.find_by_key":
            found = self._count(arguments["key"]) > 0
            return ToolResult(tool, value={"found": found, "finished": found})
        if pin.effect != "read" and not (pin.delivery == "keyed" and self._count(key)):
            self.books.execute("INSERT INTO effect (key) VALUES (?)", (key,))
        die("effect_done", self.point)
        return ToolResult(tool, value={"document": "D-1"})

    def _count(self, key: str) -> int:
        return self.books.execute("SELECT count(*) FROM effect WHERE key = ?", (key,)).fetchone()[0]


class Killing(Database):
    """The real database, with a kill around its commits. The first unit admits, the second settles."""

    point = ""
    units = 0

    async def write(self, unit: Any) -> Any:
        self.units += 1
        name = "intent" if self.units == 1 else "settle"
        die(f"before_{name}", self.point)
        if name == "settle":
            die("answered", self.point)

        def inside(tx: Transaction) -> Any:
            result = unit(tx)
            die(f"inside_{name}", self.point)
            return result

        result = await super().write(inside)
        die(f"after_{name}", self.point)
        return result


async def gateway_process(folder: Path, tool: str, point: str) -> str:
    db = Killing(f"sqlite:///{folder}/gateway.db")
    db.point = point
    pins = ScriptedPins()
    # One name for all: the next process knows that the one before is dead, and need not wait for its lease.
    gateway = Gateway(db, Desk(ScriptedPolicy(), pins, Counter(folder, pins, point), "victim"))
    try:
        outcome = await gateway.call(tool_call(tool))
    except (Unavailable, Ambiguous):
        return "again"
    assert isinstance(outcome, Outcome)
    return outcome.state


def give_birth(folder: str, tool: str, point: str, minutes: str) -> str:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        ahead = timedelta(minutes=int(minutes))
        clock.now = lambda: datetime.now(UTC) + ahead
        os.write(writable, asyncio.run(gateway_process(Path(folder), tool, point)).encode())
        os._exit(0)
    os.close(writable)
    said = os.read(readable, 100).decode()
    os.close(readable)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else said or f"failed {status}"


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(give_birth(*line.split()) + "\n")
        sys.stdout.flush()
