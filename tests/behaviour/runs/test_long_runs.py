"""A run of any length goes on in one history after another, and nobody can tell."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.model import AgentSpec
from chargehand.testing import World, ask_for, world
from fixtures import agents_long
from fixtures.histories import histories

PEOPLE = {"person:li": ("lead",)}


def doubled(x: int) -> dict[str, int]:
    return {"value": x * 2}


def paid(x: int) -> dict[str, int]:
    return {"value": x}


LAB = {"lab.add": doubled, "lab.pay": paid}
Meanwhile = Callable[[World, str], Awaitable[None]]


@asynccontextmanager
async def lab(folder: Path, spec: AgentSpec, events: int) -> AsyncGenerator[World]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # a test's own folder
    async with world(folder, [spec], tools=LAB, policy=ask_for("lab.pay", people=PEOPLE)) as here:
        here.runs.history_events = events
        yield here


async def nothing(here: World, run: str) -> None:
    del here, run


async def run_it(
    folder: Path, spec: AgentSpec, value: dict[str, Any], events: int, meanwhile: Meanwhile = nothing
) -> dict[str, Any]:
    """What is left of a run: its end, its story without times and random ids, its effects, and how many histories."""
    async with lab(folder, spec, events) as here:
        run = await here.start(spec.name, value)
        await meanwhile(here, run.id)
        detail = await here.end(run.id)
        story = await here.events(run.id)
        effects = [(sent.tool, tuple(sent.arguments.items())) for sent in here.connectors.effects]
        parts = await histories(here, run.id)
    assert detail.state == "succeeded", detail.failure
    assert [event.seq for event in story] == list(range(1, len(story) + 1))
    return {
        "result": detail.result,
        "story": [(event.kind, event.step, event.data.get("position")) for event in story],
        "effects": effects,
        "histories": len(parts),
        "events": [len(one.events) for one in parts],
    }


def same(long: dict[str, Any], short: dict[str, Any], *, at_least: int, in_order: bool = False) -> None:
    assert short["histories"] == 1
    assert long["histories"] >= at_least, long["events"]
    assert long["result"] == short["result"]
    assert sorted(long["effects"]) == sorted(short["effects"])
    assert len(set(long["effects"])) == len(long["effects"])
    # What runs side by side may be told in another order; in a line of steps nothing may.
    told, expected = (one["story"] if in_order else sorted(one["story"], key=str) for one in (long, short))
    assert told == expected


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (agents_long.looping, {"until": 12}),
        (agents_long.one_node, {"until": 12}),
        (agents_long.in_subgraph, {"until": 12}),
        (agents_long.in_functions, {"until": 8}),
    ],
    ids=["supersteps", "one-node", "subgraph", "functional"],
)
async def test_a_long_run_is_the_same_as_one_in_a_single_history(
    tmp_path: Path, make: Callable[[], AgentSpec], value: dict[str, Any]
) -> None:
    async def later(here: World, run: str) -> None:
        if make is agents_long.one_node:
            await waiting(here, run, "timer")
            await here.skip(hours=2)

    long = await run_it(tmp_path / "long", make(), value, 12, later)
    short = await run_it(tmp_path / "short", make(), value, 0, later)
    same(long, short, at_least=3, in_order=make in (agents_long.looping, agents_long.one_node))


async def waiting(here: World, run: str, kind: str) -> str:
    async def found() -> str | None:
        detail = await here.runs.get(here.person("amy"), run)
        return next((one.id for one in detail.waiting if one.kind == kind), None)

    return await here.until(found, f"{run} to wait for {kind}")


async def test_what_waits_is_taken_along_and_what_comes_in_the_gap_is_not_lost(tmp_path: Path) -> None:
    """An approval is given, a question answered and an event sent while one branch drives the run from history to
    history; deadlines and reminders stay where they were."""

    async def people(here: World, run: str) -> None:
        asked, question = await here.approval(run), await here.task(run)
        await waiting(here, run, "timer")  # the counting branch is through: several histories lie between
        await here.runs.answer(here.person("amy"), question.id, "yes")
        await here.verdict(asked, by="li")
        await here.runs.send(here.person("amy"), run, "delivered", 7, event_id="e1")
        await here.runs.send(here.person("amy"), run, "delivered", 8, event_id="e1")
        await here.skip(hours=2)

    async def early(here: World, run: str) -> None:
        """Everything at once, while the histories change."""
        amy = here.person("amy")
        await here.runs.send(amy, run, "delivered", 7, event_id="e1")
        asked, question = await here.approval(run), await here.task(run)
        await here.verdict(asked, by="li")
        await here.runs.answer(amy, question.id, "yes")
        await waiting(here, run, "timer")
        await here.runs.send(amy, run, "delivered", 8, event_id="e1")
        await here.skip(hours=2)

    spec, value = agents_long.one_node(beside=True), {"until": 14}
    long = await run_it(tmp_path / "long", spec, value, 14, people)
    gap = await run_it(tmp_path / "gap", spec, value, 14, early)
    short = await run_it(tmp_path / "short", spec, value, 0, people)
    same(long, short, at_least=3)
    assert gap["result"] == short["result"]
    assert sorted(gap["effects"]) == sorted(short["effects"])
    assert [kind for kind, *_ in long["story"]].count("call.asked") == 1
    assert [kind for kind, *_ in long["story"]].count("person.asked") == 1


async def test_interrupts_are_answered_once_across_histories(tmp_path: Path) -> None:
    async def answers(here: World, run: str) -> None:
        for _ in range(5):
            asked = await here.task(run)
            await here.runs.answer(here.person("amy"), asked.id, "on")

            async def closed(task: str = asked.id) -> bool | None:
                detail = await here.runs.get(here.person("amy"), run)
                return task not in {one.id for one in detail.waiting} or None

            await here.until(closed, "the answer to arrive")

    spec, value = agents_long.interrupting(), {"until": 5}
    long = await run_it(tmp_path / "long", spec, value, 12, answers)
    short = await run_it(tmp_path / "short", spec, value, 0, answers)
    same(long, short, at_least=3)
    assert [kind for kind, *_ in long["story"]].count("person.asked") == 5
