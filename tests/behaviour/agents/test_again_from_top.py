"""A node that stops at an interrupt runs again from its top: nothing before it is waited for, asked or said twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from chargehand import agent, ask_person, call, chat_model, note, now, tool, wait_for
from chargehand.connectors.declare import Result
from chargehand.errors import BadInput
from chargehand.models.model import ModelAnswer, Usage
from chargehand.testing import ScriptedModel


class Number(Result):
    value: int


@tool(effect="read", delivery="safe", connector="lab", says="Double {x}")
async def double(x: int) -> Number:
    """Double a number."""


@tool(effect="irreversible", delivery="keyed", connector="lab", says="Pay {x}")
async def pay(x: int) -> Number:
    """Pay an amount."""


class State(TypedDict, total=False):
    said: list[Any]


def asks(node: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name="asks", owner="group:lab", tools=[double, pay])


async def answer_all(here: Any, run: Any, *answers: str) -> None:
    for one in answers:
        await here.runs.answer(here.person("amy"), (await here.task(run.id)).id, one)

        async def taken(so_far: int = answers.index(one) + 1) -> bool | None:
            kinds = [event.kind for event in await here.events(run.id)]
            return kinds.count("person.answered") >= so_far or kinds[-1] == "run.succeeded" or None

        await here.until(taken, "the answer to be taken")


async def test_an_event_that_came_before_the_interrupt_is_not_waited_for_again(governed: Any) -> None:
    times: list[Any] = []

    async def node(_: State) -> State:
        times.append(now())
        paid = await wait_for("paid")
        note("It is paid.")
        return {"said": [paid, interrupt("Send it?")]}

    async def people(here: Any, run: Any) -> None:
        async def waits() -> Any:
            return (await here.runs.get(here.person("amy"), run.id)).waiting or None

        await here.until(waits, "the run to wait")
        await here.runs.send(here.person("amy"), run.id, "paid", {"amount": "5"})
        await answer_all(here, run, "yes")

    run = await governed(asks(node), {}, meanwhile=people)
    assert run.result == {"said": [{"amount": "5"}, "yes"]}
    assert run.kinds().count("note") == 1
    assert len(set(times)) == 1


async def test_what_was_asked_at_once_is_asked_once(governed: Any) -> None:
    async def chain() -> int:
        first = await call(double, x=1)
        return (await call(double, x=first.value)).value

    async def node(_: State) -> State:
        number, colour = await asyncio.gather(chain(), ask_person("Which colour?", to="person:amy"))
        return {"said": [number, colour, interrupt("Sure?")]}

    async def people(here: Any, run: Any) -> None:
        await answer_all(here, run, "blue", "yes")

    run = await governed(asks(node), {}, meanwhile=people, tools={"lab.double": lambda x: {"value": x * 2}})
    assert run.result == {"said": [4, "blue", "yes"]}
    assert run.kinds().count("person.asked") == 2
    assert len(run.calls("lab.double")) == 2


class Recovers(ScriptedModel):
    """A scripted model that refuses the first question, and then no other."""

    async def ask(self, request: Any, tell: Any = None) -> Any:
        if self.lines:
            self.lines = ()
            raise BadInput("The endpoint answered 400.", field="chat_model")
        return ModelAnswer({"type": "ai", "data": {"content": "the other way"}}, Usage("scripted", 1, 1))


async def test_a_question_that_was_refused_is_refused_again(governed: Any) -> None:
    async def node(_: State) -> State:
        try:
            way = str((await chat_model("light").ainvoke("Which way?")).content)
        except BadInput as error:
            way = f"none: {error.detail}"
        await call(pay, x=1 if way.startswith("none") else 2)
        return {"said": [way, interrupt("Sure?")]}

    async def people(here: Any, run: Any) -> None:
        await answer_all(here, run, "yes")

    model = Recovers(["the other"])
    run = await governed(asks(node), {}, meanwhile=people, model=model, tools={"lab.pay": lambda x: {"value": x}})
    assert run.result == {"said": ["none: chat_model = 'light': chat_model: The endpoint answered 400.", "yes"]}
    assert run.effects("lab.pay") == [{"x": 1}]


def paying(how: dict[str, Any]) -> Any:
    async def pays(state: State) -> State:
        return {"said": [(await call(pay, x=state["said"][0])).value]}

    graph = StateGraph(State)
    graph.add_node("pays", pays)
    graph.add_edge(START, "pays")
    return graph.compile(**how)


@pytest.mark.parametrize(
    ("compiled", "called"),
    [
        pytest.param({"checkpointer": False}, {}, id="without-checkpointer"),
        pytest.param({}, {"configurable": {"thread_id": "a thread of its own"}}, id="with-a-thread-of-its-own"),
    ],
)
async def test_what_a_graph_that_the_node_calls_has_done_is_done_once(
    governed: Any, compiled: dict[str, Any], called: Any
) -> None:
    below = paying(compiled)

    async def node(_: State) -> State:
        paid = [await below.ainvoke({"said": [x]}, called) for x in (1, 2)]
        return {"said": [*paid, interrupt("Sure?")]}

    async def people(here: Any, run: Any) -> None:
        await answer_all(here, run, "yes")

    run = await governed(asks(node), {}, meanwhile=people, tools={"lab.pay": lambda x: {"value": x}})
    assert run.result == {"said": [{"said": [1]}, {"said": [2]}, "yes"]}
    assert run.effects("lab.pay") == [{"x": 1}, {"x": 2}]


async def test_a_memory_that_all_runs_would_share_is_refused(governed: Any) -> None:
    below = paying({"checkpointer": InMemorySaver()})

    async def node(_: State) -> State:
        return {"said": [await below.ainvoke({"said": [1]}, {"configurable": {"thread_id": "expert"}})]}

    run = await governed(asks(node), {}, tools={"lab.pay": lambda x: {"value": x}})
    assert "which all runs share" in run.detail.failure.detail
    assert "checkpointer=True" in run.detail.failure.way_out
    assert run.effects("lab.pay") == []
