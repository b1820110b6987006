"""A node that LangGraph tries again (`retry_policy`) does nothing twice that it did, and asks anew for all the rest."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

from chargehand import agent, as_langchain_tools, attempt, call, run_agent
from fixtures.agents_langgraph import TOOLS, double, pay

ANSWERS = {"lab.double": lambda x: {"value": x * 2}, "lab.pay": lambda x: {"value": x}}


class State(TypedDict, total=False):
    out: Any


def flaky(node: Any, name: str = "flaky", **how: Any) -> Any:
    async def tries(state: State) -> State:
        done = await node()
        if _attempt() < 3:
            raise ConnectionError("the line broke")
        return {"out": done}

    graph = StateGraph(State)
    graph.add_node("tries", tries, retry_policy=RetryPolicy(initial_interval=0.1, jitter=False, max_attempts=3))
    graph.add_edge(START, "tries")
    return agent(graph, name=name, owner="group:lab", tools=TOOLS, **how)


async def test_what_was_paid_is_paid_once_and_what_was_read_is_read_again(governed: Any) -> None:
    async def work() -> Any:
        return [(await call(pay, x=5)).value, (await call(double, x=1)).value, (await call(pay, x=5)).value]

    run = await governed(flaky(work), {}, tools=ANSWERS)
    assert run.result["out"] == [5, 2, 5]
    assert run.effects("lab.pay") == [{"x": 5}, {"x": 5}], "the author pays twice, and no more"
    assert len([one for one in run.connectors.calls if one.tool == "lab.double"]) == 3


async def test_other_arguments_are_another_call(governed: Any) -> None:
    async def work() -> Any:
        number = _attempt()
        return (await call(pay, x=number)).value

    run = await governed(flaky(work), {}, tools=ANSWERS)
    assert run.effects("lab.pay") == [{"x": 1}, {"x": 2}, {"x": 3}]


async def test_a_tool_that_a_model_would_use_too(governed: Any) -> None:
    tools = {one.name: one for one in as_langchain_tools(pay)}

    async def work() -> Any:
        return await tools["lab__pay"].ainvoke({"x": 7})

    run = await governed(flaky(work), {}, tools=ANSWERS)
    assert run.effects("lab.pay") == [{"x": 7}]


async def test_a_run_of_another_agent_is_not_started_again(governed: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("pays", _pays)
    graph.add_edge(START, "pays")
    helper = agent(graph, name="helper", owner="group:lab", tools=TOOLS)

    async def work() -> Any:
        return (await run_agent("helper", {})).state

    run = await governed(flaky(work, agents=["helper"]), {}, tools=ANSWERS, others=[helper])
    assert run.result["out"] == "succeeded"
    assert run.effects("lab.pay") == [{"x": 9}]


async def _pays(state: State) -> State:
    return {"out": (await attempt(pay, x=9)).state}


async def test_what_is_under_way_while_its_node_fails_is_not_asked_for_twice(governed: Any) -> None:
    """`gather` lets the other calls run on when one fails, and LangGraph starts the node again at once."""
    answered = asyncio.Event()

    async def slow(x: int) -> dict[str, int]:
        if x == 1:
            await answered.wait()
        return {"value": x}

    async def work() -> Any:
        number = _attempt()
        return await asyncio.gather(_paid(1), _breaks(number))

    async def let_go(here: Any, run: Any) -> None:
        while len([one for one in here.connectors.calls if one.tool == "lab.double"]) < 2:  # noqa: ASYNC110  # from outside
            await asyncio.sleep(0.01)
        answered.set()

    run = await governed(flaky(work), {}, tools={**ANSWERS, "lab.pay": slow}, meanwhile=let_go)
    assert run.effects("lab.pay") == [{"x": 1}]
    assert len(run.calls("lab.pay")) == 1


async def test_what_was_cut_short_with_its_node_is_asked_for_under_its_own_key(governed: Any) -> None:
    """A task group cuts the other calls short: what was sent meanwhile is done, and its answer is found by its key."""

    async def work() -> Any:
        number = _attempt()
        async with asyncio.TaskGroup() as group:
            group.create_task(_paid(1))
            group.create_task(_breaks(number))
        return "done"

    async def slow(x: int) -> dict[str, int]:
        await asyncio.sleep(0.3)  # a slow system: the node has failed meanwhile
        return {"value": x}

    run = await governed(flaky(work), {}, tools={**ANSWERS, "lab.pay": slow})
    assert run.effects("lab.pay") == [{"x": 1}]


async def test_a_run_of_another_agent_that_was_stopped_with_its_node_is_another_run_then(governed: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("pays", _pays)
    graph.add_edge(START, "pays")
    helper = agent(graph, name="helper", owner="group:lab", tools=TOOLS)
    runs: list[str] = []

    async def work() -> Any:
        async with asyncio.TaskGroup() as group:
            child = group.create_task(run_agent("helper", {}))
            group.create_task(_breaks(_attempt()))
        return [child.result().state, child.result().call_key]

    async def slow(x: int) -> dict[str, int]:
        await asyncio.sleep(0.3)  # a slow system: the node has failed meanwhile
        return {"value": x}

    async def seen(here: Any, run: Any) -> None:
        await here.end(run.id)
        runs.extend(one.id for one in (await here.runs.list(here.person("amy"), agent="helper", limit=10)).items)

    given = flaky(work, agents=["helper"])
    run = await governed(given, {}, tools={**ANSWERS, "lab.pay": slow}, others=[helper], meanwhile=seen)
    state, last = run.result["out"]
    assert state == "succeeded"
    assert last in runs
    assert len(runs) >= 2


def _attempt() -> int:
    runtime: Any = get_config().get("configurable", {})["__pregel_runtime"]
    return int(runtime.execution_info.node_attempt)


async def _paid(x: int) -> int:
    return (await call(pay, x=x)).value


async def _breaks(number: int) -> None:
    await call(double, x=number)
    if number == 1:
        raise ConnectionError("the line broke")
