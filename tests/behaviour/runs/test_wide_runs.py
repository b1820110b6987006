"""Many branches at once, and a step that takes its time: a run goes on all the same."""

from __future__ import annotations

import operator
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from typing_extensions import TypedDict

from chargehand import agent, call
from chargehand.runs.hops import ACTIVITIES_AT_ONCE
from chargehand.testing import world, worlds
from chargehand.worker.local import both_workers, local_temporal
from fixtures.agents_langgraph import TOOLS, pay
from fixtures.histories import histories

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


@pytest.mark.parametrize("branches", [600, pytest.param(2500, marks=pytest.mark.slow)])
async def test_each_of_many_branches_pays_once_and_some_at_a_time(tmp_path: Path, branches: int) -> None:
    async with (
        local_temporal() as temporal,
        world(tmp_path, [wide(branches)], tools=ANSWERS, temporal=temporal) as here,
    ):
        run = await here.start("wide", {})
        ended = await here.end(run.id)
        assert ended.state == "succeeded", ended.failure
        assert ended.result == {"log": list(range(branches))}
        assert sorted(call.arguments["x"] for call in here.connectors.calls) == list(range(branches))
        (history,) = await histories(here, run.id)
    assert at_once(history) == ACTIVITIES_AT_ONCE


def at_once(history: WorkflowHistory) -> int:
    """The most activities that were under way at a time."""
    most = now = 0
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            now += 1
            most = max(most, now)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            now -= 1
    return most


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
