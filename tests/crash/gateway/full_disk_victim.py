"""A gateway process on a disk that gets full: python full_disk_victim.py FOLDER BOOKS CALLS LIMIT

FOLDER holds the database; BOOKS, a file elsewhere, is what the system behind remembers: a key a line. LIMIT, unless 0,
is the most bytes that any file of this process may have. Prints `number state` for each call.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from chargehand.audit import log
from chargehand.database import Database
from chargehand.errors import ChargehandError
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.outcome import Outcome
from fixtures.gateway import REFUND, CountingSystem, ScriptedPins, ScriptedPolicy, tool_call


class KeptSystem(CountingSystem):
    """A fake connector whose books outlive the process and lie on another disk."""

    def __init__(self, books: Path) -> None:
        super().__init__()
        self.books = books.open("a+b", buffering=0)
        self.books.seek(0)
        self.effects = [(line.decode(), "erp.refund", {}) for line in self.books.read().split()]

    def serve(self, tool: str, arguments: dict[str, Any], key: str, deadline: Any) -> Any:
        before = len(self.effects)
        result = super().serve(tool, arguments, key, deadline)
        if len(self.effects) > before:
            self.books.write(key.encode() + b"\n")
            os.fsync(self.books.fileno())
        return result


async def main(folder: Path, books: Path, calls: int) -> None:
    db = Database(f"sqlite:///{folder}/gateway.db")
    db.create_schema()
    log.initialise(db)
    system = KeptSystem(books)
    desk = Desk(ScriptedPolicy(), ScriptedPins(), system, holder="this-machine", call_time=timedelta(seconds=30))
    gateway = Gateway(db, desk)
    for number in range(calls):
        try:
            answer = await gateway.call(
                tool_call(step=number, arguments={**REFUND, "order": f"SO-{number}" + "x" * 20})
            )
        except ChargehandError as error:
            print(number, f"unavailable {type(error).__name__}: {error}", flush=True)
        else:
            print(number, answer.state if isinstance(answer, Outcome) else "asked", flush=True)
    db.close()


if __name__ == "__main__":
    where, kept, count, limit = sys.argv[1:]
    if int(limit):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails with EFBIG instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    asyncio.run(main(Path(where), Path(kept), int(count)))
