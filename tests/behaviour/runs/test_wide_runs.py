"""Many branches at once, and a step that takes its time: a run goes on all the same."""

from __future__ import annotations

import operator
import time
from functools import partial
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from chargehand import agent, call
from chargehand.testing import worlds
from chargehand.worker.local import both_workers
from fixtures.agents_langgraph import TOOLS, pay

ANSWERS = {"lab.pay": lambda x: {"value": x}}


class State(TypedDict, total=False):
    n: int
    log: Annotated[list[int], operator.add]


@pytest.fixture(autouse=True)
def _runs_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "both_workers", partial(both_workers, cached_runs=10))


def wide(branches: int) -> Any:
    async def pays(state: State) -> State:
        return {"log": [(await call(pay, x=state.get("n", 0))).value]}

    graph = StateGraph(State)
    graph.add_node("pays", pays)
    graph.add_conditional_edges(START, lambda _: [Send("pays", {"n": n}) for n in range(branches)], ["pays"])
    return agent(graph, name="wide", owner="group:lab", tools=TOOLS)


@pytest.mark.parametrize("branches", [200, pytest.param(1000, marks=pytest.mark.slow)])
async def test_each_of_many_branches_pays_once(governed: Any, branches: int) -> None:
    run = await governed(wide(branches), {}, tools=ANSWERS)
    assert run.result["log"] == list(range(branches))
    assert sorted(one["x"] for one in run.effects("lab.pay")) == list(range(branches))


async def test_a_step_may_compute_for_some_seconds(governed: Any) -> None:
    def computes(_: State) -> State:
        until = time.perf_counter() + 3
        while time.perf_counter() < until:
            pass
        return {"log": [1]}

    graph = StateGraph(State)
    graph.add_node("computes", computes)
    graph.add_edge(START, "computes")
    run = await governed(agent(graph, name="computes", owner="group:lab"), {}, tools={})
    assert run.result["log"] == [1]
