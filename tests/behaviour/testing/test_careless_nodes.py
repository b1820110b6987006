"""Nodes that do what they should not: each ends its own run with a sentence, and no run goes on for ever for it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, call, note
from fixtures.agents_langgraph import double

ADDRESS = ("127.0.0.1", 9)


class State(TypedDict, total=False):
    n: Any


def careless(node: Any, **how: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name="careless", owner="group:lab", tools=[double], **how)


async def asks_the_web(state: State) -> State:
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        return {"n": (await client.get("http://127.0.0.1:9/")).status_code}


async def connects(state: State) -> State:
    await asyncio.open_connection(*ADDRESS)
    return {}


async def starts_a_process(state: State) -> State:
    return {"n": (await asyncio.create_subprocess_exec("true")).pid}


def starts_a_thread(state: State) -> State:
    threading.Thread(target=print).start()
    return {}


def hands_it_to_threads(state: State) -> State:
    with ThreadPoolExecutor() as pool:
        return {"n": pool.submit(socket.create_connection, ADDRESS).result()}


@pytest.mark.parametrize(
    ("node", "does", "way_out"),
    [
        (asks_the_web, "opens a connection", "@io_node"),
        (connects, "looks up a host name|opens a connection", "@io_node"),
        (starts_a_process, "starts a process", "@io_node"),
        (starts_a_thread, "starts a thread", "@io_node"),
        (hands_it_to_threads, "starts a thread", "@io_node"),
    ],
)
async def test_what_asynchronous_code_and_threads_do_is_named_too(
    governed: Any, node: Any, does: str, way_out: str
) -> None:
    run = await governed(careless(node), {})
    assert run.state == "failed"
    failure = run.detail.failure
    assert failure.node == "node"
    assert failure.detail.startswith("the node 'node' ")
    assert any(one in failure.detail for one in does.split("|")), failure.detail
    assert node.__name__ in failure.line
    assert way_out in failure.way_out


def test_an_agent_that_imports_sleep_by_name_gets_the_one_that_refuses() -> None:
    code = "import chargehand.worker.agents\nfrom time import sleep\nassert sleep.__module__ == 'chargehand.runs.guard'"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_graph_that_is_invoked_in_a_node_may_use_threads_and_still_opens_nothing(governed: Any) -> None:
    def fan(work: Any) -> Any:
        inner = StateGraph(State)
        for name in ("a", "b"):
            inner.add_node(name, work if name == "a" else lambda state: {})
            inner.add_edge(START, name)
        compiled = inner.compile()
        return lambda state: compiled.invoke({"n": state.get("n", 0)})

    assert (await governed(careless(fan(lambda state: {"n": 7})), {})).result == {"n": 7}
    failed = await governed(careless(fan(lambda state: {"n": socket.create_connection(ADDRESS)})), {})
    assert "looks up a host name" in failed.detail.failure.detail


@pytest.mark.parametrize("how", [SystemExit(3), KeyboardInterrupt()])
async def test_a_node_that_ends_the_process_ends_its_own_run_alone(governed_world: Any, how: BaseException) -> None:
    def leaves(state: State) -> State:
        raise how

    async def leaves_later(state: State) -> State:
        await call(double, x=1)
        sys.exit(3)

    works = agent(careless(lambda state: {"n": 1}).graph, name="works", owner="group:lab")
    later = agent(careless(leaves_later).graph, name="later", owner="group:lab", tools=[double])
    async with governed_world([careless(leaves), later, works], tools={"lab.double": {"value": 2}}) as here:
        for name in ("careless", "later"):
            run = await here.end((await here.start(name, {})).id)
            assert run.state == "failed"
            assert "ends the process" in run.failure.detail
        assert (await here.end((await here.start("works", {})).id)).result == {"n": 1}


@pytest.mark.parametrize(
    "value", ["half \ud800", {"\udfff": 1}, 10**30, b"\xff"], ids=["text", "key", "number", "bytes"]
)
async def test_a_result_that_is_no_json_fails_the_run_and_says_so(governed: Any, value: Any) -> None:
    run = await governed(careless(lambda state: {"n": value}), {})
    assert run.state == "failed"
    assert run.detail.failure.detail


@pytest.mark.parametrize("text", ["half \ud800", "nothing \0", "long " * 2_000_000], ids=["half", "nul", "long"])
async def test_an_error_of_any_words_ends_the_run_with_words_that_can_be_kept(governed: Any, text: str) -> None:
    def node(state: State) -> State:
        raise ValueError(text)

    run = await governed(careless(node), {})
    assert run.state == "failed"
    assert run.detail.failure.node == "node"
    assert run.detail.failure.detail.startswith(f"ValueError: {text[:4]}")
    assert len(run.detail.failure.detail) < 5_000


async def test_a_call_of_what_is_no_json_is_said_so(governed: Any) -> None:
    async def node(state: State) -> State:
        return {"n": (await call(double, x=10**30)).value}

    run = await governed(careless(node), {}, tools={"lab.double": {"value": 2}})
    assert run.detail.failure.detail == "tool: what is asked can't be written as JSON: Integer exceeds 64-bit range"
    assert run.detail.failure.node == "node"


async def test_a_note_of_anything_is_told(governed: Any) -> None:
    async def node(state: State) -> State:
        note("odd \ud800", big=10**30, thing=object(), plain=1)
        await call(double, x=1)
        return {}

    run = await governed(careless(node), {}, tools={"lab.double": {"value": 2}})
    assert run.state == "succeeded"
    [told] = [one.data for one in run.events if one.kind == "note"]
    assert (told["text"], told["big"], told["plain"]) == ("odd \N{REPLACEMENT CHARACTER}", str(10**30), 1)


@pytest.mark.parametrize("waits", [True, False])
async def test_a_node_of_another_package_is_named_with_its_line(governed: Any, waits: bool) -> None:
    inner = "async def shared(state):\n    return helper()" if waits else "def shared(state):\n    return helper()"
    there: dict[str, Any] = {"__name__": "acme_shared.nodes"}
    exec(f"def helper():\n    raise ValueError('no lines')\n{inner}", there)
    run = await governed(careless(there["shared"]), {})
    assert run.detail.failure.line == "acme_shared.nodes.shared, line 4"


async def test_of_several_errors_at_once_the_first_is_said(governed: Any) -> None:
    async def breaks() -> None:
        raise ValueError("the order has no lines")

    async def node(state: State) -> State:
        async with asyncio.TaskGroup() as group:
            group.create_task(call(double, x=1))
            group.create_task(breaks())
        return {}

    run = await governed(careless(node), {}, tools={"lab.double": {"value": 2}})
    assert run.detail.failure.detail == "ValueError: the order has no lines"
    assert "breaks" in run.detail.failure.line
