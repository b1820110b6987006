"""Programs on LangGraph's documented constructs run governed; the published table says the same as this test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from chargehand import agent
from chargehand.agents.execution import to_json
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.models.model import ModelAnswer, ModelRequest
from chargehand.models.words import Tell
from chargehand.testing import Refuses, ScriptedModel, World, world
from fixtures.agents_langgraph import DOCS, Program
from fixtures.agents_patterns import PROGRAMS

TABLE = Path(__file__).parents[3] / "docs" / "langgraph-compatibility.md"


class ScriptByAgent:
    """A scripted model for each agent."""

    def __init__(self) -> None:
        self.models = {program.name: ScriptedModel(program.script) for program in PROGRAMS}

    def tiers(self) -> frozenset[str]:
        return frozenset({"light", "strong"})

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
        return await self.models[request.agent].ask(request, tell)


def stumbling(times: int) -> Callable[[], Any]:
    """The answers of a system that can't at first."""
    left = iter([Refuses("unknown")] * times)
    return lambda: next(left, {"text": "third time"})


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
    answers = {
        "lab.double": lambda x: {"value": x * 2},
        "lab.pay": lambda x: {"value": x},
        "lab.search": lambda words: {"text": f"All about {words}."},
        "lab.query": lambda sql: {"text": f"rows of {sql}"},
        "lab.stumble": stumbling(times=2),
    }
    if "when it is declared" in program.note:
        with pytest.raises(BadInput, match=program.fails_with):
            declared(program)
        return
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


NAMED = {
    "StateGraph with typed dicts": ["typed-dict-state"],
    "pydantic": ["pydantic-state"],
    "dataclass state": ["dataclass-state"],
    "reducers": ["typed-dict-state", "overwrite"],
    "input and output schema": ["schemas"],
    "conditional edges, sync and async": ["conditional-edges"],
    "loops": ["loop", "evaluator-optimizer"],
    "parallel branches": ["parallel-branches", "deferred-node", "parallelization"],
    "Send": ["send", "orchestrator-worker"],
    "Command": ["command-goto", "command-parent", "handoff-by-tool"],
    "subgraphs": ["subgraph-node", "subgraph-inside"],
    "interrupt()": ["interrupt-resume", "parallel-interrupts", "subgraph-interrupt", "validated-answer"],
    "create_agent with middleware": ["react-agent", "middleware", "human-in-the-loop", "summarization", "guards"],
    "ToolNode": ["tool-node", "agentic-rag", "sql-agent"],
    "prebuilt multi-agent patterns": ["prebuilt-supervisor", "prebuilt-swarm", "handoff", "supervisor"],
    "functional API": ["functional-api", "functional-interrupt", "functional-agent"],
    "custom streaming": ["custom-streaming"],
}
"""Constructs that must run, and the programs that show each."""


def test_each_construct_that_we_promise_is_shown_by_programs_that_run() -> None:
    run = {program.name for program in PROGRAMS if not program.fails_with}
    assert [what for what, names in NAMED.items() if not set(names) <= run] == []


def test_the_published_table_is_this_test() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [row(program) for program in PROGRAMS]
    refused = sum(result(program) == "refused" for program in PROGRAMS)
    assert f"{len(PROGRAMS) - refused} of {len(PROGRAMS)} run unchanged" in text
    for package in ("langgraph", "langchain", "langgraph-supervisor", "langgraph-swarm"):
        assert f"{package} {version(package)}" in text


def row(program: Program) -> str:
    same = "same result as plain LangGraph" if program.plain else program.note
    page = program.doc.removeprefix(f"{DOCS}/").removeprefix("https://")
    return f"| `{program.name}` | {program.shows} | {result(program)} | {same} | [{page}]({program.doc}) |"


def result(program: Program) -> str:
    return "refused" if program.fails_with and "refused" in program.note else "runs"
