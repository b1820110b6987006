"""Five sequential governed tool calls beside bare Temporal, in one run.

    python benchmarks/runtime_latency.py [--rounds 6] [--runs 10] [--tool-ms 0] [--erp] [--together 8] [--memory]
        [--check]

Arms, in turn within each round, on the same processes (Temporal's dev server, an agents process, a gateway process):
  bare      a Temporal workflow of five activities that only call the system
  same      a Temporal workflow of the same five governed `tool_call` activities and `finish_run`, no graph, no story
  governed  an agent: a LangGraph graph of five nodes, each one `call`; policy, log, story, encrypted payloads

Latency is measured with one run at a time, in the histories: from the first activity scheduled to the fifth completed.
CPU is that of the processes, with `--together` runs at a time. The system behind the tools answers after `--tool-ms`;
with `--erp` it is a real Tryton behind its real MCP connector, and every arm reads the same order five times.
Bars: governed / bare <= 1.15 in latency; governed / same <= 1.25 in CPU of the workers (agents and gateway process
together, as in bare Temporal one worker does both). The agents process by itself is stated too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.support.runtime_lab import AMY, Lab, lab, until  # noqa: E402
from benchmarks.support.runtime_workers import BARE_AGENTS, CALLS, same  # noqa: E402
from temporalio.api.enums.v1 import EventType  # noqa: E402
from temporalio.client import WorkflowHandle  # noqa: E402

from chargehand import ids  # noqa: E402
from chargehand.runs.model import ENDED  # noqa: E402
from chargehand.runs.starts import new_row, write_start  # noqa: E402
from fixtures.tryton import new_tryton  # noqa: E402

BAR_LATENCY = 1.15
BAR_CPU = 1.25
ARMS = ("bare", "same", "governed")
PROCESSES = ("agents", "gateway", "temporal")
Handle = WorkflowHandle[Any, Any]


async def begin(here: Lab, arm: str) -> Handle:
    if arm == "governed":
        run = (await here.runs.start(AMY, "five", {"line": 0})).id
        return here.client.get_workflow_handle(run)
    run = ids.new_id("run")
    if arm == "same":
        row = new_row(
            same,
            {},
            tenant="demo",
            chain=("person:amy", same.principal),
            principal="person:amy",
            signed_in_by="local",
            request_key="",
        )
        row.state = "running"  # this benchmark begins it, not the outbox
        run = row.id
        await here.db.write(lambda tx: write_start(tx, row))
    return await here.client.start_workflow(arm, {"line": 0}, id=run, task_queue=BARE_AGENTS)


async def latency(handle: Handle) -> tuple[float, int]:
    """Milliseconds from the first activity scheduled to the fifth completed, and workflow tasks in all."""
    history = await handle.fetch_history()
    times: dict[int, list[float]] = {}
    for event in history.events:
        times.setdefault(event.event_type, []).append(event.event_time.ToNanoseconds() / 1e6)
    began = times[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED][0]
    ended = times[EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED][CALLS - 1]
    return ended - began, len(times[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED])


async def block(here: Lab, arm: str, runs: int, together: int) -> dict[str, Any]:
    before = {name: here.cpu(name) for name in PROCESSES}
    began = time.perf_counter()
    numbers = iter(range(runs))
    handles: list[Handle] = []
    walls: list[float] = []

    async def one_after_another() -> None:
        for _ in numbers:
            started = time.perf_counter()
            handle = await begin(here, arm)
            await handle.result()
            walls.append((time.perf_counter() - started) * 1000)
            handles.append(handle)

    await asyncio.gather(*(one_after_another() for _ in range(together)))
    wall = time.perf_counter() - began
    cpu = {name: (here.cpu(name) - before[name]) * 1000 / runs for name in PROCESSES}
    found = [await latency(one) for one in handles] if together == 1 else []
    return {
        "calls_ms": [round(ms, 2) for ms, _ in found],
        "workflow_tasks": max((tasks for _, tasks in found), default=0),
        "run_ms": [round(ms, 2) for ms in walls],
        "runs_a_second": runs / wall,
        "cpu_ms_a_run": cpu,
    }


@contextmanager
def system(folder: Path, options: argparse.Namespace) -> Generator[dict[str, str]]:
    """What the workers need to know of the system behind the tools."""
    if not options.erp:
        yield {"TOOL_MS": str(options.tool_ms)}
        return
    server = new_tryton(folder / "tryton")
    server.start()
    try:
        order = server.records("sale.sale", [["number", "!=", None]], "number")[0]["number"]
        yield {"ERP_ORDER": order, **server.variables}
    finally:
        server.stop()


async def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with system(folder, options) as variables:
        return await measured(folder, options, variables)


async def measured(folder: Path, options: argparse.Namespace, variables: dict[str, str]) -> dict[str, Any]:
    async with lab(folder, on_disk=not options.memory, **variables) as here:
        for arm in ARMS:
            await block(here, arm, 10, 2)  # warm
        alone: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
        crowd: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
        for number in range(options.rounds):
            turn = ARMS[number % 3 :] + ARMS[: number % 3]
            for arm in turn:
                alone[arm].append(await block(here, arm, options.runs, 1))
            for arm in turn:
                crowd[arm].append(await block(here, arm, options.runs * 3, options.together))
        await until(lambda: _all_ended(here))
    return report(alone, crowd, options)


async def _all_ended(here: Lab) -> bool:
    page = await here.runs.list(AMY, agent="five", limit=200)
    return all(one.state in ENDED for one in page.items)


def report(
    alone: dict[str, list[dict[str, Any]]], crowd: dict[str, list[dict[str, Any]]], options: argparse.Namespace
) -> dict[str, Any]:
    def calls(arm: str) -> list[float]:
        return [ms for one in alone[arm] for ms in one["calls_ms"]]

    def cpu(arm: str, process: str) -> float:
        return statistics.median(one["cpu_ms_a_run"][process] for one in crowd[arm])

    def workers(arm: str) -> float:
        return cpu(arm, "agents") + cpu(arm, "gateway")

    arms: dict[str, dict[str, Any]] = {
        arm: {
            "five_calls_p50_ms": round(statistics.median(calls(arm)), 2),
            "five_calls_p90_ms": round(statistics.quantiles(calls(arm), n=10)[-1], 2),
            "run_p50_ms": round(statistics.median(ms for one in alone[arm] for ms in one["run_ms"]), 2),
            "workflow_tasks": alone[arm][0]["workflow_tasks"],
            "runs_a_second": round(statistics.median(one["runs_a_second"] for one in crowd[arm]), 1),
            "cpu_ms_a_run": {process: round(cpu(arm, process), 2) for process in PROCESSES},
        }
        for arm in ARMS
    }
    latency_ratio = arms["governed"]["five_calls_p50_ms"] / arms["bare"]["five_calls_p50_ms"]
    agents_ratio = cpu("governed", "agents") / cpu("same", "agents")
    cpu_ratio = workers("governed") / workers("same")
    added = (arms["governed"]["five_calls_p50_ms"] - arms["bare"]["five_calls_p50_ms"]) / CALLS
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "tool": "erp.get_order (Tryton)" if options.erp else f"answers after {options.tool_ms:g} ms",
        "temporal": "in memory" if options.memory else "file, write-ahead log, synchronous=FULL",
        "arms": arms,
        "added_ms_a_call": round(added, 2),
        "latency_ratio": round(latency_ratio, 3),
        "workers_cpu_ratio": round(cpu_ratio, 3),
        "agents_cpu_ratio": round(agents_ratio, 3),
        "bars": {"latency": latency_ratio <= BAR_LATENCY, "cpu": cpu_ratio <= BAR_CPU},
        "raw": {"alone": alone, "together": crowd},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tool-ms", type=float, default=0)
    parser.add_argument("--erp", action="store_true", help="a real Tryton behind its connector")
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument("--memory", action="store_true", help="Temporal keeps everything in memory")
    parser.add_argument("--check", action="store_true", help="a missed bar is an error")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = asyncio.run(measure(Path(folder), options))
    tool = "erp" if options.erp else f"{options.tool_ms:g}ms"
    name = f"runtime_latency_{'memory' if options.memory else 'file'}_{tool}.json"
    target = ROOT / "benchmarks" / "results" / name
    target.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({key: value for key, value in found.items() if key != "raw"}, indent=2))
    raise SystemExit(1 if options.check and not all(found["bars"].values()) else 0)


if __name__ == "__main__":
    main()
