"""Tools of servers that are not ours, used by an agent by name: in code, and as a model's choice."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, as_langchain_tools, attempt, call, chat_model, mcp_tool
from chargehand.errors import BadInput
from chargehand.testing import Refuses, ask_for, calls

SCHEMA = {"type": "object", "properties": {"case": {"type": "string"}, "status": {"type": "string"}}}
read_case = mcp_tool("salesforce.read-case", effect="read")
update_case = mcp_tool("salesforce.update_case", description="Set the status of a case.", input_schema=SCHEMA)
CASE = {"content": [{"type": "text", "text": "case 1 is open"}]}
ANSWERS: dict[str, Any] = {"salesforce.read-case": CASE, "salesforce.update_case": lambda case, status: {"case": case}}


class State(TypedDict, total=False):
    out: Any


def support(node: Any, tools: Any = (read_case, update_case)) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name="support", owner="group:support", tools=tools)


async def test_they_are_called_by_name_and_governed_as_any_other(governed: Any) -> None:
    async def node(state: State) -> State:
        found = await call(read_case, case="1")
        done = await call(update_case, case="1", status="closed")
        return {"out": [found["content"][0]["text"], done["case"]]}

    async def approve(here: Any, run: Any) -> None:
        await here.verdict(await here.approval(run.id), by="li")

    policy = ask_for("salesforce.update_case", people={"person:li": ("lead",)})
    run = await governed(support(node), {}, tools=ANSWERS, policy=policy, meanwhile=approve)
    assert run.result == {"out": ["case 1 is open", "1"]}
    assert run.approvals("salesforce.update_case") == ["approved"]
    assert run.effects() == [{"case": "1", "status": "closed"}]


async def test_one_that_is_not_declared_is_refused(governed: Any) -> None:
    async def node(state: State) -> State:
        return {"out": (await call(update_case, case="1", status="closed"))}

    run = await governed(support(node, tools=[read_case]), {}, tools=ANSWERS)
    assert "without having declared it" in run.detail.failure.detail
    assert run.effects() == []


async def test_a_model_chooses_one_by_its_published_schema(governed: Any) -> None:
    tools = as_langchain_tools(update_case)
    graph = create_agent(chat_model("light"), tools)
    spec = agent(graph, name="support", owner="group:support", tools=[update_case])
    script = [calls(("salesforce__update_case", {"case": "7", "status": "open"})), "done"]
    run = await governed(spec, {"messages": [{"role": "user", "content": "open 7"}]}, model=script, tools=ANSWERS)
    assert run.result["messages"][-1]["content"] == "done"
    assert run.effects() == [{"case": "7", "status": "open"}]


async def test_its_refusal_is_an_outcome(governed: Any) -> None:
    async def node(state: State) -> State:
        return {"out": (await attempt(update_case, case="1", status="x")).state}

    run = await governed(support(node), {}, tools={**ANSWERS, "salesforce.update_case": Refuses("invalid")})
    assert run.result == {"out": "failed"}


@pytest.mark.parametrize("name", ["", "update_case", "Salesforce.update_case", "salesforce.", "salesforce.a b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"connector\.tool"):
        mcp_tool(name)


def test_a_model_is_not_left_to_guess() -> None:
    with pytest.raises(BadInput, match="input_schema"):
        as_langchain_tools(read_case)
