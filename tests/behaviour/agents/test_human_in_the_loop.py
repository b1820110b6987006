"""A person who reviews what a model wants to do is shown the form of the answer, and an answer of another shape is not
taken: the run goes on waiting for one that is.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware

from chargehand import agent, as_langchain_tools, chat_model, tool
from chargehand.connectors.declare import Result
from chargehand.errors import BadInput
from chargehand.testing import calls


class Number(Result):
    value: int


@tool(effect="irreversible", delivery="keyed", connector="lab", says="Pay {x}")
async def pay(x: int) -> Number:
    """Pay an amount."""


@tool(effect="read", delivery="safe", connector="lab", says="Double {x}")
async def double(x: int) -> Number:
    """Double a number."""


def reviewed() -> Any:
    tools = [pay, double]
    review = HumanInTheLoopMiddleware(
        interrupt_on={"lab__pay": True, "lab__double": {"allowed_decisions": ["approve", "reject"]}}
    )
    graph = create_agent(chat_model("light"), as_langchain_tools(*tools), middleware=[review])
    return agent(graph, name="reviewed", owner="group:lab", tools=tools)


INSTEAD = {"type": "edit", "edited_action": {"name": "lab__pay", "args": {"x": 9}}}


async def test_an_answer_of_another_shape_does_not_end_the_run(governed: Any) -> None:
    async def people(here: Any, run: Any) -> None:
        asked = await here.task(run.id)
        assert "lab__pay" in asked.question
        assert asked.schema["properties"]["decisions"]["minItems"] == 2
        for answer in (
            "yes",
            {"decisions": [INSTEAD]},
            {"decisions": [INSTEAD, INSTEAD]},
            {"decisions": [{"type": "edit"}, {"type": "approve"}]},
        ):
            with pytest.raises(BadInput, match="answer"):
                await here.runs.answer(here.person("amy"), asked.id, answer)
        no = {"type": "reject", "message": "Not that."}
        await here.runs.answer(here.person("amy"), asked.id, {"decisions": [INSTEAD, no]})

    wanted = calls(("lab__pay", {"x": 3}), ("lab__double", {"x": 4}))
    run = await governed(
        reviewed(),
        {"messages": [("user", "Pay.")]},
        meanwhile=people,
        model=[wanted, "Done."],
        tools={"lab.pay": lambda x: {"value": x}, "lab.double": lambda x: {"value": x}},
    )
    assert run.detail.failure is None
    assert run.effects("lab.pay") == [{"x": 9}]
    assert run.calls("lab.double") == []
