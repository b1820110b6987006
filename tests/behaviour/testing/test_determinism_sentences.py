"""What an author reads who does in a node what a replay can't repeat: which node, what, and the way out."""

from __future__ import annotations

import itertools
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, attempt, now, sleep_until
from fixtures.agents_langgraph import double


class State(TypedDict, total=False):
    n: int


def reads_a_file(state: State) -> State:
    return {"n": len(Path("/etc/hostname").read_text())}


def asks_the_web(state: State) -> State:
    return {"n": len(urlopen("http://127.0.0.1:9/x").read())}


def starts_a_process(state: State) -> State:
    return {"n": subprocess.run(["true"]).returncode}


def sleeps(state: State) -> State:
    time.sleep(3)
    return {}


@pytest.mark.parametrize(
    ("node", "says", "way_out"),
    [
        (reads_a_file, "opens a file", "@io_node"),
        (asks_the_web, "looks up a host name|opens a connection", "@io_node"),
        (starts_a_process, "starts a process", "@io_node"),
        (sleeps, "sleeps", "sleep_until"),
    ],
)
async def test_what_a_node_does_by_itself_fails_with_a_sentence(
    governed: Any, node: Any, says: str, way_out: str
) -> None:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    run = await governed(agent(graph, name="careless", owner="group:lab"), {})
    assert run.state == "failed"
    failure = run.detail.failure
    assert failure.node == "node"
    assert failure.detail.startswith("the node 'node' ")
    assert any(one in failure.detail for one in says.split("|"))
    assert node.__name__ in failure.line
    assert way_out in failure.way_out


async def test_a_run_that_does_something_else_when_replayed_is_explained(governed: Any) -> None:
    times = itertools.count()  # what another run left in memory

    async def node(state: State) -> State:
        if next(times) == 0:
            await attempt(double, x=1)
        else:
            await sleep_until(now().replace(year=2099))
        return {}

    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    with pytest.raises(AssertionError, match=r"can't go on: when its history was replayed.*agents lint"):
        await governed(agent(graph, name="fickle", owner="group:lab", tools=[double]), {}, tools={"lab.double": {}})
