"""What one run may use: money that its tools move, time, questions to models. It stops before it passes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import Budget, agent, ask_person, attempt, chat_model, now, sleep_until
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.testing import FakeConnectors
from chargehand_connectors.erp import tools as erp


class State(TypedDict, total=False):
    refunds: list[str]
    outcomes: list[str]
    why: str


def spec_of(node: Any, budget: Budget) -> AgentSpec:
    graph = StateGraph(State)
    graph.add_node("work", node)
    graph.add_edge(START, "work")
    return agent(graph, name="spender", owner="group:test", tools=[erp.create_credit_note], budget=budget)


def bank() -> FakeConnectors:
    note = {"number": "CN-1", "order": "SO-1", "return_number": "R-1", "amount": "1", "currency": "EUR"}
    note["state"] = "posted"
    return FakeConnectors({"erp.create_credit_note": lambda **_: note}, [erp.create_credit_note])


async def refund(state: State) -> State:
    outcomes, why = [], ""
    for amount in state["refunds"]:
        value, currency = amount.split()
        done = await attempt(
            erp.create_credit_note,
            order="SO-1", return_number="R-1", customer="Li Wei", amount=value, currency=currency, reason="broken",
        )  # fmt: skip
        outcomes.append(done.state)
        why = done.failure.detail if done.failure else why
    return {"outcomes": outcomes, "why": why}


async def test_a_run_moves_no_more_money_than_its_budget(governed: Any) -> None:
    spec = spec_of(refund, Budget(amounts={"EUR": "1000"}))
    run = await governed(spec, {"refunds": ["600.00 EUR", "600.00 EUR", "400.00 EUR", "900.00 CHF"]}, tools=bank())
    assert run.result["outcomes"] == ["succeeded", "denied", "succeeded", "succeeded"]
    assert "400.00 EUR left" in run.result["why"]
    again = await governed(spec, {"refunds": ["1000.00 EUR"]}, tools=bank())
    assert again.result["outcomes"] == ["succeeded"], "each run has its own"


async def days(here: Any, _: Any) -> None:
    await here.skip(days=4)


async def test_a_run_takes_no_longer_than_its_budget(governed: Any) -> None:
    async def wait(_: State) -> State:
        await sleep_until(now() + timedelta(days=3))
        return {"why": "it slept on"}

    run = await governed(spec_of(wait, Budget(time="2d")), {}, meanwhile=days)
    assert run.state == "failed"
    assert "budget.time" in run.detail.failure.detail
    assert "2 days" in run.detail.failure.detail


async def test_waiting_for_people_takes_the_runs_time_too(governed: Any) -> None:
    async def ask(_: State) -> State:
        answer = await ask_person("Really?", to="role:customer-service", within="5d")
        return {"why": str(answer)}

    run = await governed(spec_of(ask, Budget(time="1h")), {}, meanwhile=days)
    assert run.state == "failed"
    assert "budget.time" in run.detail.failure.detail


async def test_a_run_asks_models_no_more_often_than_its_budget(governed: Any) -> None:
    async def ask(_: State) -> State:
        for _ in range(3):
            await chat_model("light").ainvoke("hello")
        return {"why": "it asked on"}

    run = await governed(spec_of(ask, Budget(model_calls=2)), {}, model=["one", "two", "three"])
    assert run.state == "failed"
    assert "budget.model_calls" in run.detail.failure.detail
    assert run.kinds().count("model.answered") == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cost": 0.5}, "budget.cost"),
        ({"cost": "NaN"}, "budget.cost"),
        ({"tokens": -1}, "budget.tokens"),
        ({"amounts": {"euro": "1"}}, "budget.amounts"),
        ({"amounts": {"EUR": "much"}}, "budget.amounts.EUR"),
        ({"time": "soon"}, "within"),
    ],
)
def test_a_budget_that_can_not_be_kept_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput, match=field):
        Budget(**wrong)
