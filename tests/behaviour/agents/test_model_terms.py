"""What an author says of a question beside its words, as it arrives at an OpenAI-compatible endpoint (a fake one)."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.tools import tool as langchain_tool
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

from chargehand import agent, chat_model
from chargehand.models.provider import Models
from chargehand.settings import Settings
from fixtures.model_vendor import FakeVendor, vendor

GIVEN = {"messages": [{"role": "user", "content": "go"}]}


class Line(BaseModel):
    sku: str
    pieces: int = 1


class Verdict(BaseModel):
    """What to do."""

    verdict: Literal["refund", "replace"]
    lines: list[Line] = []
    amount: Decimal = Decimal(0)


class Counts(BaseModel):
    by_name: dict[str, int]


@langchain_tool
def weigh(grams: int = 1) -> str:
    """Weigh."""
    return str(grams)


@langchain_tool
def sort_out(words: dict[str, str]) -> str:
    """Sort."""
    return str(words)


@pytest.fixture
def there() -> Generator[FakeVendor]:
    with vendor() as server:
        yield server


Asking = Callable[[Any], Any]


async def asked(governed: Any, there: FakeVendor, ask: Asking, *words: str, **how: Any) -> tuple[Any, dict[str, Any]]:
    """The run of a node that asks as `ask` does, and what the endpoint was asked first."""

    async def node(_: MessagesState) -> dict[str, Any]:
        return {"messages": [("ai", repr(await ask(chat_model("light"))))]}

    graph: Any = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return await run(governed, there, graph, *words, **how)


async def run(governed: Any, there: FakeVendor, graph: Any, *words: str, **how: Any) -> tuple[Any, Any]:
    there.words = lambda _: words or ["Hello"]
    model = Models.from_settings(Settings(model_base_url=there.url, model_name="tiny", **how))
    done = await governed(agent(graph, name="asks", owner="group:lab"), GIVEN, model=model)
    return done, there.asked[0] if there.asked else {}


async def test_a_choice_of_tool_is_said_in_the_words_of_the_wire(governed: Any, there: FakeVendor) -> None:
    weighing = {"type": "function", "function": {"name": "weigh"}}
    said = {"any": "required", "auto": "auto", "none": "none", "weigh": weighing}
    choices: list[tuple[Any, Any]] = [*said.items(), (True, "required"), (weighing, weighing)]

    async def ask(model: Any) -> None:
        for choice, _ in choices:
            await model.bind_tools([weigh], tool_choice=choice).ainvoke("?")

    run, _ = await asked(governed, there, ask)
    assert run.detail.failure is None
    assert [body["tool_choice"] for body in there.asked] == [sent for _, sent in choices]


async def test_options_reach_the_endpoint(governed: Any, there: FakeVendor) -> None:
    run, body = await asked(
        governed,
        there,
        lambda model: (
            model.bind_tools([weigh], parallel_tool_calls=False, strict=True)
            .bind(temperature=0.7, max_tokens=50, seed=7, stop=["."])
            .ainvoke("?")
        ),
    )
    assert run.detail.failure is None
    assert (body["parallel_tool_calls"], body["temperature"], body["seed"], body["stop"]) == (False, 0.7, 7, ["."])
    assert body["max_completion_tokens"] == 50
    assert body["tools"][0]["function"]["strict"] is True


async def test_an_option_that_is_not_passed_on_is_said_and_not_dropped(governed: Any, there: FakeVendor) -> None:
    run, body = await asked(governed, there, lambda model: model.bind(thinking={"budget": 5}).ainvoke("?"))
    assert "thinking" in run.detail.failure.detail
    assert body == {}


async def test_settings_that_a_middleware_makes_reach_the_endpoint(governed: Any, there: FakeVendor) -> None:
    @wrap_model_call
    async def warmer(request: Any, handler: Any) -> Any:
        return await handler(request.override(model_settings={"temperature": 0.9}))

    _, body = await run(governed, there, create_agent(chat_model("light"), [], middleware=[warmer]))
    assert body["temperature"] == 0.9


async def test_a_shape_is_written_as_strict_decoding_asks_for_it(governed: Any, there: FakeVendor) -> None:
    said = json.dumps({"verdict": "refund", "lines": [], "amount": "2.50"})
    run, body = await asked(governed, there, lambda model: model.with_structured_output(Verdict).ainvoke("?"), said)
    assert "amount=Decimal('2.50')" in run.result["messages"][-1]["content"]
    form = body["response_format"]["json_schema"]
    assert (form["name"], form["strict"]) == ("Verdict", True)
    assert form["schema"]["required"] == ["verdict", "lines", "amount"]
    line = form["schema"]["properties"]["lines"]["items"]
    assert line["required"] == ["sku", "pieces"]
    assert form["schema"]["additionalProperties"] is line["additionalProperties"] is False
    assert '"default"' not in json.dumps(form)


async def test_a_shape_of_any_fields_is_not_asked_for_strictly(governed: Any, there: FakeVendor) -> None:
    said = json.dumps({"by_name": {"a": 1}})
    run, body = await asked(governed, there, lambda model: model.with_structured_output(Counts).ainvoke("?"), said)
    assert "by_name={'a': 1}" in run.result["messages"][-1]["content"]
    form = body["response_format"]["json_schema"]
    assert form["strict"] is False
    assert form["schema"]["properties"]["by_name"]["additionalProperties"] == {"type": "integer"}


async def test_an_answer_that_does_not_fit_is_data_with_include_raw(governed: Any, there: FakeVendor) -> None:
    def ask(model: Any) -> Any:
        return model.with_structured_output(Verdict, include_raw=True).ainvoke("?")

    run, _ = await asked(governed, there, ask, '{"verdict": "dance"}')
    assert run.detail.failure is None
    said = run.result["messages"][-1]["content"]
    assert "'parsed': None" in said
    assert "'parsing_error': OutputParserException" in said


async def test_tools_beside_a_shape_are_strict(governed: Any, there: FakeVendor) -> None:
    graph = create_agent(chat_model("light"), [weigh], response_format=ProviderStrategy(Verdict))
    done, body = await run(governed, there, graph, json.dumps({"verdict": "replace"}))
    assert done.result["structured_response"]["verdict"] == "replace"
    assert body["tools"][0]["function"]["strict"] is True
    assert body["tools"][0]["function"]["parameters"]["required"] == ["grams"]


async def test_a_tool_that_the_client_refuses_beside_a_shape_fails_the_run_in_words(
    governed: Any, there: FakeVendor
) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "V", "schema": Verdict.model_json_schema(), "strict": True}}
    done, body = await asked(
        governed,
        there,
        lambda model: model.bind_tools([sort_out], response_format=shape).ainvoke("?"),
        model_stream=False,
    )
    assert done.state == "failed"
    assert "sort_out" in done.detail.failure.detail
    assert body == {}
