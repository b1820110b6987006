"""A node that LangGraph tries again (`retry_policy`) does nothing twice that it did, and asks anew for all the rest."""

from __future__ import annotations

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
        if get_config()["configurable"]["__pregel_runtime"].execution_info.node_attempt < 3:
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
        number = get_config()["configurable"]["__pregel_runtime"].execution_info.node_attempt
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
