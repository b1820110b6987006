"""A property: whatever a graph does, and wherever its histories end, its story and its effects are the same."""

from __future__ import annotations

import asyncio
import operator
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, ask_person, call, now, wait_for
from chargehand.agents.model import AgentSpec
from chargehand.testing import World, ask_for, world
from chargehand.worker.local import LocalTemporal, local_temporal
from fixtures.agents_long import TOOLS, add, pay
from fixtures.histories import histories

Kind = Literal["adds", "pays", "asks", "hears", "gathers"]
Shape = list[list[list[Kind]]]
"""Layers one after the other; in a layer branches side by side; in a branch what it does, in order."""

KINDS: tuple[Kind, ...] = ("adds", "adds", "gathers", "pays", "asks", "hears")
BRANCHES = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)
SHAPES = st.lists(st.lists(BRANCHES, min_size=1, max_size=2), min_size=1, max_size=2)


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def doubled(x: int) -> dict[str, int]:
    return {"value": x * 2}


async def does(kind: Kind, x: int) -> str:
    match kind:
        case "adds":
            return str((await call(add, x=x)).value)
        case "gathers":
            return str(sorted(made.value for made in await asyncio.gather(*(call(add, x=x + n) for n in (1, 2, 3)))))
        case "pays":
            return f"paid {(await call(pay, x=x)).value}"
        case "asks":
            return f"said {await ask_person(f'Question {x}?', to='person:amy', within='5d')}"
        case "hears":
            began = now()
            heard = await wait_for(f"event {x}", within="20d")
            return f"heard {heard} {now() >= began}"


def built(shape: Shape) -> AgentSpec:
    graph = StateGraph(State)
    before: list[str] = []
    for level, layer in enumerate(shape):
        names = [f"n{level}_{number}" for number in range(len(layer))]
        for number, (name, kinds) in enumerate(zip(names, layer, strict=True)):
            graph.add_node(name, node(kinds, 1000 * level + 100 * number))
            graph.add_edge(before or START, name)
        before = names
    return agent(graph, name="random", owner="group:lab", tools=TOOLS)


def node(kinds: list[Kind], first: int) -> Any:
    async def run(state: State) -> State:
        del state
        return {"log": [await does(kind, first + 10 * number) for number, kind in enumerate(kinds)]}

    return run


async def people(here: World, run: str, shape: Shape) -> None:
    """Approve, answer and send, as long as the run lasts."""
    amy = here.person("amy")
    for level, layer in enumerate(shape):
        for number, kinds in enumerate(layer):
            for place, kind in enumerate(kinds):
                if kind == "hears":
                    x = 1000 * level + 100 * number + 10 * place
                    await here.runs.send(amy, run, f"event {x}", x, event_id=f"e{x}")
    while True:
        for item in await here.approvals.inbox(here.person("li"), states=("pending",), run=run):
            await here.verdict(item.request, by="li")
        for task in await here.runs.tasks(amy, run=run):
            await here.runs.answer(amy, task.id, f"answer to {task.question}")
        await asyncio.sleep(0.1)


async def patient(here: World, run: str) -> Any:
    for _ in range(3):  # each `end` waits some seconds of its own
        try:
            return await here.end(run)
        except AssertionError:
            continue
    return await here.end(run)


async def told(temporal: LocalTemporal, shape: Shape, events: int) -> dict[str, Any]:
    answers = {"lab.add": doubled, "lab.pay": doubled}
    policy = ask_for("lab.pay", people={"person:li": ("lead",)})
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), [built(shape)], tools=answers, policy=policy, temporal=temporal) as here:
            here.runs.history_events = events
            run = await here.start("random", {"log": []})
            helping = asyncio.create_task(people(here, run.id, shape))
            detail = await patient(here, run.id)
            helping.cancel()
            story = await here.events(run.id)
            effects = Counter((one.tool, one.arguments["x"]) for one in here.connectors.effects)
            parts = len(await histories(here, run.id))
    assert detail.state == "succeeded", detail.failure
    assert [event.seq for event in story] == list(range(1, len(story) + 1))
    return {
        "result": detail.result,
        "effects": effects,
        "story": Counter((event.kind, event.step) for event in story),
        "histories": parts,
    }


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(shape=SHAPES, events=st.integers(5, 20))
async def test_where_histories_end_changes_nothing(shape: Shape, events: int) -> None:
    await compare(shape, events)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=SHAPES, events=st.integers(5, 20))
async def test_where_histories_end_changes_nothing_in_many_graphs(shape: Shape, events: int) -> None:
    await compare(shape, events)


async def compare(shape: Shape, events: int) -> None:
    async with local_temporal() as temporal:
        short = await told(temporal, shape, 0)
        long = await told(temporal, shape, events)
    assert short["histories"] == 1
    assert long["result"] == short["result"]
    assert long["effects"] == short["effects"]
    assert set(long["effects"].values()) <= {1}
    assert long["story"] == short["story"]
