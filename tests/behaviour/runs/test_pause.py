"""A paused run finishes its step and sends nothing more, whatever it was doing, until it is resumed or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from chargehand import Undo, agent, ask_person, call, now, sleep_until, tool, wait_for
from chargehand.agents.catalog import AgentCatalog
from chargehand.audit.service import AuditService
from chargehand.connectors.declare import Result
from chargehand.errors import Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.identity.model import Principal, SignedIn
from chargehand.runs.model import SIGNAL_PAUSE, RunDetail
from chargehand.runs.pause_store import untold_pauses
from chargehand.runs.payloads import Pause
from chargehand.runs.replay import replay
from chargehand.runs.service import RunService
from chargehand.testing import FakePolicy, World, ask_for, world
from chargehand.testing.policies import decision

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


class Wanted(BaseModel):
    how: str = Field(min_length=1)


class State(TypedDict, total=False):
    how: str
    number: str


async def first(state: State) -> State:
    return {"number": (await call(order, what="first")).number}


async def then(state: State) -> State:
    how = state.get("how")
    if how == "pay":
        await call(pay, number="N-first")
    elif how == "ask":
        await ask_person("May I?", to="role:clerk", within="30d")
    elif how == "sleep":
        await sleep_until(now() + timedelta(days=3))
    elif how == "event":
        await wait_for("shipped", within="10d")
    elif how == "both":
        await asyncio.gather(call(order, what="left"), call(order, what="right"))
    elif how == "fail":
        await call(order, what="doomed")
        raise ValueError("the printer is on fire")
    return {}


async def last(state: State) -> State:
    return {"number": (await call(order, what="last")).number}


graph = StateGraph(State, input_schema=Wanted)
for node in (first, then, last):
    graph.add_node(node)
graph.add_edge(START, "first")
graph.add_edge("first", "then")
graph.add_edge("then", "last")
buyer = agent(
    graph,
    name="buyer",
    owner="group:shop",
    tools=[order, cancel, pay],
    input=Wanted,
    undo=[Undo(order, by=cancel, arguments=lambda made: {"number": made.number})],
)


class Counter:
    """The fake shop's ordering, which can be held up."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def order(self, what: str) -> dict[str, str]:
        await self.open.wait()
        return {"number": f"N-{what}"}


@asynccontextmanager
async def shop(folder: Path, policy: Any = None) -> AsyncGenerator[tuple[World, Counter]]:
    counter = Counter()
    answers = {
        "shop.order": counter.order,
        "shop.cancel": lambda number: {"number": number},
        "shop.pay": lambda number: {"number": number},
    }
    deciding = policy or ask_for("shop.pay", people=PEOPLE)
    async with world(folder, [buyer], tools=answers, policy=deciding) as here:
        try:
            yield here, counter
        finally:
            counter.open.set()  # a call that is held up would hold up the end of the world


def ordered(here: World) -> list[str]:
    return [one["what"] for one in here.connectors.did("shop.order")]


async def waits(here: World, run: str, kind: str) -> Any:
    async def found() -> Any:
        detail = await here.runs.get(here.person("amy"), run)
        return next((one for one in detail.waiting if one.kind == kind), None)

    return await here.until(found, f"{run} to wait for {kind}")


async def pause_when(here: World, run: RunDetail, kind: str) -> RunDetail:
    await waits(here, run.id, kind)
    return await here.runs.pause(here.person("amy"), run.id, "let me look")


async def nothing_more(here: World, before: list[str]) -> None:
    """Some beats of the outbox long, nothing is sent."""
    await asyncio.sleep(0.6)
    assert ordered(here) == before


async def test_the_step_is_finished_and_the_next_one_waits(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, counter):
        amy = here.person("amy")
        counter.open.clear()
        run = await here.start("buyer", {"how": "go"})

        async def sent() -> bool | None:
            return True if here.connectors.calls else None

        await here.until(sent, "the first order to be under way")
        paused = await here.runs.pause(amy, run.id, "let me look")
        assert paused.state == "paused"
        counter.open.set()
        waiting = await waits(here, run.id, "pause")
        assert waiting.sentence == "Paused: let me look"
        assert (await here.runs.get(amy, run.id)).state == "paused"
        await nothing_more(here, ["first"])
        kinds = [event.kind for event in await here.events(run.id)]
        assert kinds.count("run.paused") == 1
        assert "call.settled" in kinds

        assert (await here.runs.resume(amy, run.id, "fine")).state in ("running", "waiting", "succeeded")
        assert (await here.end(run.id)).state == "succeeded"
        assert ordered(here) == ["first", "last"]
        events = await here.events(run.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [one.data["by"] for one in events if one.kind in ("run.paused", "run.resumed")] == ["person:amy"] * 2
        page = await AuditService(here.db).query("demo", "kind:run", personal=True)
        told = [one.record for one in page.items if one.record.detail.get("event") in ("paused", "resumed")]
        assert sorted((one.detail["event"], one.detail["reason"], one.who.principal) for one in told) == [
            ("paused", "let me look", "person:amy"),
            ("resumed", "fine", "person:amy"),
        ]
        history = await here.temporal.history(run.id)
        assert await replay(AgentCatalog([buyer]), "buyer", history) == ""


@pytest.mark.parametrize("how", ["ask", "sleep", "event", "pay"])
async def test_what_it_waited_for_may_come_and_it_still_waits(tmp_path: Path, how: str) -> None:
    kind = {"ask": "task", "sleep": "timer", "event": "event", "pay": "approval"}[how]
    async with shop(tmp_path) as (here, _):
        amy = here.person("amy")
        run = await here.start("buyer", {"how": how})
        assert (await pause_when(here, run, kind)).state == "paused"
        if how == "ask":
            await here.runs.answer(amy, (await here.task(run.id)).id, "yes")
        elif how == "sleep":
            await here.skip(days=4)
        elif how == "event":
            await here.runs.send(amy, run.id, "shipped", "it is")
        else:
            await here.verdict(await here.approval(run.id), by="li")
        await waits(here, run.id, "pause")
        await nothing_more(here, ["first"])
        assert here.connectors.did("shop.pay") == []
        assert (await here.runs.get(amy, run.id)).state == "paused"
        await here.runs.resume(amy, run.id)
        assert (await here.end(run.id)).state == "succeeded"
        assert ordered(here) == ["first", "last"]
        assert len(here.connectors.did("shop.pay")) == (how == "pay")


async def test_resumed_before_it_noticed_it_goes_on_waiting_as_before(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        amy = here.person("amy")
        run = await here.start("buyer", {"how": "ask"})
        for _ in range(3):
            await pause_when(here, run, "task")
            assert (await here.runs.resume(amy, run.id)).state == "waiting"
        await here.runs.answer(amy, (await here.task(run.id)).id, "yes")
        assert (await here.end(run.id)).state == "succeeded"
        kinds = [event.kind for event in await here.events(run.id)]
        assert (kinds.count("run.paused"), kinds.count("run.resumed")) == (3, 3)


async def test_both_branches_are_held(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, counter):
        amy = here.person("amy")
        counter.open.clear()
        run = await here.start("buyer", {"how": "both"})

        async def sent() -> bool | None:
            return True if here.connectors.calls else None

        await here.until(sent, "the first order to be under way")
        await here.runs.pause(amy, run.id)
        counter.open.set()
        await waits(here, run.id, "pause")
        await nothing_more(here, ["first"])
        await here.runs.resume(amy, run.id)
        assert (await here.end(run.id)).state == "succeeded"
        assert sorted(ordered(here)) == ["first", "last", "left", "right"]


async def test_a_paused_run_can_be_stopped_and_takes_back_what_it_did(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        amy = here.person("amy")
        run = await here.start("buyer", {"how": "sleep"})
        await pause_when(here, run, "timer")
        await here.skip(days=4)
        await waits(here, run.id, "pause")
        await here.runs.stop(amy, run.id, "wrong")
        done = await here.end(run.id)
        assert done.state == "stopped"
        assert here.connectors.did("shop.cancel") == [{"number": "N-first"}]
        for act in (here.runs.pause, here.runs.resume):
            with pytest.raises(Conflict, match="stopped"):
                await act(amy, run.id)


async def test_what_has_failed_can_not_be_paused(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        run = await here.start("buyer", {"how": "fail"})
        assert (await here.end(run.id)).state == "failed"
        with pytest.raises(Conflict, match="failed"):
            await here.runs.pause(here.person("amy"), run.id)


async def test_only_for_whom_it_runs_and_whom_policy_lets_may_pause_it(tmp_path: Path) -> None:
    denied = {"chargehand.steer_runs"}
    policy = FakePolicy(lambda request: decision("deny" if request.tool in denied else "allow"), PEOPLE)
    async with shop(tmp_path, policy) as (here, _):
        run = await here.start("buyer", {"how": "ask"})
        await waits(here, run.id, "task")
        stranger = SignedIn(Principal("other", "person:amy", "Amy"), "local")
        for act in (here.runs.pause, here.runs.resume):
            with pytest.raises(Forbidden, match="steer"):
                await act(here.person("eve"), run.id)
            with pytest.raises(NotFound):
                await act(stranger, run.id)
        with pytest.raises(Conflict, match="not paused"):
            await here.runs.resume(here.person("amy"), run.id)
        denied.clear()
        assert (await here.runs.pause(here.person("eve"), run.id)).state == "paused"


async def test_said_while_temporal_is_away_it_is_told_later_and_in_order(tmp_path: Path) -> None:
    async def nobody() -> Any:
        raise RuntimeUnavailable("Temporal is away.")

    async with shop(tmp_path) as (here, _):
        amy = here.person("amy")
        run = await here.start("buyer", {"how": "ask"})
        await waits(here, run.id, "task")
        cut_off = RunService(here.db, nobody, here.agents, here.policy)
        assert (await cut_off.pause(amy, run.id, "now")).state == "paused"

        async def told() -> bool | None:
            return None if await here.db.read(untold_pauses) else True

        await here.until(told, "the outbox to tell it")
        await here.runs.answer(amy, (await here.task(run.id)).id, "yes")
        await waits(here, run.id, "pause")
        await nothing_more(here, ["first"])
        assert (await cut_off.resume(amy, run.id)).state != "paused"
        assert (await here.end(run.id)).state == "succeeded"


async def test_old_news_of_a_pause_is_not_heeded(tmp_path: Path) -> None:
    async with shop(tmp_path) as (here, _):
        amy = here.person("amy")
        run = await here.start("buyer", {"how": "ask"})
        await pause_when(here, run, "task")
        await here.runs.resume(amy, run.id)
        late = Pause(number=1, paused=True, by="person:amy")
        await here.temporal.client.get_workflow_handle(run.id).signal(SIGNAL_PAUSE, late)
        await here.runs.answer(amy, (await here.task(run.id)).id, "yes")
        assert (await here.end(run.id)).state == "succeeded"
