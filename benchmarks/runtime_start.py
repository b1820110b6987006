"""How long authors and runs wait for a start.

    python benchmarks/runtime_start.py [--times 15] [--check]

  import      `import chargehand` in a fresh interpreter, less an empty one, in turn; bar: < 150 ms
  worker      from spawning an agent worker to its first poll: imports, compiled graphs, versions (the release's hash)
  first run   the first run of a worker beside later ones, five governed calls each: what a cold start adds to a run

Workflows run outside Temporal's module sandbox (docs/decisions/0061), so there is no start of a sandbox in any run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.support import runtime_workers  # noqa: E402
from benchmarks.support.runtime_lab import AMY, Lab, lab, until  # noqa: E402

BAR_IMPORT_MS = 150.0
RUNS_EACH = 4


def interpreter(code: str) -> float:
    """Milliseconds of a fresh interpreter that runs it."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - began) * 1000


async def run_ms(here: Lab) -> float:
    began = time.perf_counter()
    run = (await here.runs.start(AMY, "five", {"line": 0})).id
    await here.client.get_workflow_handle(run).result()
    return (time.perf_counter() - began) * 1000


async def worker_ms(here: Lab) -> float:
    """Replace the agent worker by a fresh one; from spawning it until it serves."""
    old = here.processes["agents"]
    old.send_signal(signal.SIGTERM)
    old.wait()
    ready = here.folder / "agents.ready"
    ready.unlink(missing_ok=True)
    began = time.perf_counter()
    here.spawn("agents", [sys.executable, str(runtime_workers.__file__), "agents"])

    async def serves() -> bool:
        return ready.exists()

    await until(serves)
    return (time.perf_counter() - began) * 1000


async def measure(folder: Path, times: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"worker_ms": [], "first_run_ms": [], "later_run_ms": []}
    async with lab(folder, on_disk=False) as here:
        await run_ms(here)
        for _ in range(max(3, times // 3)):
            found["worker_ms"].append(await worker_ms(here))
            found["first_run_ms"].append(await run_ms(here))
            found["later_run_ms"] += [await run_ms(here) for _ in range(RUNS_EACH)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="a missed bar is an error")
    options = parser.parse_args()
    interpreter("import chargehand")  # compiled once
    imports: list[float] = []
    for _ in range(options.times):
        empty = interpreter("")
        imports.append(interpreter("import chargehand") - empty)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        starts = asyncio.run(measure(Path(folder), options.times))
    raw = {"import_ms": imports, **starts}
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        **{f"{name}_p50": round(statistics.median(values), 1) for name, values in raw.items()},
        "bars": {"import": statistics.median(imports) < BAR_IMPORT_MS},
        "raw": {name: [round(value, 1) for value in values] for name, values in raw.items()},
    }
    target = ROOT / "benchmarks" / "results" / "runtime_start.json"
    target.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({key: value for key, value in found.items() if key != "raw"}, indent=2))
    raise SystemExit(1 if options.check and not all(found["bars"].values()) else 0)


if __name__ == "__main__":
    main()
