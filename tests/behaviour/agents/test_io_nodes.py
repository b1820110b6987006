"""What a marked node returns comes back as it is, though it ran in another process."""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from chargehand import agent, io_node
from chargehand.agents import saved


class Kind(Enum):
    INVOICE = "invoice"


class Page(BaseModel):
    total: Decimal
    at: datetime


THINGS = [
    *(Page(total=Decimal("1.50"), at=datetime(2026, 1, 1, tzinfo=UTC)), Decimal(2), Kind.INVOICE, UUID(int=5)),
    *(
        ("a", ("b", 1)),
        {"pairs": [("a", 1)]},
        {"of", "them"},
        {"chargehand/kept": "null "},
        AIMessage("x", id="m"),
        datetime(2026, 1, 1, tzinfo=UTC),
    ),
]


class State(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]
    which: int


@io_node
def reads(which: int) -> Any:
    return THINGS[which]


async def compares(_: State) -> State:
    found = [await reads(which) for which in range(len(THINGS))]
    return {"seen": [(type(one) is type(thing), one == thing) for one, thing in zip(found, THINGS, strict=True)]}


async def test_it_comes_back_as_what_it_is(governed: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("compares", compares)
    graph.add_edge(START, "compares")
    run = await governed(agent(graph, name="reader", owner="group:lab"), {"seen": []})
    assert run.detail.failure is None
    assert run.result["seen"] == [[True, True]] * len(THINGS)


@io_node
def decides(_: State) -> Command[Any]:
    return Command(update={"seen": ["decided"]}, goto=Send("on", {"which": 7}))


async def test_a_command_is_followed(governed: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("decides", decides)
    graph.add_node("on", lambda state: {"seen": [state["which"]]})
    graph.add_edge(START, "decides")
    run = await governed(agent(graph, name="decider", owner="group:lab"), {"seen": []})
    assert run.result["seen"] == ["decided", 7]


def test_a_state_with_tuples_can_be_kept() -> None:
    state = {"past": [("look", "found"), ("pay", ("EUR", 5))], "deep": ({"a": (1,)},), "plain": [1]}
    back = saved.loads(saved.dumps(state))
    assert back == state
    assert isinstance(back["past"][1][1], tuple)
