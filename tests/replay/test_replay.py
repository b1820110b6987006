"""Histories that were recorded once replay on today's code, for ever; an incompatible change is caught."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.replay import replay
from chargehand.testing import FakeConnectors, ScriptedModel, World, world
from fixtures.agents_langgraph import PROGRAMS
from fixtures.agents_recorded import recorded_agents, steps
from fixtures.complaints import Company, order

HISTORIES = Path(__file__).parent / "histories"
BROKEN = {"text": "The housing arrived broken.", "order_number": "SO-1042", "wish": "refund"}
LAB = {"lab.double": lambda x: {"value": x * 2}, "lab.pay": lambda x: {"value": x}}


@pytest.mark.parametrize("name", sorted(recorded_agents()))
async def test_a_recorded_history_replays(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    stored = HISTORIES / f"{name}.json"
    if request.config.getoption("--record", default=False):
        stored.write_text(await record(tmp_path, name), encoding="utf-8")
    catalog = AgentCatalog(recorded_agents().values())
    assert await replay(catalog, name, stored.read_text(encoding="utf-8")) == ""


async def test_an_incompatible_change_is_caught_and_said_in_a_sentence() -> None:
    history = (HISTORIES / "steps.json").read_text(encoding="utf-8")
    said = await replay(AgentCatalog([steps(changed=True)]), "steps", history)
    assert "Keep a worker of the old version" in said


async def record(folder: Path, name: str) -> str:
    spec = recorded_agents()[name]
    program = next((one for one in PROGRAMS if one.name == name), None)
    answers: dict[str, Any] = {**LAB, **Company(order(total="420.00")).answers()}
    model = ScriptedModel(program.script) if program and program.script else None
    async with world(folder, [spec], tools=FakeConnectors(answers, spec.tools), model=model) as here:
        given = program.given if program else BROKEN if name == "complaint-resolution" else {"n": 3}
        run = await here.start(name, given)
        replies = list(program.replies) if program else ["yes"] if name == "steps" else []
        await asyncio.gather(answer(here, run.id, replies), here.end(run.id))
        return await here.temporal.history(run.id)


async def answer(here: World, run: str, replies: list[Any]) -> None:
    for reply in replies:
        asked = await here.task(run)
        await here.runs.answer(here.person("amy"), asked.id, reply)

        async def closed(task: str = asked.id) -> bool | None:
            return task not in {one.id for one in (await here.runs.get(here.person("amy"), run)).waiting} or None

        await here.until(closed, "the answer to arrive")
