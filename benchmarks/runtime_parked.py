"""What runs that wait for people cost the agent worker.

    python benchmarks/runtime_parked.py [--runs 1000] [--all 10000] [--seconds 60] [--cached 500] [--check]

Starts RUNS runs that wait for an approval each, looks at the agent worker's memory before and after, and at its CPU for
SECONDS while nothing happens; then the same with ALL. Then approves ten of the oldest, which are no longer in memory,
and takes the time until they have ended. The worker keeps at most CACHED waiting runs in memory; the others are
replayed from their histories when something happens. The gateway worker and Temporal (in memory) are shown beside.
Bars: RUNS waiting runs < 100 MB in the worker, < 0.2 % of a core more than the same worker with none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.support.runtime_lab import AMY, LI, Lab, lab, until  # noqa: E402

from chargehand.runs.model import ENDED  # noqa: E402

BAR_MB = 100.0
BAR_CPU_PERCENT = 0.2
PROCESSES = ("agents", "gateway", "temporal")
STARTERS = 16
AT_A_TIME = 200


async def park(here: Lab, numbers: range) -> float:
    """Start these runs, some at a time, and wait until every one waits for its approval; seconds."""
    began = time.perf_counter()
    for first in range(numbers.start, numbers.stop, AT_A_TIME):
        some = range(first, min(first + AT_A_TIME, numbers.stop))
        todo = iter(some)

        async def starter(todo: Iterator[int] = todo) -> None:
            for number in todo:
                await here.runs.start(AMY, "parks", {"line": number}, request_key=f"parked-{number}")

        await asyncio.gather(*(starter() for _ in range(STARTERS)))

        async def parked(stop: int = some.stop) -> bool:
            return await count(here) >= stop

        await until(parked, 600)
    return time.perf_counter() - began


async def count(here: Lab) -> int:
    """How many runs wait."""
    query = "SELECT count(*) FROM run WHERE state = 'waiting'"
    return int(await here.db.read(lambda connection: connection.exec_driver_sql(query).scalar_one()))


async def still(here: Lab, seconds: float) -> dict[str, dict[str, float]]:
    """Memory, and CPU in percent of a core while nothing happens."""
    before = {name: here.cpu(name) for name in PROCESSES}
    await asyncio.sleep(seconds)
    found = {
        name: {
            "resident_mb": round(here.memory(name) / 1e6, 1),
            "cpu_percent": round((here.cpu(name) - before[name]) / seconds * 100, 3),
        }
        for name in PROCESSES
    }
    print(await count(here), "wait", json.dumps(found), flush=True)
    return found


async def wake(here: Lab, oldest: int) -> float:
    """Approve the oldest, and wait until their runs have ended; seconds."""
    began = time.perf_counter()
    page = sorted((await here.approvals.inbox(LI, limit=20_000)), key=lambda item: item.request.id)[:oldest]
    for item in page:
        await here.approvals.give_verdict(item.request.id, LI, approve=True, digest=item.request.digest)

    async def ended() -> bool:
        return all([(await here.runs.get(AMY, item.request.run)).state in ENDED for item in page])

    await until(ended)
    return time.perf_counter() - began


async def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    async with lab(folder, on_disk=False, CACHED_RUNS=str(options.cached)) as here:
        await park(here, range(20))  # warm: what the first runs load is not the cost of waiting
        none = await still(here, options.seconds)
        some_seconds = await park(here, range(20, options.runs))
        some = await still(here, options.seconds)
        all_seconds = await park(here, range(options.runs, options.all))
        everything = await still(here, options.seconds)
        woken = await wake(here, 10)
    grown = some["agents"]["resident_mb"] - none["agents"]["resident_mb"]
    idle = some["agents"]["cpu_percent"] - none["agents"]["cpu_percent"]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "max_cached_runs": options.cached,
        "seconds_still": options.seconds,
        "waiting": {"20": none, str(options.runs): some, str(options.all): everything},
        "started_a_second": round((options.all - 20) / (some_seconds + all_seconds), 1),
        "agents_mb_for_runs": round(grown, 1),
        "agents_kb_a_run": round(grown * 1000 / (options.runs - 20), 1),
        "agents_mb_for_all": round(everything["agents"]["resident_mb"] - none["agents"]["resident_mb"], 1),
        "agents_cpu_percent_more": round(idle, 3),
        "ten_woken_seconds": round(woken, 2),
        "bars": {"memory": grown < BAR_MB, "cpu": idle < BAR_CPU_PERCENT},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--all", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cached", type=int, default=500)
    parser.add_argument("--check", action="store_true", help="a missed bar is an error")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = asyncio.run(measure(Path(folder), options))
    target = ROOT / "benchmarks" / "results" / f"runtime_parked_{options.all}.json"
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    raise SystemExit(1 if options.check and not all(found["bars"].values()) else 0)


if __name__ == "__main__":
    main()
