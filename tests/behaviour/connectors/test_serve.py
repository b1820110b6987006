"""A connector's server, as any MCP client sees it: real processes, the SDK's own client."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from chargehand import clock

COUNTING = Path(__file__).parents[2] / "fixtures" / "connectors" / "counting.py"


@pytest.fixture
def parameters(tmp_path: Path) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=[str(COUNTING)], env={"LEDGER_FILE": str(tmp_path / "ledger.db")}
    )


async def test_any_client_lists_typed_tools_and_calls_them(parameters: StdioServerParameters) -> None:
    async with Client(parameters) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(listed) == {"count", "book", "fail"}
        assert listed["book"].annotations.destructive_hint is True
        assert listed["count"].annotations.read_only_hint is True
        assert listed["book"].input_schema["properties"]["amount"]["type"] == "string"
        answer = await client.call_tool("book", {"account": "a", "amount": "12.50", "currency": "EUR"})
        assert not answer.is_error
        assert answer.structured_content["amount"] == "12.50"


async def test_the_same_key_books_once(parameters: StdioServerParameters) -> None:
    arguments = {"account": "a", "amount": "12.50", "currency": "EUR"}
    async with Client(parameters) as client:
        for _ in range(3):
            answer = await client.call_tool("book", arguments, meta={"chargehand/key": "k" * 64})
            assert answer.structured_content["number"] == 1
        other = await client.call_tool("book", {**arguments, "amount": "13"}, meta={"chargehand/key": "k" * 64})
        assert other.structured_content["error"]["kind"] == "duplicate"
        assert (await client.call_tool("count", {"account": "a"})).structured_content["number"] == 1


async def test_a_write_after_its_deadline_does_nothing(parameters: StdioServerParameters) -> None:
    late = clock.iso(clock.now() - timedelta(seconds=1))
    async with Client(parameters) as client:
        answer = await client.call_tool(
            "book",
            {"account": "a", "amount": "1", "currency": "EUR"},
            meta={"chargehand/key": "k" * 64, "chargehand/deadline": late},
        )
        assert answer.is_error
        assert "deadline" in answer.structured_content["error"]["detail"]
        assert answer.structured_content["error"]["kind"] == "unknown", "an earlier attempt may have done it"
        assert (await client.call_tool("count", {"account": "a"})).structured_content["number"] == 0


@pytest.mark.parametrize("kind", ["not_found", "conflict", "forbidden", "retryable", "unknown"])
async def test_failures_have_one_spelling(parameters: StdioServerParameters, kind: str) -> None:
    async with Client(parameters) as client:
        answer = await client.call_tool("fail", {"how": kind})
        assert answer.is_error
        assert answer.structured_content["error"]["kind"] == kind


@pytest.mark.parametrize("how", ["bug", "wrong type"])
async def test_an_unforeseen_failure_is_unknown_and_tells_no_secret(
    parameters: StdioServerParameters, how: str
) -> None:
    async with Client(parameters) as client:
        answer = await client.call_tool("fail", {"how": how})
        assert answer.structured_content["error"]["kind"] == "unknown"
        assert "secret" not in answer.model_dump_json()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"account": "a", "amount": 12.5, "currency": "EUR"}, "arguments.amount"),
        ({"account": "a", "amount": "1,280.00", "currency": "EUR"}, "arguments.amount"),
        ({"account": "a", "amount": "-1", "currency": "EUR"}, "arguments.amount"),
        ({"account": "a", "amount": "1", "currency": "eur"}, "arguments.currency"),
        ({"account": "a", "amount": "1", "currency": "EUR", "note": "x"}, "arguments.note"),
        ({"account": "a", "currency": "EUR"}, "arguments.amount"),
    ],
)
async def test_bad_arguments_name_the_field(parameters: StdioServerParameters, arguments: dict, field: str) -> None:
    async with Client(parameters) as client:
        answer = await client.call_tool("book", arguments)
        assert answer.structured_content["error"]["kind"] == "invalid"
        assert field in answer.structured_content["error"]["detail"]
