"""The testing kit, used as an author uses it: fixtures, assertions, time travel, inputs from the schema."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, chat_model
from chargehand.errors import NotFound
from chargehand.policy.service import PolicyService
from chargehand.testing import FakeConnectors, calls, given_inputs, inputs
from chargehand_workflows.complaint_resolution import complaint_resolution
from fixtures.complaints import Company, order

POLICIES = Path(__file__).parents[3] / "policies"
BROKEN = {"text": "The housing arrived broken.", "order_number": "SO-1042", "wish": "refund"}


def company(*orders: Any, **changes: Any) -> FakeConnectors:
    return FakeConnectors(Company(*orders).answers(**changes), complaint_resolution.tools)


async def approve(here: Any, run: Any) -> None:
    asked = await here.approval(run.id)
    await here.skip(days=1)
    await here.verdict(asked, by="li")


async def refund(governed: Any, **changes: Any) -> Any:
    policy = PolicyService.from_folder(POLICIES)
    return await governed(complaint_resolution, BROKEN, tools=company(**changes), policy=policy, meanwhile=approve)


async def test_steps_decisions_approvals_and_effects_are_asserted(governed: Any) -> None:
    run = await refund(governed)
    assert run.state == "succeeded"
    assert [(one.verdict, one.rules) for one in run.decisions("erp.create_credit_note")] == [
        ("ask", ("refund-medium",))
    ]
    assert {one.verdict for one in run.decisions() if one.tool != "erp.create_credit_note"} == {"allow"}
    assert run.approvals("erp.create_credit_note") == ["approved"]
    assert [one["amount"] for one in run.effects("erp.create_credit_note")] == ["1280.00"]
    assert [one.state for one in run.calls("erp.create_credit_note")] == ["succeeded"]
    kinds = [one.kind for one in run.log if one.tool == "erp.create_credit_note"]
    assert kinds.index("approval_requested") < kinds.index("verdict") < kinds.index("intent") < kinds.index("outcome")


async def test_time_travel_shows_state_and_open_calls_at_any_step(governed: Any) -> None:
    run = await refund(governed)
    before = run.at("triage")
    assert before.state["assessment"]["verdict"] == "refund"
    assert "return_number" not in before.state
    assert before.next == ("open_complaint",)
    after = run.at("create_return")
    assert after.state["return_number"] == "RT-1"
    assert after.pending == ()
    asked = next(one.seq for one in run.events if one.kind == "call.asked")
    waiting = run.at(asked)
    assert [(one.tool, one.waits) for one in waiting.pending] == [("erp.create_credit_note", "people")]
    assert waiting.pending[0].arguments["amount"] == "1280.00"
    assert waiting.running == ("create_credit_note",)
    assert waiting.events[-1].seq == asked
    end = run.at(len(run.events))
    assert end.kind == "run.succeeded"
    assert end.state["result"] == "refunded"


async def test_a_step_that_never_was_is_refused_with_those_that_were(governed: Any) -> None:
    run = await refund(governed)
    with pytest.raises(NotFound, match=r"replace.*did not run.*Its steps: look_up, fetch_order"):
        run.at("replace")
    with pytest.raises(NotFound, match=r"no event 999"):
        run.at(999)


class Asked(TypedDict, total=False):
    said: list[str]
    n: int


async def talk(state: Asked) -> Asked:
    answer = await chat_model("light").ainvoke(f"{state.get('n', 0)}")
    return {"said": [*state.get("said", []), str(answer.text)], "n": state.get("n", 0) + 1}


def talker() -> Any:
    graph = StateGraph(Asked)
    graph.add_node("talk", talk)
    graph.add_edge(START, "talk")
    graph.add_conditional_edges("talk", lambda state: "talk" if state["n"] < 3 else "__end__")
    return agent(graph, name="talker", owner="group:lab")


async def test_a_scripted_model_speaks_and_a_loop_is_travelled_by_count(governed: Any) -> None:
    run = await governed(talker(), {}, model=["one", "two", "three"])
    assert run.result["said"] == ["one", "two", "three"]
    assert run.tokens == 60
    assert run.cost == {}
    assert [run.at("talk", nth=n).state["said"] for n in (1, 2, 3)] == [
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
    ]


async def stumble(state: Asked) -> Asked:
    raise RuntimeError(f"at {state['n']}")


async def test_a_node_that_failed_is_seen_as_it_was_left(governed: Any) -> None:
    graph = StateGraph(Asked)
    graph.add_sequence([("talk", talk), ("stumble", stumble)])
    graph.add_edge(START, "talk")
    run = await governed(agent(graph, name="stumbler", owner="group:lab"), {}, model=["one"])
    assert run.state == "failed"
    moment = run.at("stumble")
    assert (moment.kind, moment.state) == ("run.failed", {"said": ["one"], "n": 1})


async def test_waiting_for_what_does_not_come_says_where_the_run_is(governed: Any) -> None:
    with pytest.raises(AssertionError, match=r"run_\w+ has succeeded, and asks nobody"):
        await governed(talker(), {}, model=["one", "two", "three"], meanwhile=approve)


async def test_runs_that_share_a_temporal_do_not_meet(governed: Any, governed_world: Any) -> None:
    policy = PolicyService.from_folder(POLICIES)
    async with governed_world([complaint_resolution], tools=company(), policy=policy) as here:
        await here.approval((await here.start("complaint-resolution", BROKEN)).id)  # left waiting
    run = await refund(governed)
    assert run.state == "succeeded"


@given(inputs(complaint_resolution))
@settings(max_examples=100, deadline=None)
def test_inputs_of_the_schema_are_inputs_of_the_agent(value: Any) -> None:
    complaint_resolution.input_type.model_validate(value)  # pyright: ignore[reportOptionalMemberAccess]


@given_inputs(complaint_resolution, examples=6, order_number="SO-1042")
async def test_whatever_a_customer_writes_nothing_is_refunded_unasked_or_twice(governed: Any, value: Any) -> None:
    async def nobody(here: Any, run: Any) -> None:
        await here.until(lambda: stopped(here, run.id), "the run to end or wait")
        if (await here.runs.get(here.person("amy"), run.id)).waiting:
            await here.runs.stop(here.person("li"), run.id, reason="The test ends.", hard=False)

    policy = PolicyService.from_folder(POLICIES)
    run = await governed(complaint_resolution, value, tools=company(), policy=policy, meanwhile=nobody)
    paid = [Decimal(one["amount"]) for one in run.effects("erp.create_credit_note")]
    assert paid == [] or (len(paid) == 1 and paid[0] <= 500)  # so much policy lets the agent refund by itself


async def stopped(here: Any, run: str) -> Any:
    detail = await here.runs.get(here.person("amy"), run)
    return detail if detail.waiting or detail.ended_at else None


def test_a_line_calls_tools() -> None:
    assert calls(("erp__get_order", {"number": "SO-1"})).tool_calls[0]["name"] == "erp__get_order"


def test_small_orders_are_part_of_the_company() -> None:
    assert order(total="420.00").total == 420
