"""What is taken back when a run ends badly, each by itself; and what is left standing is said where the end is said."""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import Undo, agent, call, sleep_until, tool
from chargehand.clock import parse
from chargehand.connectors.declare import Result
from chargehand.testing import FakeConnectors, Refuses


class Made(Result):
    number: str


@tool(effect="write", delivery="keyed", connector="shop", says="Order {what}", compensated_by="cancel")
async def order(what: str) -> Made:
    """Order something."""


@tool(effect="write", delivery="keyed", connector="shop", says="Cancel {number}")
async def cancel(number: str) -> Made:
    """Cancel an order."""


@tool(effect="write", delivery="keyed", connector="shop", says="Book a van for {number}", compensated_by="send_back")
async def book(number: str) -> Made:
    """Book a van."""


@tool(effect="write", delivery="keyed", connector="shop", says="Send the van {number} back")
async def send_back(number: str) -> Made:
    """Send a van back."""


TOOLS = [order, cancel, book, send_back]


class State(TypedDict, total=False):
    wait: bool


async def work(state: State) -> State:
    made = await call(order, what="bolts")
    await call(book, number=made.number)
    if state.get("wait"):
        await sleep_until(parse("2099-01-01T00:00:00Z"))
    raise ValueError("the printer is on fire")


def buyer(van: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node(work)
    graph.add_edge(START, "work")
    taken_back = [
        Undo(order, by=cancel, arguments=lambda made: {"number": made.number}),
        Undo(book, by=send_back, arguments=van),
    ]
    return agent(graph, name="buyer", owner="group:shop", tools=TOOLS, undo=taken_back)


def systems(**changes: Any) -> FakeConnectors:
    answers: dict[str, Any] = {one.name: {"number": f"N-{one.operation}"} for one in TOOLS}
    return FakeConnectors(answers | changes, TOOLS)


async def test_an_undoing_that_can_not_be_said_keeps_no_other_from_being_done(governed: Any) -> None:
    run = await governed(buyer(lambda made: {"number": made.nmber}), {}, tools=systems())
    assert run.outcomes("shop.cancel") == ["succeeded"]
    assert run.calls("shop.send_back") == []
    [failed] = [one.data for one in run.events if one.kind == "undo.failed"]
    assert failed["tool"] == "shop.book"
    assert "nmber" in failed["detail"]
    assert run.detail.failure.detail.startswith("ValueError: the printer is on fire. Not taken back: shop.book (")
    assert "nmber" in run.detail.failure.detail


async def changes_its_mind(_: State) -> State:
    for _again in range(3):
        made = await call(order, what="bolts")  # the shop reuses the number of what was cancelled
        if _again < 2:
            await call(cancel, number=made.number)
    raise ValueError("the printer is on fire")


async def test_what_was_done_again_after_the_agent_took_it_back_is_taken_back(governed: Any) -> None:
    graph = StateGraph(State)
    graph.add_node(changes_its_mind)
    graph.add_edge(START, "changes_its_mind")
    undo = [Undo(order, by=cancel, arguments=lambda made: {"number": made.number})]
    fickle = agent(graph, name="fickle", owner="group:shop", tools=TOOLS, undo=undo)
    run = await governed(fickle, {}, tools=systems())
    assert len(run.effects("shop.order")) == len(run.effects("shop.cancel")) == 3
    assert "Not taken back" not in run.detail.failure.detail


async def test_a_system_that_takes_nothing_back_is_named_where_the_run_ends(governed: Any) -> None:
    no = systems(**{"shop.send_back": Refuses("conflict", "It has left the yard.")})
    run = await governed(buyer(lambda made: {"number": made.number}), {}, tools=no)
    assert run.outcomes("shop.cancel") == ["succeeded"]
    assert "Not taken back: shop.book (shop.send_back: It has left the yard.)" in run.detail.failure.detail


async def test_a_stopped_run_says_so_too(governed: Any) -> None:
    async def stop(here: Any, run: Any) -> None:
        async def asleep() -> Any:
            return (await here.runs.get(here.person("amy"), run.id)).waiting or None

        await here.until(asleep, "it to sleep")
        await here.runs.stop(here.person("amy"), run.id, "wrong customer")

    no = systems(**{"shop.send_back": Refuses("conflict", "It has left the yard.")})
    run = await governed(buyer(lambda made: {"number": made.number}), {"wait": True}, tools=no, meanwhile=stop)
    assert run.state == "stopped"
    assert "wrong customer. Not taken back: shop.book" in run.detail.failure.detail


async def test_where_all_is_taken_back_nothing_is_added(governed: Any) -> None:
    run = await governed(buyer(lambda made: {"number": made.number}), {}, tools=systems())
    assert run.outcomes("shop.cancel") == run.outcomes("shop.send_back") == ["succeeded"]
    assert run.detail.failure.detail == "ValueError: the printer is on fire"
