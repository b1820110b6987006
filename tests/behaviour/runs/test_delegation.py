"""What happens to a run happens to those that it handed over to: stopped, paused and ended with it, none left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import Undo, agent, ask_person, call, run_agent, tool, wait_for
from chargehand.connectors.declare import Result
from chargehand.errors import Conflict
from chargehand.outcome import Outcome
from chargehand.runs.model import RunDetail
from chargehand.runs.replay import replay
from chargehand.testing import World, ask_for, world

PEOPLE = {"person:li": ("lead",), "person:amy": ("clerk",)}


class Made(Result):
    number: str


@tool(effect="write", delivery="keyed", connector="shop", compensated_by="cancel", says="Order {what}")
async def order(what: str) -> Made:
    """Order something."""


@tool(effect="write", delivery="keyed", connector="shop", says="Cancel {number}")
async def cancel(number: str) -> Made:
    """Cancel an order."""


@tool(effect="irreversible", delivery="keyed", connector="shop", says="Pay for {number}")
async def pay(number: str) -> Made:
    """Pay for an order; asks first."""


TOOLS = [order, cancel, pay]


class State(TypedDict, total=False):
    how: str
    out: Any


async def buy(state: State) -> State:
    number = (await call(order, what="bolts")).number
    if state["how"] == "fail":
        raise ValueError("the printer is on fire")
    if state["how"] == "ask":
        await ask_person("May I?", to="role:clerk", within="30d")
    else:
        await call(pay, number=number)
    await call(order, what="a second one")
    return {"out": number}


async def hand_over(state: State) -> State:
    outcome: Outcome = await run_agent("buyer", {"how": state["how"]})
    return {"out": [outcome.state, outcome.failure.detail if outcome.failure else outcome.value["out"]]}


async def two_at_once(state: State) -> State:
    async with asyncio.TaskGroup() as group:
        below = group.create_task(run_agent("buyer", {"how": state["how"]}))
        group.create_task(breaks())
    return {"out": below.result().state}


async def breaks() -> None:
    await wait_for("break")
    raise ConnectionError("the line broke")


async def at_once(state: State) -> State:
    async def broken() -> None:
        raise ConnectionError("the line broke")

    async with asyncio.TaskGroup() as group:
        group.create_task(run_agent("buyer", {"how": state["how"]}))
        group.create_task(broken())
    return {}


async def asks_and_fails(state: State) -> State:
    async with asyncio.TaskGroup() as group:
        group.create_task(ask_person("May I?", to="role:clerk", within="30d"))
        group.create_task(_paid())
        group.create_task(breaks())
    return {"how": state["how"]}


async def _paid() -> None:
    await call(pay, number="N-1")


def made(name: str, node: Any, **how: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name=name, owner="group:shop", **how)


UNDO = [Undo(order, by=cancel, arguments=lambda done: {"number": done.number})]
AGENTS = [
    made("buyer", buy, tools=TOOLS, undo=UNDO),
    made("boss", hand_over, agents=["buyer"]),
    made("two", two_at_once, agents=["buyer"]),
    made("once", at_once, agents=["buyer"]),
    made("asker", asks_and_fails, tools=TOOLS),
]


class Desk:
    """The fake shop, whose cancelling can be held up."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def cancel(self, number: str) -> Mapping[str, str]:
        await self.open.wait()
        return {"number": number}


@asynccontextmanager
async def shop(folder: Path) -> AsyncGenerator[tuple[World, Desk]]:
    desk = Desk()
    answers = {
        "shop.order": lambda what: {"number": f"N-{what}"},
        "shop.cancel": desk.cancel,
        "shop.pay": lambda number: {"number": number},
    }
    async with world(folder, AGENTS, tools=answers, policy=ask_for("shop.pay", people=PEOPLE)) as here:
        try:
            yield here, desk
        finally:
            desk.open.set()


async def below(here: World, run: str) -> RunDetail:
    """The one run that it handed over to, once it waits for people."""

    async def found() -> RunDetail | None:
        for child in (await here.runs.get(here.person("amy"), run)).children:
            detail = await here.runs.get(here.person("amy"), child)
            if detail.waiting:
                return detail
        return None

    return await here.until(found, "the run below to wait")


async def ended(here: World, run: str) -> RunDetail:
    """With its history replayed, by which a worker that has lost it takes it up."""
    detail = await here.end(run)

    async def closed() -> bool | None:
        return None if await here.temporal.is_open(run) else True

    await here.until(closed, "its workflow to end")
    assert await replay(here.agents, detail.agent, await here.temporal.history(run)) == ""
    return detail


async def asks(here: World, run: str) -> list[str]:
    """How what it asked of people stands."""
    states = ("pending", "approved", "rejected", "expired", "withdrawn")
    items = await here.approvals.inbox(here.person("amy"), states=states, run=run)
    tasks = await here.runs.tasks(here.person("amy"), run=run, closed=True)
    return sorted([one.request.state for one in items] + [one.state for one in tasks])


async def test_a_run_below_that_a_person_stops_has_not_succeeded(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("boss", {"how": "pay"})
        child = await below(here, run.id)
        await here.runs.stop(here.person("amy"), child.id, "not needed", hard=False)
        state, why = (await ended(here, run.id)).result["out"]
        assert (await ended(here, child.id)).state == "stopped"
    assert (state, why) == ("failed", "Stopped: not needed")


@pytest.mark.parametrize("how", ["pay", "ask"])
async def test_a_stop_is_passed_on_and_both_take_back_what_they_did(tmp_path: Path, how: str) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("boss", {"how": how})
        child = await below(here, run.id)
        await here.runs.stop(here.person("amy"), run.id, "a mistake", hard=False)
        assert (await ended(here, run.id)).state == "stopped"
        stopped = await ended(here, child.id)
        assert stopped.state == "stopped"
        assert stopped.failure is not None
        assert stopped.failure.detail == "Stopped: a mistake"
        assert await asks(here, child.id) == ["withdrawn"]
    assert here.connectors.did("shop.cancel") == [{"number": "N-bolts"}]
    assert here.connectors.did("shop.pay") == []


async def test_a_hard_stop_ends_those_below_at_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("boss", {"how": "pay"})
        child = await below(here, run.id)
        await here.runs.stop(here.person("amy"), run.id, "a mistake", hard=True)
        detail = await here.runs.get(here.person("amy"), child.id)
        assert detail.state == "stopped"
        assert detail.failure is not None
        assert detail.failure.detail == "Stopped at once: a mistake"
        assert await asks(here, child.id) == ["withdrawn"]


async def test_a_pause_is_passed_on_and_nothing_goes_out_meanwhile(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("boss", {"how": "pay"})
        child = await below(here, run.id)
        approval = await here.approval(child.id)
        await here.runs.pause(here.person("amy"), run.id, "stock-taking")

        async def told() -> bool | None:
            return "run.paused" in [event.kind for event in await here.events(child.id)] or None

        await here.verdict(approval, by="li")
        await here.until(told, "the run below to hear of the pause")

        async def held() -> Any:
            detail = await here.runs.get(here.person("amy"), child.id)
            return next((one for one in detail.waiting if one.kind == "pause"), None)

        assert (await here.until(held, "the run below to hold")).sentence == "Paused: stock-taking"
        assert here.connectors.did("shop.pay") == []
        with pytest.raises(Conflict, match="not paused"):
            await here.runs.resume(here.person("amy"), child.id, "")
        await here.runs.resume(here.person("amy"), run.id, "")
        assert (await ended(here, run.id)).result["out"] == ["succeeded", "N-bolts"]
        await ended(here, child.id)
    assert len(here.connectors.did("shop.pay")) == 1


async def test_a_run_below_is_stopped_with_the_step_that_handed_over(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("two", {"how": "pay"})
        child = await below(here, run.id)
        await here.runs.send(here.person("amy"), run.id, "break", None, event_id="")
        assert (await ended(here, run.id)).state == "failed"
        assert (await ended(here, child.id)).state == "stopped"
        assert await asks(here, child.id) == ["withdrawn"]
        story = [event.data["state"] for event in await here.events(run.id) if event.kind == "agent.finished"]
    assert here.connectors.did("shop.cancel") == [{"number": "N-bolts"}]
    assert story == ["stopped"]


async def test_a_run_that_was_written_and_never_began_is_not_left_open(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("once", {"how": "pay"})
        (child,) = (await ended(here, run.id)).children
        detail = await here.runs.get(here.person("amy"), child)
    assert detail.state == "stopped"
    assert detail.failure is not None
    assert "before it began" in detail.failure.detail
    assert here.connectors.calls == []


async def test_taking_back_is_not_cut_short_by_the_run_above(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, desk):
        desk.open.clear()
        run = await here.start("two", {"how": "fail"})

        async def taking_back() -> bool | None:
            return any(one.tool == "shop.cancel" for one in here.connectors.calls) or None

        await here.until(taking_back, "the run below to take back")
        await here.runs.send(here.person("amy"), run.id, "break", None, event_id="")

        async def cancelled() -> bool | None:
            (child,) = (await here.runs.get(here.person("amy"), run.id)).children
            return "CANCEL_REQUESTED" in await here.temporal.history(child) or None

        await here.until(cancelled, "the run below to be cancelled")
        desk.open.set()
        detail = await ended(here, run.id)
        below_it = await ended(here, detail.children[0])
    assert below_it.state == "failed"
    assert below_it.failure is not None
    assert "the printer is on fire" in below_it.failure.detail
    assert here.connectors.did("shop.cancel") == [{"number": "N-bolts"}]


async def test_what_a_failed_run_still_asks_is_withdrawn(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("asker", {"how": ""})
        task, approval = await here.task(run.id), await here.approval(run.id)
        await here.runs.send(here.person("amy"), run.id, "break", None, event_id="")
        assert (await ended(here, run.id)).state == "failed"
        assert await asks(here, run.id) == ["withdrawn", "withdrawn"]
        with pytest.raises(Conflict):
            await here.runs.answer(here.person("amy"), task.id, "yes")
        with pytest.raises(Conflict):
            await here.verdict(approval, by="li")
        assert await here.runs.tasks(here.person("amy"), mine=True) == []
