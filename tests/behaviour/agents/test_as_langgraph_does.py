"""Small programs, each run twice: as plain LangGraph runs it with a checkpointer, and governed. Both say the same."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from chargehand import agent
from chargehand.agents.execution import to_json

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
