"""A failed run is taken up at a step: what took effect is not done again, what failed is tried anew, doubt refuses."""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from chargehand import Undo, agent, call, clock, run_agent, tool
from chargehand.agents.model import AgentSpec
from chargehand.connectors.declare import Result
from chargehand.errors import BadInput, Conflict, Forbidden
from chargehand.identity import store as people
from chargehand.identity.service import new_user
from chargehand.policy.model import Decision, Request
from chargehand.runs.model import RunDetail
from chargehand.testing import FakePolicy, NoClearAnswer, Refuses, World, world
from chargehand.testing.policies import decision


class Made(Result):
    number: str


@tool(effect="write", delivery="keyed", connector="shop", compensated_by="cancel", says="Order {what}")
async def order(what: str) -> Made:
    """Order something."""
    raise NotImplementedError


@tool(effect="write", delivery="keyed", connector="shop", says="Cancel {number}")
async def cancel(number: str) -> Made:
    """Cancel an order."""
    raise NotImplementedError


@tool(effect="irreversible", delivery="once", connector="shop", says="Pay {number}")
async def pay(number: str) -> Made:
    """Pay for an order."""
    raise NotImplementedError


@tool(effect="write", delivery="keyed", connector="shop", says="Tell {whom}")
async def tell(whom: str) -> Made:
    """Tell somebody."""
    raise NotImplementedError


TOOLS = [order, cancel, pay, tell]


class State(TypedDict, total=False):
    what: str
    log: Annotated[list[str], operator.add]


async def begin(state: State) -> State:
    return {"log": [(await call(tell, whom=f"start {state.get('what')}")).number]}


async def both(state: State) -> State:
    """Two effects, the second of which fails at first."""
    done = [(await call(tell, whom="warehouse")).number, (await call(tell, whom="warehouse")).number]
    return {"log": [*done, (await call(pay, number=state.get("what", ""))).number]}


async def beside(state: State) -> State:
    del state
    return {"log": [(await call(order, what="box")).number]}


async def delegate(state: State) -> State:
    outcome = await run_agent("helper", {"what": state.get("what", "")})
    return {"log": [outcome.state, (await call(tell, whom="after")).number]}


def parallel(*, undo: bool = False, with_child: bool = False) -> AgentSpec:
    graph = StateGraph(State)
    graph.add_node("begin", begin)
    graph.add_node("both", both)
    graph.add_node("beside", beside)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "beside")
    graph.add_edge("beside", "both")
    if with_child:
        graph.add_node("delegate", delegate)
        graph.add_edge("begin", "delegate")
    graph.add_edge("both", END)
    undoing = [Undo(order, by=cancel, arguments=lambda made: {"number": made.number})] if undo else []
    return agent(
        graph, name="shopper", owner="group:x", tools=TOOLS, agents=["helper"] if with_child else [], undo=undoing
    )


def helper() -> AgentSpec:
    graph = StateGraph(State)
    graph.add_node("begin", begin)
    graph.add_edge(START, "begin")
    return agent(graph, name="helper", owner="group:x", tools=TOOLS)


def said(number: int = 0) -> Any:
    counted = Counter[str]()

    def answer(**arguments: Any) -> dict[str, str]:
        text = "-".join(map(str, arguments.values()))
        counted[text] += 1
        return {"number": f"{text}#{counted[text] + number}"}

    return answer


def shop(pay: Any) -> dict[str, Any]:
    return {"shop.order": said(), "shop.cancel": said(), "shop.tell": said(), "shop.pay": pay}


def pays(first: Any) -> Any:
    """The system says `first`, once, and is well afterwards."""
    well = said()
    asked = 0

    def answer(number: str) -> Any:
        nonlocal asked
        asked += 1
        return first if asked == 1 else well(number=number)

    return answer


async def failed(here: World, run: str) -> RunDetail:
    detail = await here.end(run)
    assert detail.state == "failed", detail
    return detail


async def test_what_took_effect_is_not_done_again_and_what_failed_is_tried_anew(tmp_path: Path) -> None:
    tools = shop(pays(Refuses("conflict", "closed for today")))
    async with world(tmp_path, [parallel()], tools=tools) as here:
        amy = here.person("amy")
        first = await here.start("shopper", {"what": "SO-1"})
        await failed(here, first.id)
        refused, steps = await here.runs.retries.steps(amy, first.id)
        assert refused == ""
        assert [one.nodes for one in steps] == [("both",), ("beside",), ("begin",)]

        again = await here.runs.retry_from(amy, first.id, "both")
        assert again.retry_of == first.id
        detail = await here.end(again.id)
        assert detail.state == "succeeded", detail.failure
        effects = Counter((one.tool, *one.arguments.values()) for one in here.connectors.effects)
        story = await here.events(again.id)
        before = await here.events(first.id)
    assert effects == {
        ("shop.tell", "start SO-1"): 1,
        ("shop.tell", "warehouse"): 2,
        ("shop.order", "box"): 1,
        ("shop.pay", "SO-1"): 1,
    }
    assert detail.result["log"] == ["start SO-1#1", "box#1", "warehouse#1", "warehouse#2", "SO-1#1"]
    assert story[0].data["retry_of"] == first.id
    assert story[0].data["from"] == "both"
    assert [event.step for event in story if event.kind == "node.started"] == ["both"]
    keys = {event.data["call_key"] for event in before if event.kind == "call.settled"}
    settled = [event.data for event in story if event.kind == "call.settled"]
    assert [one.get("reused", "") for one in settled] == [first.id, first.id, ""]
    assert all(one["call_key"] in keys for one in settled[:2])
    assert settled[2]["call_key"] not in keys


async def test_from_an_earlier_step_too_and_over_several_attempts(tmp_path: Path) -> None:
    well = said()
    asked = 0

    def twice(number: str) -> Any:
        nonlocal asked
        asked += 1
        return Refuses("conflict", "closed") if asked <= 2 else well(number=number)

    async with world(tmp_path, [parallel()], tools=shop(twice)) as here:
        amy = here.person("amy")
        runs = [(await here.start("shopper", {"what": "SO-2"})).id]
        for step in ("begin", "beside"):
            await failed(here, runs[-1])
            runs.append((await here.runs.retry_from(amy, runs[-1], step)).id)
        detail = await here.end(runs[-1])
        effects = Counter((one.tool, *one.arguments.values()) for one in here.connectors.effects)
    assert detail.state == "succeeded", detail.failure
    assert effects[("shop.tell", "start SO-2")] == 1
    assert effects[("shop.tell", "warehouse")] == 2
    assert effects[("shop.order", "box")] == 1
    assert effects[("shop.pay", "SO-2")] == 1


async def test_a_run_of_another_agent_is_not_started_again(tmp_path: Path) -> None:
    tools = shop(pays(Refuses("conflict", "closed")))
    async with world(tmp_path, [parallel(with_child=True), helper()], tools=tools) as here:
        first = await here.start("shopper", {"what": "SO-3"})
        await failed(here, first.id)
        again = await here.runs.retry_from(here.person("amy"), first.id, "beside")
        detail = await here.end(again.id)
        effects = Counter((one.tool, *one.arguments.values()) for one in here.connectors.effects)
    assert detail.state == "succeeded", detail.failure
    assert detail.children == ()
    assert effects[("shop.tell", "start SO-3")] == 2  # the run's own, and its helper's
    assert effects[("shop.tell", "after")] == 1
    assert effects[("shop.order", "box")] == 1


async def test_what_was_taken_back_is_done_again_and_nothing_after_it_is_taken_up(tmp_path: Path) -> None:
    tools = shop(pays(Refuses("conflict", "closed")))
    async with world(tmp_path, [parallel(undo=True)], tools=tools) as here:
        amy = here.person("amy")
        first = await here.start("shopper", {"what": "SO-4"})
        await failed(here, first.id)
        with pytest.raises(Conflict, match="taken back"):
            await here.runs.retry_from(amy, first.id, "both")
        again = await here.runs.retry_from(amy, first.id, "beside")
        detail = await here.end(again.id)
        effects = Counter((one.tool, *one.arguments.values()) for one in here.connectors.effects)
    assert detail.state == "succeeded", detail.failure
    assert effects[("shop.order", "box")] == 2
    assert effects[("shop.cancel", "box#1")] == 1
    assert effects[("shop.tell", "warehouse")] == 2


async def test_doubt_refuses_until_it_is_reconciled(tmp_path: Path) -> None:
    tools = shop(NoClearAnswer({"number": "P-1"}, times=1))
    async with world(tmp_path, [parallel()], tools=tools) as here:
        amy = here.person("amy")
        first = await here.start("shopper", {"what": "SO-5"})

        async def in_doubt() -> str | None:
            waiting = (await here.runs.get(amy, first.id)).waiting
            return next((one.id for one in waiting if one.kind == "in_doubt"), None)

        key = await here.until(in_doubt, "the call to be in doubt")
        await here.runs.stop(amy, first.id, "enough")
        ended = (await here.end(first.id)).failure
        assert ended is not None
        assert ended.detail == "Stopped: enough. Not taken back: shop.pay (nobody knows yet whether it was done)."
        refused, _ = await here.runs.retries.steps(amy, first.id)
        assert "in doubt: reconcile it first" in refused
        assert key[:12] in refused
        with pytest.raises(Conflict, match="reconcile it first"):
            await here.runs.retry_from(amy, first.id, "both")
        assert len(here.connectors.effects) == 5


async def test_once_by_whom_policy_lets_and_at_steps_that_are_there(tmp_path: Path) -> None:
    asked: list[Request] = []

    def decide(request: Request) -> Decision:
        asked.append(request)
        return decision("deny" if request.chain == ("person:eve",) else "allow")

    tools = shop(pays(Refuses("conflict", "closed")))
    async with world(tmp_path, [parallel()], tools=tools, policy=FakePolicy(decide)) as here:
        amy = here.person("amy")
        first = await here.start("shopper", {"what": "SO-6"})
        await failed(here, first.id)
        with pytest.raises(BadInput, match="there are: both, beside, begin"):
            await here.runs.retry_from(amy, first.id, "nowhere")
        with pytest.raises(Forbidden, match="steer"):
            await here.runs.retry_from(here.person("eve"), first.id, "both")
        assert (asked[-1].tool, asked[-1].arguments["retry_from"]) == ("chargehand.steer_runs", "both")
        gone = replace(new_user("demo", "amy", "Amy Chen", "person", clock.now()), active=False)
        await here.db.write(lambda tx: people.add_user(tx.connection, gone, ""))
        with pytest.raises(Forbidden, match="can't sign in any more"):
            await here.runs.retry_from(here.person("li"), first.id, "both")
        await here.db.write(lambda tx: people.change_user(tx.connection, "demo", "person:amy", {"active": True}))
        again = await here.runs.retry_from(here.person("li"), first.id, "both")
        assert (again.principal, again.chain) == ("person:amy", first.chain)
        with pytest.raises(Conflict, match=again.id):
            await here.runs.retry_from(amy, first.id, "beside")
        done = await here.end(again.id)
        with pytest.raises(Conflict, match="failed or was stopped"):
            await here.runs.retry_from(amy, done.id, "both")


async def test_after_many_histories_and_again_when_it_fails_at_once(tmp_path: Path) -> None:
    """It begins with the state that it was given: that is a step at which it can be taken up, if it fails there."""

    async def round_(state: State) -> State:
        return {"log": [(await call(order, what=str(len(state["log"])))).number]}

    async def finish(_state: State) -> State:
        for number in range(15):  # so long that it goes on in another history in its midst
            await call(tell, whom=str(number))
        return {"log": [(await call(pay, number="SO-7")).number]}

    graph = StateGraph(State)
    graph.add_node("round", round_)
    graph.add_node("finish", finish)
    graph.add_edge(START, "round")
    graph.add_conditional_edges("round", lambda state: "round" if len(state["log"]) < 5 else "finish")
    shopper = agent(graph, name="shopper", owner="group:x", tools=TOOLS)
    asked = 0

    def third(number: str) -> Any:
        nonlocal asked
        asked += 1
        return Refuses("conflict", "closed") if asked < 3 else {"number": number}

    async with world(tmp_path, [shopper], tools=shop(third)) as here:
        here.runs.history_events = 12
        amy = here.person("amy")
        run = (await here.start("shopper", {"what": "SO-7", "log": []})).id
        for _ in range(2):
            await failed(here, run)
            run = (await here.runs.retry_from(amy, run, "finish")).id
        detail = await here.end(run)
        effects = Counter((one.tool, *one.arguments.values()) for one in here.connectors.effects)
    assert detail.state == "succeeded", detail.failure
    assert detail.result["log"] == [*(f"{number}#1" for number in range(5)), "SO-7"]
    assert set(effects.values()) == {1}
    assert len(effects) == 5 + 15 + 1
