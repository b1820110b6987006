"""However a node waits for several calls at once, each is given its own answer, also when its history is replayed.

Without a fixed order this passed by chance at times, so each node has enough calls that chance does not do it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, call, tool
from chargehand.connectors.declare import Result


class Number(Result):
    value: int


@tool(effect="read", delivery="safe", connector="lab", says="Double {x}")
async def double(x: int) -> Number:
    """Double a number."""


class Pairs(TypedDict, total=False):
    pairs: list[list[int]]


async def pair(x: int) -> list[int]:
    return [x, (await call(double, x=x)).value]


async def as_completed(_: Pairs) -> Pairs:
    return {"pairs": [await one for one in asyncio.as_completed([pair(x) for x in range(8)])]}


async def as_completed_of_what_has_ended(_: Pairs) -> Pairs:
    tasks = [asyncio.ensure_future(pair(x)) for x in range(8)]
    await asyncio.gather(*tasks)
    first = [await one for one in asyncio.as_completed(tasks)]
    return {"pairs": [await pair(x) for x, _ in first]}


async def wait(_: Pairs) -> Pairs:
    done, left = await asyncio.wait([asyncio.ensure_future(pair(x)) for x in range(8)])
    assert not left
    return {"pairs": [await pair(x) for x, _ in (one.result() for one in done)]}


@pytest.mark.parametrize(
    "node",
    [as_completed, as_completed_of_what_has_ended, wait],
    ids=lambda one: one.__name__,
)
async def test_each_call_is_given_its_own_answer(governed: Any, node: Any) -> None:
    graph = StateGraph(Pairs)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    several = agent(graph, name="several", owner="group:lab", tools=[double])
    run = await governed(several, {}, tools={"lab.double": lambda x: {"value": x * 2}})
    assert run.detail.failure is None
    assert [two for _, two in run.result["pairs"]] == [2 * one for one, _ in run.result["pairs"]]
