"""Runs as people use them: started once, found, followed without gap or repeat, stopped, retried, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from chargehand import Budget, Undo, agent, ask_person, call, now, run_agent, sleep_until, tool, wait_for
from chargehand.connectors.declare import Result
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.identity.model import Principal, SignedIn
from chargehand.outcome import Outcome
from chargehand.runs.following import Place
from chargehand.runs.model import RunEvent
from chargehand.runs.outbox import Outbox
from chargehand.runs.service import RunService
from chargehand.testing import FakePolicy, Refuses, World, ask_for, world
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
    """Pay for an order."""


class Wanted(BaseModel):
    what: str = Field(min_length=1)
    how: str = ""


class State(TypedDict, total=False):
    what: str
    how: str
    number: str


async def order_it(state: State) -> State:
    return {"number": (await call(order, what=state["what"])).number}


async def then(state: State) -> State:
    how = state["how"]
    if how == "pay":
        await call(pay, number=state["number"])
    elif how == "fail":
        raise ValueError("the printer is on fire")
    elif how == "ask":
        await ask_person("May I?", to="role:clerk", within="30d")
    elif how == "sleep":
        await sleep_until(now() + timedelta(days=30))
    elif how == "event":
        return {"number": await wait_for("shipped", within="10d") or "nothing came"}
    elif how == "spend":
        for number in range(10):
            await call(order, what=str(number))
    return {}


graph = StateGraph(State, input_schema=Wanted)
graph.add_node(order_it)
graph.add_node("then", then)
graph.add_edge(START, "order_it")
graph.add_edge("order_it", "then")
buyer = agent(
    graph,
    name="buyer",
    owner="group:shop",
    tools=[order, cancel, pay],
    input=Wanted,
    business_key="what",
    undo=[Undo(order, by=cancel, arguments=lambda made: {"number": made.number})],
)


async def delegate(state: State) -> State:
    outcome: Outcome = await run_agent("buyer", {"what": state["what"], "how": state["how"]})
    return {"number": outcome.value["number"] if outcome.succeeded else outcome.state}


boss_graph = StateGraph(State, input_schema=Wanted)
boss_graph.add_node(delegate)
boss_graph.add_edge(START, "delegate")
boss = agent(boss_graph, name="boss", owner="group:shop", agents=["buyer"], input=Wanted)
ANSWERS = {
    "shop.order": lambda what: {"number": f"N-{what}"},
    "shop.cancel": lambda number: {"number": number},
    "shop.pay": lambda number: {"number": number},
}


@asynccontextmanager
async def shop(folder: Path, *, answers: Any = None, policy: Any = None, agents: Any = None) -> AsyncGenerator[World]:
    deciding = policy or ask_for("shop.pay", people=PEOPLE)
    async with world(folder, agents or [buyer, boss], tools=answers or ANSWERS, policy=deciding) as here:
        yield here


def want(how: str = "", what: str = "bolts") -> dict[str, str]:
    return {"what": what, "how": how}


async def test_the_same_key_starts_the_same_run_however_often(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        started = await asyncio.gather(*(here.start("buyer", want(), key="k-1") for _ in range(8)))
        assert len({one.id for one in started}) == 1
        await here.end(started[0].id)
        again = await here.start("buyer", want(), key="k-1")
        assert (again.id, again.state) == (started[0].id, "succeeded")
        with pytest.raises(Conflict, match="k-1"):
            await here.start("buyer", want("pay"), key="k-1")
    assert len(here.connectors.did("shop.order")) == 1


async def test_input_that_does_not_fit_names_its_field_and_starts_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        with pytest.raises(BadInput, match=r"input\.what"):
            await here.start("buyer", {"what": ""})
        with pytest.raises(BadInput, match="what"):
            await here.start("buyer", {})
        with pytest.raises(NotFound, match="Agents here: boss, buyer"):
            await here.start("seller", want())
        assert (await here.runs.list(here.person("amy"))).items == ()


async def test_policy_decides_who_may_start(tmp_path: Path) -> None:
    def only_amy(request: Any) -> Any:
        return decision("allow" if request.chain[0] == "person:amy" else "deny")

    async with shop(tmp_path, policy=FakePolicy(only_amy)) as here:
        await here.start("buyer", want(), by="amy")
        with pytest.raises(Forbidden, match=r"agent\.buyer"):
            await here.start("buyer", want(), by="eve")


async def test_another_tenant_sees_and_touches_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("ask"))
        task = await here.task(run.id)
        eve = SignedIn(Principal("other", "person:amy", "Eve"), "local")
        assert (await here.runs.list(eve)).items == ()
        assert await here.runs.tasks(eve) == []
        for attempt in (
            here.runs.get(eve, run.id),
            here.runs.events(eve, run.id),
            here.runs.stop(eve, run.id, "mine"),
            here.runs.retry(eve, run.id),
            here.runs.send(eve, run.id, "x", 1),
            here.runs.answer(eve, task.id, "yes"),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_lists_page_by_page_and_filters(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        made = [(await here.start("buyer", want(what=f"part-{n}"))).id for n in range(5)]
        for one in made:
            await here.end(one)
        who, seen, cursor = here.person("amy"), list[str](), ""
        while True:
            page = await here.runs.list(who, limit=2, cursor=cursor)
            seen += [one.id for one in page.items]
            cursor = page.next
            if not cursor:
                break
        assert seen == made[::-1]
        by_key = await here.runs.list(who, business_key="part-3")
        assert [one.id for one in by_key.items] == [made[3]]
        assert len((await here.runs.list(who, states=["failed"])).items) == 0
        with pytest.raises(BadInput, match="cursor"):
            await here.runs.list(who, cursor="nonsense")


async def test_followers_hear_each_event_once_and_resume_where_they_stopped(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("pay"))
        first: list[RunEvent] = []
        async for event in here.runs.follow(here.person("amy"), run.id):
            assert isinstance(event, RunEvent)
            first.append(event)
            if event.kind == "call.asked":
                break
        await here.verdict(await here.approval(run.id), by="li")
        after = Place(first[-1].seq)
        rest = [one async for one in here.runs.follow(here.person("amy"), run.id, after=after)]
    assert isinstance(rest[-1], RunEvent)
    numbers = [event.seq for event in [*first, *rest] if isinstance(event, RunEvent)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert rest[-1].kind == "run.succeeded"


async def test_stopped_gently_it_takes_back_what_it_did(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("pay"))
        asked = await here.approval(run.id)
        await here.runs.stop(here.person("amy"), run.id, "wrong customer")
        done = await here.end(run.id)
        with pytest.raises(Conflict):
            await here.verdict(asked, by="li")
    assert done.state == "stopped"
    assert here.connectors.did("shop.cancel") == [{"number": "N-bolts"}]
    assert here.connectors.did("shop.pay") == []


@pytest.mark.parametrize("how", ["ask", "sleep", "event"])
async def test_whatever_it_waits_for_it_can_be_stopped(tmp_path: Path, how: str) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want(how))

        async def waits() -> Any:
            return (await here.runs.get(here.person("amy"), run.id)).waiting or None

        await here.until(waits, "the run to wait")
        await here.runs.stop(here.person("amy"), run.id, "enough")
        assert (await here.end(run.id)).state == "stopped"


async def test_stopped_hard_it_just_ends(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("ask"))
        await here.task(run.id)
        done = await here.runs.stop(here.person("amy"), run.id, "now", hard=True)
        assert done.state == "stopped"
        with pytest.raises(Conflict, match="stopped"):
            await here.runs.stop(here.person("amy"), run.id, "again")
    assert here.connectors.did("shop.cancel") == []


async def test_a_failed_run_says_why_on_which_line_takes_back_and_can_be_retried(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("fail"))
        done = await here.end(run.id)
        assert done.failure is not None
        assert "the printer is on fire" in done.failure.detail
        assert done.failure.node == "then"
        assert "then, line" in done.failure.line
        assert "retry the run" in done.failure.way_out
        again = await here.runs.retry(here.person("amy"), run.id)
        assert again.retry_of == run.id
        await here.end(again.id)
    assert [one["number"] for one in here.connectors.did("shop.cancel")] == ["N-bolts", "N-bolts"]


async def test_an_event_from_outside_arrives_once_and_early_ones_wait(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("event"))
        for _ in range(2):
            await here.runs.send(here.person("amy"), run.id, "shipped", "DC-9", event_id="e1")
        done = await here.end(run.id)
    assert done.result["number"] == "DC-9"


async def test_an_event_that_never_comes_is_given_up(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("event"))

        async def waits() -> Any:
            return (await here.runs.get(here.person("amy"), run.id)).waiting or None

        await here.until(waits, "the run to wait")
        await here.skip(days=11)
        assert (await here.end(run.id)).result["number"] == "nothing came"


async def test_a_question_is_answered_once_by_whom_it_is_for(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("ask"))
        task = await here.task(run.id)
        with pytest.raises(Forbidden, match="role:clerk"):
            await here.runs.answer(here.person("li"), task.id, "yes")
        await here.runs.answer(here.person("amy"), task.id, "yes")
        with pytest.raises(Conflict):
            await here.runs.answer(here.person("amy"), task.id, "no")
        await here.end(run.id)
        assert [event.data["answer"] for event in await here.events(run.id) if event.kind == "person.answered"] == [
            "yes"
        ]


async def test_a_question_nobody_answers_expires(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("buyer", want("ask"))
        task = await here.task(run.id)
        await here.skip(days=31)
        await here.end(run.id)
        with pytest.raises(Conflict):
            await here.runs.answer(here.person("amy"), task.id, "late")
        assert "person.expired" in [event.kind for event in await here.events(run.id)]


async def test_another_agent_runs_on_its_own_for_the_same_person(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        run = await here.start("boss", want())
        done = await here.end(run.id)
        child = await here.runs.get(here.person("amy"), done.children[0])
    assert done.result["number"] == "N-bolts"
    assert child.chain == ("person:amy", "agent:boss", "agent:buyer")
    assert child.parent == run.id


async def test_delegation_that_policy_denies_is_an_outcome(tmp_path: Path) -> None:
    def not_by_boss(request: Any) -> Any:
        return decision("deny" if "agent:boss" in request.chain else "allow")

    async with shop(tmp_path, policy=FakePolicy(not_by_boss)) as here:
        run = await here.start("boss", want())
        assert (await here.end(run.id)).result["number"] == "denied"


async def test_a_budget_stops_before_it_is_passed(tmp_path: Path) -> None:
    frugal = replace(buyer, budget=Budget(tool_calls=4))
    async with shop(tmp_path, agents=[frugal]) as here:
        run = await here.start("buyer", want("spend"))
        done = await here.end(run.id)
    assert done.state == "failed"
    assert done.failure is not None
    assert "4 tool calls" in done.failure.detail
    assert len(here.connectors.did("shop.order")) == 4


async def test_a_tool_that_is_not_declared_is_refused_by_name(tmp_path: Path) -> None:
    bare = replace(buyer, tools=(), undo=())
    async with shop(tmp_path, agents=[bare], answers={}) as here:
        run = await here.start("buyer", want())
        done = await here.end(run.id)
    assert done.failure is not None
    assert "shop.order" in done.failure.detail
    assert "tools=[…]" in done.failure.way_out


async def test_a_start_that_temporal_did_not_hear_of_is_begun_by_the_outbox(tmp_path: Path) -> None:
    async def nobody() -> Any:
        raise RuntimeUnavailable("Temporal is down.")

    async with shop(tmp_path) as here:
        while here.chores:
            here.chores.pop().cancel()
        cut_off = RunService(here.db, nobody, here.agents, here.policy)
        run = await cut_off.start(here.person("amy"), "buyer", want())
        assert run.state == "starting"
        here.clock.ahead += timedelta(seconds=5)
        outbox = Outbox(here.db, here.runs, here.approvals)
        assert await outbox.begin_runs() == 1
        assert await outbox.begin_runs() == 0
        assert (await here.end(run.id)).state == "succeeded"


async def test_a_start_whose_input_cant_be_kept_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody() -> Any:
        raise RuntimeUnavailable("Temporal is down.")

    async with shop(tmp_path) as here:
        while here.chores:
            here.chores.pop().cancel()
        cut_off = RunService(here.db, nobody, here.agents, here.policy)
        first, other = [await cut_off.start(here.person("amy"), "buyer", want()) for _ in range(2)]
        here.clock.ahead += timedelta(seconds=5)
        begin = here.runs.begin

        async def no_room(row: Any) -> None:
            if row["id"] == first.id:
                raise RuntimeUnavailable("Large values of runs can't be kept.")
            await begin(row)

        with monkeypatch.context() as patch:
            patch.setattr(here.runs, "begin", no_room)
            with pytest.raises(RuntimeUnavailable, match="can't be kept"):
                await Outbox(here.db, here.runs, here.approvals).begin_runs()
        assert (await here.end(other.id)).state == "succeeded"
        assert await Outbox(here.db, here.runs, here.approvals).begin_runs() == 1
        assert (await here.end(first.id)).state == "succeeded"


async def test_a_refusal_of_the_system_is_an_error_with_its_kind(tmp_path: Path) -> None:
    async with shop(tmp_path, answers={**ANSWERS, "shop.order": Refuses("conflict", "sold out")}) as here:
        run = await here.start("buyer", want())
        done = await here.end(run.id)
    assert done.failure is not None
    assert done.failure.detail == "sold out"
    assert done.failure.kind == "call-failed"
