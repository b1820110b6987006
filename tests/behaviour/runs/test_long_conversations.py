"""A conversation is stored once: histories grow with what is said, not with its square, over a large tool result."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import correlation, linear_regression
from typing import Any

import orjson
import pytest
from temporalio.client import WorkflowHistory

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.replay import replay
from chargehand.testing import ScriptedModel, World, world, worlds
from chargehand.worker.local import both_workers, local_temporal
from fixtures.agents_long import talking
from fixtures.histories import histories

SAYS = "This is what came next in the story. " * 8
KEY = os.urandom(32)


def book(size: int) -> Callable[..., dict[str, str]]:
    words = ["night", "storm", "rain", "street", "house", "quiet", "lamp", "wind", "torrent", "equal", "quarter"]
    text = " ".join(random.Random(7).choices(words, k=size // 5))[:size]

    def page(number: int) -> dict[str, str]:
        del number
        return {"text": text}

    return page


async def talk(folder: Path, *, steps: int, size: int, blobs: BlobFolder | None, events: int) -> dict[str, Any]:
    """A run of so many model calls over a tool result of so many bytes, and what Temporal holds of it."""
    agent, began = talking(), time.monotonic()
    model = ScriptedModel([f"{number}: {SAYS}" for number in range(steps)])
    async with (
        local_temporal(key=KEY, blobs=blobs) as temporal,
        world(folder, [agent], tools={"lab.page": book(size)}, model=model, temporal=temporal) as here,
    ):
        here.runs.history_events = events
        run = await here.start("talking", {"until": steps, "messages": [], "book": ""})
        detail = await patient(here, run.id)
        parts = await histories(here, run.id)
        story = await here.events(run.id)
    assert detail.state == "succeeded", detail.failure
    assert [event.seq for event in story] == list(range(1, len(story) + 1))
    assert len(model.requests) == steps
    return {
        "run": run.id,
        "agent": agent,
        "result": detail.result,
        "parts": parts,
        "asked": [size for part in parts for size in asked_bytes(part)],
        "conversation": len(orjson.dumps(model.requests[-1].messages)),
        "bytes": sum(event.ByteSize() for part in parts for event in part.events),
        "grown": grown(parts),
        "seconds": round(time.monotonic() - began, 1),
        "events": [len(part.events) for part in parts],
    }


async def patient(here: World, run: str) -> Any:
    for _ in range(60):  # each `end` waits some seconds of its own
        try:
            return await here.end(run)
        except AssertionError:
            continue
    return await here.end(run)


def asked_bytes(history: WorkflowHistory) -> list[int]:
    """What Temporal stores for each model call, as it was scheduled."""
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return [one.input.ByteSize() for one in scheduled if one.activity_type.name == "model_call"]


def grown(parts: list[WorkflowHistory]) -> list[int]:
    """Bytes of all histories up to each model call."""
    sizes: list[int] = []
    total = 0
    for event in (event for part in parts for event in part.events):
        total += event.ByteSize()
        if event.activity_task_scheduled_event_attributes.activity_type.name == "model_call":
            sizes.append(total)
    return sizes


def halves(sizes: list[int]) -> float:
    """How much more the second half of the calls added than the first: about 1 for a line, 3 for a square."""
    middle = len(sizes) // 2
    return (sizes[-1] - sizes[middle]) / (sizes[middle] - sizes[0])


async def test_each_model_call_adds_the_same_to_the_history_and_a_large_result_is_kept_aside(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path / "blobs")
    long = await talk(tmp_path, steps=40, size=6_000_000, blobs=blobs, events=60)
    assert len(long["parts"]) >= 3
    assert long["result"]["book"] == "6000000 characters"
    assert max(long["asked"][20:]) <= 600
    assert long["bytes"] / 40 < 8_000
    kept = blobs.size(long["run"])
    # The result is kept as it was returned, and once more in a state that goes along; the conversation about once.
    assert kept < 3 * 6_000_000 + 20 * long["conversation"]
    whole = AgentCatalog([long["agent"]])
    for part in (long["parts"][0], long["parts"][-1]):
        assert await replay(whole, long["run"], part.to_json(), key=KEY, blobs=blobs) == ""
    blobs.forget(long["run"])
    said = await replay(whole, long["run"], long["parts"][-1].to_json(), key=KEY, blobs=blobs)
    assert "is missing" in said


async def test_the_control_arm_grows_with_the_square(tmp_path: Path) -> None:
    """The same without the store: each model call holds the whole conversation again."""
    control = await talk(tmp_path, steps=24, size=1_000, blobs=None, events=0)
    first, last = sum(control["asked"][:6]), sum(control["asked"][-6:])
    assert last > 4 * first


@pytest.mark.slow
async def test_five_hundred_steps_over_two_hundred_kilobytes_and_twenty_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "both_workers", partial(both_workers, cached_runs=10))
    blobs = BlobFolder(tmp_path / "blobs")
    long = await talk(tmp_path, steps=500, size=20_000_000, blobs=blobs, events=1500)
    (tmp_path / "control").mkdir()
    control = await talk(tmp_path / "control", steps=100, size=1_000, blobs=None, events=0)
    line = linear_regression(range(500), long["grown"])
    figures = {
        "with_store": {
            "steps": 500,
            "tool_result_bytes": 20_000_000,
            "conversation_bytes": long["conversation"],
            "histories": len(long["parts"]),
            "events_of_each_history": long["events"],
            "history_bytes": long["bytes"],
            "history_bytes_a_step": round(line.slope),
            "linear_fit_r2": round(correlation(range(500), long["grown"]) ** 2, 6),
            "second_half_to_first": round(halves(long["grown"]), 3),
            "history_bytes_every_fiftieth_step": long["grown"][::50],
            "model_call_bytes_every_fiftieth_step": long["asked"][::50],
            "kept_aside_bytes": blobs.size(long["run"]),
            "seconds": long["seconds"],
        },
        "without_store": {
            "steps": 100,
            "tool_result_bytes": 1_000,
            "conversation_bytes": control["conversation"],
            "history_bytes": control["bytes"],
            "second_half_to_first": round(halves(control["grown"]), 3),
            "history_bytes_every_tenth_step": control["grown"][::10],
            "model_call_bytes_every_tenth_step": control["asked"][::10],
            "seconds": control["seconds"],
        },
    }
    print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode())
    if folder := os.environ.get("FIGURES"):  # FIGURES=benchmarks/results keeps them
        with open(f"{folder}/long_runs.json", "wb") as file:  # noqa: ASYNC230, PTH123  # nothing else runs any more
            file.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    assert long["conversation"] > 200_000
    assert long["asked"][499] < 1.5 * long["asked"][50]
    assert control["asked"][99] > 1.7 * control["asked"][50]
    assert figures["with_store"]["linear_fit_r2"] > 0.99
    assert halves(long["grown"]) < 1.2
    assert halves(control["grown"]) > 2
