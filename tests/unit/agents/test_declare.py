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
from chargehand import agent
from chargehand.agents.forms import duration, form_schema
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
