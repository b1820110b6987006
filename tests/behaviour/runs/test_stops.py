"""Who stops a run is obeyed, also while Temporal is away, before the run has begun, and as it begins."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import Undo, agent, ask_person, call, tool
from chargehand.connectors.declare import Result
from chargehand.errors import RuntimeUnavailable
from chargehand.runs import store
from chargehand.runs.pause_store import untold_pauses
from chargehand.runs.service import RunService
from chargehand.testing import World, world


class Made(Result):
    number: str


@tool(effect="write", delivery="keyed", connector="shop", compensated_by="cancel", says="Order {what}")
async def order(what: str) -> Made:
    """Order something."""


@tool(effect="write", delivery="keyed", connector="shop", says="Cancel {number}")
async def cancel(number: str) -> Made:
    """Cancel an order."""


class State(TypedDict, total=False):
    said: Any


async def orders(_state: State) -> State:
    await call(order, what="bolts")
    return {"said": await ask_person("May I?", to="person:amy", within="30d")}


graph = StateGraph(State)
graph.add_node(orders)
graph.add_edge(START, "orders")
buyer = agent(
    graph,
    name="buyer",
    owner="group:shop",
    tools=[order, cancel],
    undo=[Undo(order, by=cancel, arguments=lambda made: {"number": made.number})],
)
ANSWERS = {"shop.order": lambda what: {"number": what}, "shop.cancel": lambda number: {"number": number}}


@asynccontextmanager
async def shop(folder: Path) -> AsyncGenerator[tuple[World, RunService]]:
    """A world, and its runs as they are where Temporal does not answer."""

    async def nobody() -> Any:
        raise RuntimeUnavailable("Temporal is away.")

    async with world(folder, [buyer], tools=ANSWERS) as here:
        yield here, RunService(here.db, nobody, here.agents, here.policy)


async def over(here: World, run: str) -> None:
    """Until Temporal runs it no more, and everybody was told."""

    async def found() -> bool | None:
        told = not await here.db.read(untold_pauses)
        return True if told and not await here.temporal.is_open(run) else None

    await here.until(found, f"{run} to be over")


@pytest.mark.parametrize("hard", [False, True], ids=["gently", "hard"])
async def test_said_while_temporal_is_away_it_is_told_later(tmp_path: Path, hard: bool) -> None:
    async with shop(tmp_path) as (here, cut_off):
        amy = here.person("amy")
        run = await here.start("buyer", {})
        await here.task(run.id)
        said = await cut_off.stop(amy, run.id, "wrong customer", hard=hard)
        assert said.state == ("stopped" if hard else "stopping")
        await over(here, run.id)
        done = await here.end(run.id)
        assert (done.state, done.failure and "wrong customer" in done.failure.detail) == ("stopped", True)
        assert here.connectors.did("shop.cancel") == ([] if hard else [{"number": "bolts"}])


@pytest.mark.parametrize("hard", [False, True], ids=["gently", "hard"])
async def test_stopped_before_it_began_it_does_nothing(tmp_path: Path, hard: bool) -> None:
    async with shop(tmp_path) as (here, cut_off):
        amy = here.person("amy")
        run = await cut_off.start(amy, "buyer", {})
        assert (await cut_off.stop(amy, run.id, "wrong customer", hard=hard)).state != "starting"
        await over(here, run.id)
        assert (await here.end(run.id)).state == "stopped"
        assert here.connectors.did("shop.order") == []


async def test_stopped_at_once_as_it_begins_it_is_ended_all_the_same(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, cut_off):
        amy = here.person("amy")
        run = await cut_off.start(amy, "buyer", {})
        seen = await here.db.read(lambda connection: store.find_run(connection, run.id))
        assert seen is not None
        await here.runs.stop(amy, run.id, "wrong customer", hard=True)
        await here.runs.begin(seen)  # as who read it a moment before
        await over(here, run.id)
        assert await here.temporal.history(run.id), "it had begun"
        assert (await here.runs.get(amy, run.id)).state == "stopped"
