"""Small programs, each run twice: as plain LangGraph runs it with a checkpointer, and governed. Both say the same."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph, add_messages
from langgraph.types import Command
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from chargehand import agent, chat_model
from chargehand.agents.execution import to_json
from chargehand.errors import BadInput
from chargehand.testing import inputs

Build = Callable[[], Any]


class Log(TypedDict, total=False):
    log: Annotated[list[Any], operator.add]
    n: int


async def plainly(build: Build, given: Any, replies: Sequence[Any] = ()) -> Any:
    """What LangGraph itself gives, as JSON."""
    graph = build().compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    left = iter(replies)
    result = await graph.ainvoke(given, config)
    while asked := result.get("__interrupt__"):
        result = await graph.ainvoke(Command(resume={one.id: next(left) for one in asked}), config)
    return to_json(result)


async def replying(here: Any, run: str, replies: Sequence[Any]) -> None:
    """Play a person who answers, one question after the other."""
    for answer in replies:
        asked = await here.task(run)
        await here.runs.answer(here.person("amy"), asked.id, answer)

        async def taken(task: str = asked.id) -> bool | None:
            waiting = (await here.runs.get(here.person("amy"), run)).waiting
            return task not in {one.id for one in waiting} or None

        await here.until(taken, "the answer to be taken")


async def run_governed(governed: Any, build: Build, given: Any, replies: Sequence[Any] = (), **how: Any) -> Any:
    async def people(here: Any, run: Any) -> None:
        await replying(here, run.id, replies)

    declared = agent(build(), name="probe", owner="group:lab", **how.pop("declared", {}))
    run = await governed(declared, given, meanwhile=people, **how)
    assert run.detail.failure is None
    return run


def in_a_row(state: type, *nodes: Callable[..., Any], **schemas: Any) -> Build:
    def build() -> Any:
        graph: Any = StateGraph(state, **schemas)
        graph.add_sequence([(node.__name__, node) for node in nodes])
        graph.add_edge(START, nodes[0].__name__)
        return graph

    return build


class Asked(TypedDict):
    q: str


class Answered(BaseModel):
    answer: str
    never_written: int = 5


class Whole(BaseModel):
    q: str
    answer: str
    times: int = Field(default=0, alias="howOften")


class Doubling(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def twice(cls, value: int) -> int:
        return value * 2


@dataclass
class Record:
    q: str
    answer: str = ""


def begin(state: Asked) -> Any:
    return {"answer": f"{state['q']}?"}


def go_on(state: Whole) -> Any:
    return {"answer": f"{state.answer}!"}


def say_back(state: Doubling) -> Any:
    return {"n": state.n}


def write_no_number(state: Doubling) -> Any:
    return {"n": "none"}


def note_down(state: Record) -> Any:
    return {"answer": state.q}


class Inner(BaseModel):
    q: str
    inner_only: str = ""


def in_a_subgraph() -> Any:
    def below(state: Inner) -> Any:
        return {"inner_only": "here", "q": f"{state.q} below"}

    inner: Any = StateGraph(Inner)
    inner.add_node("below", below)
    inner.add_edge(START, "below")
    outer: Any = StateGraph(Record)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    return outer


@pytest.mark.parametrize(
    ("build", "given"),
    [
        pytest.param(in_a_row(Whole, begin, go_on, input_schema=Asked), {"q": "why"}, id="required-and-written-later"),
        pytest.param(
            in_a_row(Whole, begin, go_on, input_schema=Asked, output_schema=Answered), {"q": "why"}, id="output-model"
        ),
        pytest.param(in_a_row(Doubling, say_back), {"n": 1}, id="validator"),
        pytest.param(in_a_row(Doubling, write_no_number), {"n": 1}, id="last-write-is-not-validated"),
        pytest.param(in_a_row(Record, note_down), {"q": "why"}, id="dataclass"),
        pytest.param(in_a_subgraph, {"q": "why"}, id="subgraph-with-other-fields"),
    ],
)
async def test_a_state_class_of_the_author_gives_the_fields_that_were_written(
    governed: Any, build: Build, given: Any
) -> None:
    assert (await run_governed(governed, build, given)).result == await plainly(build, given)


def answer(_: Any) -> Any:
    return {"messages": [AIMessage("Hello.", id="a")]}


MESSAGES = [
    HumanMessage("hi", id="1"),
    ("user", "hi"),
    "hi",
    {"role": "user", "content": "hi"},
    {"type": "human", "content": [{"type": "text", "text": "hi"}]},
]


class Talk(TypedDict):
    messages: Annotated[Sequence[BaseMessage], add_messages]


@pytest.mark.parametrize("state", [MessagesState, Talk])
async def test_messages_are_given_as_to_langgraph(governed: Any, state: Any) -> None:
    build, given = in_a_row(state, answer), {"messages": MESSAGES}
    plain = await plainly(build, given)
    run = await run_governed(governed, build, given)
    assert [(one["type"], one["content"]) for one in run.result["messages"]] == [
        (one["type"], one["content"]) for one in plain["messages"]
    ]


async def test_what_langgraph_makes_no_message_of_starts_nothing(governed: Any) -> None:
    with pytest.raises(BadInput, match=r"input\.messages"):
        await run_governed(governed, in_a_row(MessagesState, answer), {"messages": [{"content": "hi"}]})


@given(value=inputs(agent(in_a_row(MessagesState, answer)(), name="talks", owner="group:lab")))
def test_langgraph_makes_messages_of_every_input_that_fits(value: Any) -> None:
    convert_to_messages(value.get("messages", []))


class Knows(AgentState[Any]):
    who: str


class Recognises(AgentMiddleware[Any, Any, Any]):
    state_schema = Knows

    async def abefore_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
        return {"who": "amy"}


async def test_a_field_that_a_middleware_writes_is_not_asked_for(governed: Any) -> None:
    def build() -> Any:
        return create_agent(chat_model("light"), [], middleware=[Recognises()])

    run = await run_governed(governed, build, {"messages": [("user", "hi")]}, model=["Hello."])
    assert run.result["who"] == "amy"


async def greets(given: Asking) -> str:
    return f"{given.name} {given.times}"


class Asking(BaseModel):
    name: str
    times: int = 2


@pytest.mark.parametrize("declared", [{}, {"input": Asking}], ids=["annotated", "declared"])
async def test_an_entrypoint_is_given_the_model_that_it_takes(governed: Any, declared: Any) -> None:
    run = await run_governed(governed, lambda: entrypoint()(greets), {"name": "Ann"}, declared=declared)
    assert run.result == "Ann 2"
    with pytest.raises(BadInput, match="name"):
        await run_governed(governed, lambda: entrypoint()(greets), {}, declared=declared)


async def shouts(word: str) -> str:
    return word.upper()


def test_an_entrypoint_that_no_run_could_be_started_with_is_refused() -> None:
    with pytest.raises(BadInput, match="takes string"):
        agent(entrypoint()(shouts), name="shouts", owner="group:lab")


def counts(state: Log) -> Any:
    return {"n": state["n"] + 1}


async def test_a_graph_keeps_the_recursion_limit_that_it_is_bound_to(governed: Any) -> None:
    def build() -> Any:
        graph: Any = StateGraph(Log)
        graph.add_node("counts", counts)
        graph.add_edge(START, "counts")
        graph.add_conditional_edges("counts", lambda state: "counts" if state["n"] < 120 else "__end__")
        return graph.compile().with_config(recursion_limit=150)

    assert (await run_governed(governed, build, {"log": [], "n": 0})).result["n"] == 120
    assert agent(build(), name="bound", owner="group:lab").recursion_limit == 150
    assert agent(build(), name="bound", owner="group:lab", recursion_limit=7).recursion_limit == 7
    assert agent(create_agent(chat_model("light"), []), name="bound", owner="group:lab").recursion_limit == 100


@task
def adds(n: int) -> int:
    return n + 1


def waits_in_its_thread(given: dict[str, int]) -> int:
    return adds(given["n"]).result()


async def test_waiting_for_a_task_without_await_says_what_to_do(governed: Any) -> None:
    run = await governed(agent(entrypoint()(waits_in_its_thread), name="waits", owner="group:lab"), {"n": 1})
    assert "read before it was there" in run.detail.failure.detail
    assert "await" in run.detail.failure.way_out
