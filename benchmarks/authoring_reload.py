"""How long an author waits after a save: `chargehand agents dev` in a project that `chargehand init` made.

    python benchmarks/authoring_reload.py [--times 10] [--check]

  reloaded    from the save to "serving": the save was tried, and every process that knows the agents serves it
  first run   from the save to the result of the first run on the new code, started as soon as it is served

The stack is `agents dev`'s own, without demo systems; the agent asks no system. Bar: reloaded < 2 s.
"""

from __future__ import annotations

import argparse
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

import httpx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from fixtures.customer import Customer, new_customer  # noqa: E402
from fixtures.stack import free_ports  # noqa: E402

BAR_SECONDS = 2.0
PAUSE_SECONDS = 12.0
"""Between two saves: an author reads what came of the first."""
PASSWORD = "correct horse battery staple"
AGENT = '''"""An agent that asks no system."""

from typing import TypedDict

from langgraph.graph import START, StateGraph

from chargehand import agent


class State(TypedDict, total=False):
    number: int
    said: int


async def say(state: State) -> State:
    return {"said": SAVED}


graph = StateGraph(State)
graph.add_node("say", say)
graph.add_edge(START, "say")
order_answer = agent(graph, name="order-answer", owner="group:staff")
'''


def start(customer: Customer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(customer.python), "-m", "chargehand.cli", "agents", "dev", "--json"],
        cwd=customer.folder,
        env=customer.environment,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    )


def heard(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next event of that name; ends with the process's own words where it does not come."""
    assert process.stdout
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if said["event"] == event:
            return said
        if said["event"] == "broken":
            raise SystemExit(said["why"])
    raise SystemExit(f"it ended with {process.wait()}")


def first_result(api: httpx.Client, number: int) -> Any:
    run = api.post("/api/runs", json={"agent": "order-answer", "input": {"number": number}}).raise_for_status().json()
    while (now := api.get(f"/api/runs/{run['id']}").raise_for_status().json())["state"] not in ("succeeded", "failed"):
        time.sleep(0.01)
    return (now.get("result") or {}).get("said")


def measure(customer: Customer, url: str, times: int) -> dict[str, list[float]]:
    place = customer.nodes("order-answer").with_name("__init__.py")
    place.write_text(AGENT.replace("SAVED", "0"))
    found: dict[str, list[float]] = {"reloaded_s": [], "first_run_s": []}
    process = start(customer)
    try:
        heard(process, "serving")
        with httpx.Client(base_url=url, headers={"Origin": url, "X-Chargehand": "1"}, trust_env=False) as api:
            api.post("/api/session", json={"name": "amy", "password": PASSWORD}).raise_for_status()
            for number in range(1, times + 1):
                time.sleep(PAUSE_SECONDS)
                began = time.perf_counter()
                place.write_text(AGENT.replace("SAVED", str(number)))
                heard(process, "serving")
                found["reloaded_s"].append(time.perf_counter() - began)
                said = first_result(api, number)
                found["first_run_s"].append(time.perf_counter() - began)
                assert said == number, f"the run was on other code: {said}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--check", action="store_true", help="a missed bar is an error")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        api, temporal = free_ports(2)
        variables = {
            "CHARGEHAND_API_PORT": str(api),
            "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
            "CHARGEHAND_DEMO_PASSWORD": PASSWORD,
        }
        customer = new_customer(Path(folder), variables=variables)
        raw = measure(customer, f"http://127.0.0.1:{api}", options.times)
    medians = {name: statistics.median(values) for name, values in raw.items()}
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        **{f"{name}_p50": round(value, 2) for name, value in medians.items()},
        **{f"{name}_max": round(max(values), 2) for name, values in raw.items()},
        "bars": {"reloaded": medians["reloaded_s"] < BAR_SECONDS},
        "raw": {name: [round(value, 2) for value in values] for name, values in raw.items()},
    }
    target = ROOT / "benchmarks" / "results" / "authoring_reload.json"
    target.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({key: value for key, value in found.items() if key != "raw"}, indent=2))
    raise SystemExit(1 if options.check and not all(found["bars"].values()) else 0)


if __name__ == "__main__":
    main()
