"""The gateway process of the fault tests: makes all calls that have no answer yet, and writes their answers down.

    python fault_worker.py FOLDER SEED CALLS

Real gateway, database, log, pool and connectors; policy is a fake that allows everything. The gateway's times are
scaled down with the time-out of an attempt (1 s for 30 s), so that hours of faults fit into minutes.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[2]))

from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.database import Database
from chargehand.errors import Ambiguous, Unavailable
from chargehand.gateway import grant
from chargehand.gateway.build import holder
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ToolCall
from chargehand.outcome import Outcome
from fixtures.connector_servers import load
from fixtures.gateway import ScriptedPolicy, tool_call

AT_ONCE = 32
TOOLS = ("counting.add", "counting.add_findable", "counting.total", "keyed.put")
SHARES = (35, 20, 10, 35)


def call_number(number: int, seed: int) -> ToolCall:
    tool = Random(f"{seed}/{number}").choices(TOOLS, SHARES)[0]
    return tool_call(tool, step=number, arguments={"item": str(number)})


def scale_times() -> None:
    grant.MESSAGE_LIFE = timedelta(seconds=2)
    grant.KEYED_SKEW = timedelta(seconds=0.5)
    grant.LEASE_MARGIN = timedelta(seconds=0.3)


async def work(folder: Path, seed: int, calls: int) -> None:
    faulty = load("faulty")
    scale_times()
    db, pins = Database(f"sqlite:///{folder}/gateway.db"), PinBook(folder)
    environment = {"FAULTY_FOLDER": str(folder), "FAULTY_SEED": str(seed)}
    pool = ConnectorPool(faulty.CONNECTORS.values(), pins, environment=environment)
    gateway = Gateway(db, Desk(ScriptedPolicy(), pins, pool, holder(), call_time=faulty.CALL_TIME))
    path = folder / "answers.txt"
    answered = {int(line.split()[0]) for line in path.read_text().splitlines()}
    again = set(Random(f"{seed}/{len(answered)}").sample(sorted(answered), len(answered) // 20))
    queue = iter([n for n in range(calls) if n not in answered or n in again])
    patience = Random(seed)
    with path.open("a", buffering=1) as answers:

        async def caller() -> None:
            for number in queue:
                outcome: Outcome | None = None
                while outcome is None:
                    try:
                        answer = await gateway.call(call_number(number, seed))
                    except (Unavailable, Ambiguous):
                        await asyncio.sleep(patience.uniform(0.02, 0.3))
                    else:
                        assert isinstance(answer, Outcome)
                        outcome = answer
                answers.write(f"{number} {outcome.state}\n")

        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await gateway.drain()
    await pool.close()
    db.close()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
