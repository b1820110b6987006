"""What happens to a run at one moment, twice, or again: nothing is sent that should not be, and nothing that came is
lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, call, chat_model, tool, wait_for
from chargehand.connectors.declare import Result
from chargehand.errors import Unavailable
from chargehand.runs.model import SIGNAL_APPROVAL
from chargehand.testing import ScriptedModel, World, ask_for, world

PEOPLE = {"person:li": ("lead",)}
SECONDS = 1.5


class Made(Result):
    number: str


@tool(effect="write", delivery="keyed", connector="shop", says="Order {what}")
async def order(what: str) -> Made:
    """Order something."""


@tool(effect="irreversible", delivery="keyed", connector="shop", says="Pay for {number}")
async def pay(number: str) -> Made:
    """Pay for an order; asks first."""


class State(TypedDict, total=False):
    out: Any


ANSWERS = {"shop.order": lambda what: {"number": what}, "shop.pay": lambda number: {"number": number}}


def clerk(work: Callable[[], Awaitable[Any]]) -> Any:
    async def works(_state: State) -> State:
        return {"out": await work()}

    graph = StateGraph(State)
    graph.add_node("works", works)
    graph.add_edge(START, "works")
    return agent(graph, name="clerk", owner="group:shop", tools=[order, pay])


def shop(folder: Path, work: Callable[[], Awaitable[Any]], **more: Any) -> Any:
    return world(folder, [clerk(work)], tools=ANSWERS, policy=ask_for("shop.pay", people=PEOPLE), **more)


async def waits(here: World, run: str, kind: str, count: int = 1) -> None:
    async def found() -> bool | None:
        waiting = (await here.runs.get(here.person("amy"), run)).waiting
        return True if sum(one.kind == kind for one in waiting) >= count else None

    await here.until(found, f"{run} to wait for {kind}")


async def test_one_event_is_for_one_of_those_that_wait_for_it(tmp_path: Path) -> None:
    async def work() -> Any:
        return await asyncio.gather(wait_for("shipped"), wait_for("shipped"), wait_for("paid", within="30d"))

    async with shop(tmp_path, work) as here:
        amy = here.person("amy")
        run = await here.start("clerk", {})
        await waits(here, run.id, "event", 3)
        await here.runs.send(amy, run.id, "shipped", 1)
        await here.runs.send(amy, run.id, "paid", 3)
        await here.runs.send(amy, run.id, "shipped", 2)
        *both, paid = (await here.end(run.id)).result["out"]
        assert (sorted(both), paid) == ([1, 2], 3), "whoever is first"


async def test_what_is_approved_and_stopped_at_one_moment_is_not_sent(tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    async def compute() -> None:
        await wait_for("compute")
        inside.set()
        go_on.wait(SECONDS)  # what comes meanwhile, the run hears of at once

    async def work() -> Any:
        await asyncio.gather(call(pay, number="1"), compute())

    async with shop(tmp_path, work) as here:
        amy = here.person("amy")
        run = await here.start("clerk", {})
        asked = await here.approval(run.id)
        await waits(here, run.id, "event")
        while here.chores:
            here.chores.pop().cancel()  # the outbox would tell it of the approval before
        await here.verdict(asked, by="li")
        await here.runs.send(amy, run.id, "compute", None)
        assert await asyncio.to_thread(inside.wait, SECONDS)
        await here.temporal.client.get_workflow_handle(run.id).signal(SIGNAL_APPROVAL, asked.id)
        await here.runs.stop(amy, run.id, "wrong customer")
        go_on.set()
        assert (await here.end(run.id)).state == "stopped"
        assert here.connectors.did("shop.pay") == []


async def test_a_paused_run_does_not_ask_a_model_again(tmp_path: Path) -> None:
    class Down(ScriptedModel):
        asked = 0

        async def ask(self, request: Any, tell: Any = None) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise Unavailable("The model does not answer.")
            return await super().ask(request, tell)

    async def work() -> Any:
        return (await chat_model("light").ainvoke("Hello?")).content

    model = Down(["Hello."])
    async with shop(tmp_path, work, model=model) as here:
        amy = here.person("amy")
        run = await here.start("clerk", {})

        async def retries() -> bool | None:
            return True if any(one.kind == "model.retry" for one in await here.events(run.id)) else None

        await here.until(retries, "the model to be down")
        await here.runs.pause(amy, run.id, "let me look")
        await here.skip(seconds=5)
        await waits(here, run.id, "pause")
        assert model.asked == 1
        await here.runs.resume(amy, run.id)
        assert (await here.end(run.id)).result["out"] == "Hello."
