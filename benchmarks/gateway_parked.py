"""How much memory and time calls that wait for people take.

    python benchmarks/gateway_parked.py [--calls 10000] [--callers 64]

Parks CALLS refunds through Gateway.call: canonical digest, a policy that asks (scripted: Casbin has a benchmark of its
own), approval request and log records, each durable (SQLite, synchronous=FULL). Then lists the inbox and asks again for
some of the calls, as a run does that was woken. Bar: 10,000 parked approvals in less than 1 GB of resident memory.

This is the gateway's share: the runs themselves wait in Temporal, without a worker.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chargehand.approvals.service import ApprovalService  # noqa: E402
from chargehand.audit import log  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.gateway.desk import Desk  # noqa: E402
from chargehand.gateway.gateway import Gateway  # noqa: E402
from chargehand.gateway.model import ApprovalNeeded  # noqa: E402
from fixtures.gateway import LI, REFUND, CountingSystem, ScriptedPins, ScriptedPolicy, ask, signed_in, tool_call  # noqa: E402

BAR_BYTES = 10**9


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def measure(folder: Path, calls: int, callers: int) -> dict[str, Any]:
    db = Database(f"sqlite:///{folder}/parked.db")
    db.create_schema()
    log.initialise(db)
    policy, system = ScriptedPolicy(answer=lambda _: ask()), CountingSystem()
    gateway = Gateway(db, Desk(policy, ScriptedPins(), system, holder="benchmark"))
    approvals = ApprovalService(db, policy)
    gc.collect()
    before, began = resident(), time.perf_counter()
    latencies: list[float] = []
    numbers = iter(range(calls))

    async def park(number: int) -> None:
        arguments = {**REFUND, "order": f"SO-{number}", "customer": f"Customer {number % 1000}"}
        started = time.perf_counter()
        answer = await gateway.call(tool_call(step=number, run=f"run_{number}", arguments=arguments))
        latencies.append(time.perf_counter() - started)
        if not isinstance(answer, ApprovalNeeded):
            raise TypeError(f"call {number} was not parked: {answer}")

    async def caller() -> None:
        for number in numbers:
            await park(number)

    await asyncio.gather(*(caller() for _ in range(callers)))
    parked = time.perf_counter() - began
    gc.collect()
    after = resident()
    listing: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        first = await approvals.inbox(signed_in(LI), mine=True)
        listing.append(time.perf_counter() - started)
        if len(first) != min(100, calls):
            raise ValueError(f"the inbox shows {len(first)} requests")
    started = time.perf_counter()
    waiting = len(await approvals.inbox(signed_in(LI), mine=True, limit=calls + 1))
    whole = time.perf_counter() - started
    again = min(calls, 500)
    started = time.perf_counter()
    for number in range(again):
        await park(number)
    asked = time.perf_counter() - started
    if waiting != calls or system.effects:
        raise ValueError(f"{waiting} requests wait, {len(system.effects)} effects were done")
    db.close()
    return {
        "calls": calls,
        "callers": callers,
        "seconds": round(parked, 2),
        "ms_a_call": round(parked / calls * 1000, 3),
        "latency_p50_ms": round(statistics.median(latencies[:calls]) * 1000, 2),
        "resident_before_mb": round(before / 1e6, 1),
        "resident_after_mb": round(after / 1e6, 1),
        "growth_mb": round((after - before) / 1e6, 1),
        "growth_after_listing_mb": round((resident() - before) / 1e6, 1),
        "inbox_first_100_ms": round(statistics.median(listing) * 1000, 1),
        "inbox_whole_ms": round(whole * 1000, 1),
        "ask_again_ms": round(asked / again * 1000, 3),
        "under_bar": after < BAR_BYTES and resident() < BAR_BYTES,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--callers", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), options.calls, options.callers))
        found["database_mb"] = round(sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6, 1)
    found["at"] = datetime.now(UTC).isoformat(timespec="seconds")
    target = ROOT / "benchmarks" / "results" / "gateway_parked.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    raise SystemExit(0 if found["under_bar"] else 1)


if __name__ == "__main__":
    main()
