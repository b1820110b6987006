"""A stream of runs while agent worker, gateway worker, API and Temporal are killed in turn, one every ten seconds.

Real processes under the product's supervisor, a real connector, real policy; people start and approve through the API.
Bars: 99 of 100 runs complete, at most 5 of 100 steps are repeated, no effect is doubled. `make chaos` runs it for four
minutes and keeps what it measured in benchmarks/results/kills.json.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from chargehand.runs.client import connect
from chargehand.settings import Settings
from fixtures.kill_stack import KillStack, kill_stack

VICTIMS = ("agents", "gateway", "api", "temporal")
EVERY_SECONDS = 10.0
ENDED = ("succeeded", "failed", "stopped")
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("kills", "every_start", "keep"),
    [
        pytest.param(2, 2.0, False, id="two", marks=pytest.mark.timeout(300)),
        pytest.param(24, 1.2, True, id="twenty-four", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_runs_complete_and_little_is_repeated(tmp_path: Path, kills: int, every_start: float, keep: bool) -> None:
    with kill_stack(tmp_path) as stack:
        over = threading.Event()
        approving = threading.Thread(target=_approve, args=(stack, over))
        approving.start()
        try:
            killed, runs = _stream(stack, kills, every_start)
            until = time.monotonic() + 240
            with stack.person("amy") as amy:
                details = [_end(stack, amy, run, until) for run in runs]
        finally:
            over.set()
            approving.join()
        found = {
            "runs": len(runs),
            "succeeded": sum(one["state"] == "succeeded" for one in details),
            "effects": stack.effects(),
            **asyncio.run(_repeated(stack, runs)),
            "seconds_to_end_p50": _median(_seconds(one) for one in details if one["ended_at"]),
            "seconds_to_end_max": max(_seconds(one) for one in details if one["ended_at"]),
            "killed": killed,
        }
    print(json.dumps(found))  # `make chaos` shows it
    if keep:
        found["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        found["every_seconds"] = EVERY_SECONDS
        found["raw"] = [{"run": one["id"], "state": one["state"], "seconds": _seconds(one)} for one in details]
        (RESULTS / "kills.json").write_text(json.dumps(found, indent=1) + "\n")
    assert found["succeeded"] >= 0.99 * len(runs), [one for one in details if one["state"] != "succeeded"][:3]
    assert found["effects"] == found["succeeded"]
    # In the short form a kill that hits three steps would be more than its share.
    assert found["repeated"] <= max(0.05 * found["steps"], 3 * kills), found


def _stream(stack: KillStack, kills: int, every_start: float) -> tuple[list[str], list[str]]:
    """Start runs one after another, and kill; what was killed when, and the runs."""
    runs: list[str] = []
    killed: list[str] = []
    victims = itertools.cycle(VICTIMS)
    began = time.monotonic()
    with stack.person("amy") as amy:
        while len(killed) < kills or time.monotonic() - began < EVERY_SECONDS * (kills + 1):
            now = time.monotonic() - began
            if len(killed) < kills and now >= EVERY_SECONDS * (len(killed) + 1):
                killed.append(next(victims))
                stack.kill(killed[-1])
            number = len(runs) + 1
            body = {"agent": "clerk", "input": {"account": f"A-{number}"}, "key": f"stream-{number}"}
            started = stack.ask(amy, "POST", "/api/runs", json=body)
            assert "id" in started, started
            runs.append(started["id"])
            time.sleep(max(0.0, every_start * number - (time.monotonic() - began)))
    assert len(set(runs)) == len(runs)
    return killed, runs


def _approve(stack: KillStack, over: threading.Event) -> None:
    """A lead who approves whatever is asked."""
    with stack.person("li") as li:
        while not over.wait(0.3):
            page = stack.ask(li, "GET", "/api/approvals", params={"mine": True, "limit": 100})
            for one in page["items"]:
                verdict = {"approve": True, "digest": one["digest"], "comment": ""}
                stack.ask(li, "POST", f"/api/approvals/{one['id']}/verdict", json=verdict)


def _end(stack: KillStack, amy: Any, run: str, until: float) -> dict[str, Any]:
    while (found := stack.ask(amy, "GET", f"/api/runs/{run}"))["state"] not in ENDED and time.monotonic() < until:
        time.sleep(0.2)
    return found


async def _repeated(stack: KillStack, runs: list[str]) -> dict[str, Any]:
    """How many steps there were in all histories, and how many attempts more than one each."""
    given = Settings(temporal_address=stack.temporal, state_dir=stack.folder / "state")  # pyright: ignore[reportCallIssue]
    client = await connect(given)
    steps = repeated = 0
    for run in runs:
        async for event in client.get_workflow_handle(run).fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                steps += 1
                repeated += event.activity_task_started_event_attributes.attempt - 1
    return {"steps": steps, "repeated": repeated, "repeated_percent": round(100 * repeated / max(steps, 1), 2)}


def _seconds(run: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    return round((ended - began).total_seconds(), 1)


def _median(values: Any) -> float:
    found = sorted(values)
    return found[len(found) // 2]
