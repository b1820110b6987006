"""A node that asks something else when its history is replayed is never given the answer to another question."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, call, run_agent
from fixtures.agents_langgraph import TOOLS, pay


class State(TypedDict, total=False):
    out: Any


def made(name: str, node: Any, **how: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name=name, owner="group:lab", **how)


class Chance:
    """What comes in another order each time, as a set does in another process."""

    def __init__(self) -> None:
        self.times = 0

    def order(self) -> list[int]:
        self.times += 1
        return [1, 2] if self.times == 1 else [2, 1]


async def test_a_call_that_comes_in_another_order_is_noticed_before_it_is_paid_twice(governed_world: Any) -> None:
    chance = Chance()

    async def node(state: State) -> State:
        return {"out": [(await call(pay, x=x)).value for x in chance.order()]}

    async with governed_world([made("careless", node, tools=TOOLS)], tools={"lab.pay": lambda x: {"value": x}}) as here:
        run = await here.start("careless", {})
        with pytest.raises(AssertionError, match="its nodes did something else than the first time"):
            await here.end(run.id)
        await here.runs.stop(here.person("amy"), run.id, "it can't go on", hard=True)
    assert here.connectors.did("lab.pay") == [{"x": 1}]


async def test_so_is_a_run_of_another_agent(governed_world: Any) -> None:
    chance = Chance()

    async def below(state: State) -> State:
        return {"out": state["out"]}

    async def node(state: State) -> State:
        return {"out": [(await run_agent("echo", {"out": x})).value for x in chance.order()]}

    agents = [made("echo", below), made("careless", node, agents=["echo"])]
    async with governed_world(agents, tools={}) as here:
        run = await here.start("careless", {})
        with pytest.raises(AssertionError, match="its nodes did something else than the first time"):
            await here.end(run.id)
        await here.runs.stop(here.person("amy"), run.id, "it can't go on", hard=True)
