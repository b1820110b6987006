"""What an author declares is checked at once, and what can't work says why."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

import chargehand
from chargehand import agent, agent_tool
from chargehand.agents.forms import check, duration, form_schema, is_addressee
from chargehand.errors import BadInput


class State(TypedDict):
    x: str


class Wanted(BaseModel):
    x: str


def graph() -> Any:
    made = StateGraph(State)
    made.add_node("node", lambda state: state)
    made.add_edge(START, "node")
    return made


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Bad Name"}, r"agent\.name"),
        ({"owner": "li"}, "owner"),
        ({"graph": object()}, "no LangGraph graph"),
        ({"graph": graph().compile(checkpointer=InMemorySaver())}, "checkpointer"),
        ({"input": Wanted, "business_key": "y"}, "business_key"),
    ],
)
def test_a_declaration_that_can_not_work_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    fields: dict[str, Any] = {"graph": graph(), "name": "good-name", "owner": "group:x", **changes}
    with pytest.raises(BadInput, match=says):
        agent(fields.pop("graph"), **fields)


def test_a_graph_that_can_not_run_is_refused_where_it_is_declared() -> None:
    nowhere = graph().add_edge("node", "nobody")
    startless = StateGraph(State).add_node("node", lambda state: state)
    for broken, says in ((nowhere, "nobody"), (startless, "START")):
        with pytest.raises(BadInput, match=rf"my-agent\.graph.*{says}"):
            agent(broken, name="my-agent", owner="group:x")


def test_another_agent_is_named_by_itself_and_used_as_a_tool_by_itself() -> None:
    helper = agent(graph(), name="my-helper", owner="group:x", description="Finds the parcel.", input=Wanted)
    boss = agent(graph(), name="boss", owner="group:x", agents=[helper, "another"])
    assert boss.agents == ("my-helper", "another")
    made = agent_tool(helper)
    assert (made.name, made.description, made.args_schema) == ("agent__my_helper", "Finds the parcel.", Wanted)
    assert agent_tool("other", description="Does it.", input_schema=Wanted).description == "Does it."
    with pytest.raises(BadInput, match="description"):
        agent_tool("other")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"x": "half \ud800"}, r"input\.x"),
        ({"x": {"\udfff": 1}}, r"input\.x"),
        ({"x": [1, float("nan")]}, r"input\.x\.1"),
        ({"x": float("inf")}, r"input\.x"),
        ({"x": 2**63}, r"input\.x"),
        ({"x": -(2**63) - 1}, r"input\.x"),
    ],
)
def test_what_nobody_can_keep_is_refused_with_its_place(value: Any, field: str) -> None:
    with pytest.raises(BadInput, match=field):
        check(value, {}, field="input")
    check({"x": [2**63 - 1, -(2**63), 0.5, True, None, "whole \U0001f600"]}, {}, field="input")


@pytest.mark.parametrize("to", ["", "boss", "role:", "role: quality", "li@example.com", "team:a", "role:a:b"])
def test_who_can_be_asked(to: str) -> None:
    assert not is_addressee(to)
    assert all(is_addressee(one) for one in ("role:quality", "group:customer-service", "person:li", "principal"))


def test_the_version_is_the_same_for_the_same_content() -> None:
    one = agent(graph(), name="a", owner="group:x")
    two = agent(graph(), name="a", owner="group:x")
    assert one.version == two.version
    assert len(one.version) == 16


@pytest.mark.parametrize(("text", "length"), [("90m", timedelta(minutes=90)), ("2d", timedelta(days=2))])
def test_durations(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "2", "2 days", "-1d", "0s"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(BadInput, match="within"):
        duration(text)


def test_a_sentence_a_model_and_a_schema_are_forms() -> None:
    assert form_schema("Why?")["question"] == "Why?"
    assert "x" in form_schema(Wanted)["schema"]["properties"]
    with pytest.raises(BadInput, match="form"):
        form_schema(3)


def test_a_leaf_outside_of_a_run_says_so() -> None:
    with pytest.raises(BadInput, match="only inside a run"):
        chargehand.now()


def test_every_exported_name_is_there_and_none_is_unknown() -> None:
    for name in chargehand.__all__:
        assert getattr(chargehand, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = chargehand.nothing_of_that_name


def test_import_loads_neither_langgraph_nor_temporal() -> None:
    code = "import sys, chargehand; print(sorted({'langgraph', 'temporalio', 'langchain_core'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
