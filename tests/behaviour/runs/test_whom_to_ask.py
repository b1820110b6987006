"""A question goes to somebody who can be asked, or the run says at once that it does not."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from chargehand import agent, agent_tool, ask_person, call, chat_model
from chargehand.testing import calls, deny_only
from fixtures.agents_langgraph import TOOLS, pay

ANSWERS = {"lab.pay": lambda x: {"value": x}}


class State(TypedDict, total=False):
    said: Any


def asks(node: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("ask", node)
    graph.add_edge(START, "ask")
    return agent(graph, name="asks", owner="group:lab")


async def test_nobody_is_not_waited_for(governed: Any) -> None:
    async def ask(state: State) -> State:
        return {"said": await ask_person("May I?", to="boss", within="2d")}

    run = await governed(asks(ask), {})
    assert run.state == "failed"
    assert "ask_person.to = 'boss'" in run.detail.failure.detail
    assert "role:" in run.detail.failure.detail


async def test_an_interrupt_that_shows_a_mail_asks_the_runs_own_person(governed: Any) -> None:
    def ask(state: State) -> State:
        return {"said": interrupt({"question": "Send it?", "to": "customer@example.com", "text": "Dear …"})}

    async def answer(here: Any, run: Any) -> None:
        asked = await here.task(run.id)
        assert asked.to == "person:amy"
        await here.runs.answer(here.person("amy"), asked.id, "yes")

    run = await governed(asks(ask), {}, meanwhile=answer)
    assert run.result == {"said": "yes"}


class Amount(BaseModel):
    amount: int


def payer() -> Any:
    async def pays(state: Any) -> Any:
        return {"said": (await call(pay, x=state["amount"])).value}

    class Paid(TypedDict, total=False):
        amount: int
        said: int

    graph = StateGraph(Paid)
    graph.add_node("pays", pays)
    graph.add_edge(START, "pays")
    about = "Pays an amount."
    return agent(graph, name="payer", owner="group:lab", tools=TOOLS, input=Amount, description=about)


async def test_a_model_delegates_to_another_agent_for_the_same_person(governed: Any) -> None:
    helper = payer()
    script = [calls(("agent__payer", {"amount": 7})), "paid"]
    boss = agent(
        create_agent(chat_model("light"), [agent_tool(helper)]), name="boss", owner="group:lab", agents=[helper]
    )
    ask = {"messages": [{"role": "user", "content": "pay 7"}]}

    async def look(here: Any, run: Any) -> None:
        await here.end(run.id)
        [started] = [one.data["run"] for one in await here.events(run.id) if one.kind == "agent.started"]
        [intent] = [one for one in await here.log(started) if one.kind == "intent"]
        assert (intent.tool, intent.who.principal) == ("lab.pay", "person:amy")
        assert intent.who.chain == ("person:amy", "agent:boss", "agent:payer")

    run = await governed(boss, ask, model=script, tools=ANSWERS, others=[helper], meanwhile=look)
    assert run.result["messages"][-1]["content"] == "paid"
    assert run.effects("lab.pay") == [{"x": 7}]

    denied = await governed(boss, ask, model=script, tools=ANSWERS, others=[helper], policy=deny_only("lab.pay"))
    assert denied.effects() == []
    assert "Nothing was done" in denied.result["messages"][-2]["content"]
