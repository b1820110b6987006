"""Programs on LangGraph's documented constructs run governed; the published table says the same as this test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chargehand import agent
from chargehand.agents.execution import to_json
from chargehand.agents.model import AgentSpec
from chargehand.models.model import ModelAnswer, ModelRequest
from chargehand.models.words import Tell
from chargehand.testing import ScriptedModel, World, world
from fixtures.agents_langgraph import PROGRAMS, Program

TABLE = Path(__file__).parents[3] / "docs" / "langgraph-compatibility.md"


class ScriptByAgent:
    """A scripted model for each agent."""

    def __init__(self) -> None:
        self.models = {program.name: ScriptedModel(program.script) for program in PROGRAMS}

    def tiers(self) -> frozenset[str]:
        return frozenset({"light"})

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
        return await self.models[request.agent].ask(request, tell)


def declared(program: Program) -> AgentSpec:
    return agent(program.build(), name=program.name, owner="group:lab", tools=program.tools, **program.extra)


def built(program: Program) -> Any:
    graph = program.build()
    return graph.compile() if hasattr(graph, "compile") else graph


async def reply(here: World, program: Program, run: str) -> None:
    for answer in program.replies:
        asked = await here.task(run)
        await here.runs.answer(here.person("amy"), asked.id, answer)

        async def closed(task: str = asked.id) -> bool | None:
            return task not in {one.id for one in (await here.runs.get(here.person("amy"), run)).waiting} or None

        await here.until(closed, "the answer to arrive")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
async def test_runs_governed(tmp_path: Path, program: Program) -> None:
    answers = {"lab.double": lambda x: {"value": x * 2}, "lab.pay": lambda x: {"value": x}}
    async with world(tmp_path, [declared(program)], tools=answers, model=ScriptByAgent()) as here:
        run = await here.start(program.name, program.given)
        await asyncio.gather(reply(here, program, run.id), here.end(run.id))
        done = await here.governed(run.id)
    if program.fails_with:
        assert done.state == "failed"
        failure = done.detail.failure
        assert failure is not None
        assert program.fails_with in failure.detail + failure.way_out
        return
    assert done.detail.failure is None
    assert program.expect(done.result), done.result
    paid = [(one.tool, str(one.arguments)) for one in here.connectors.effects]
    assert len(paid) == len(set(paid)), "an effect happened twice"


@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.plain], ids=lambda program: program.name)
async def test_gives_what_plain_langgraph_gives(program: Program) -> None:
    assert program.expect(to_json(await built(program).ainvoke(program.given)))


def test_the_published_table_is_this_test() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [row(program) for program in PROGRAMS]


def row(program: Program) -> str:
    how = "refused" if program.fails_with and "refused" in program.note else "runs"
    same = "same result as plain LangGraph" if program.plain else program.note
    return f"| `{program.name}` | {program.shows} | {how} | {same} | [docs]({program.doc}) |"
