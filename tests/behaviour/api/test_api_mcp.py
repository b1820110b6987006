"""Chargehand as an MCP server: a real MCP client, the real gateway; only the ERP behind it is out of reach here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from chargehand.audit.service import AuditService
from chargehand.database import Database
from fixtures.api import URL, Connect, sign_in

Open = Callable[..., Any]


@pytest.fixture
def open_client(app: FastAPI, connect: Connect) -> Open:
    @asynccontextmanager
    async def opened(name: str, **narrow: Any) -> AsyncIterator[Client]:
        person = await sign_in(connect(), name)
        token = (await person.post("/api/tokens", json={"name": "mcp", **narrow})).json()["secret"]
        transport = httpx2.ASGITransport(app)
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers) as http,
            Client(streamable_http_client(f"{URL}/mcp", http_client=http)) as client,
        ):
            yield client

    return opened


async def test_a_client_sees_the_tools_that_its_owner_may_use(open_client: Open) -> None:
    async with open_client("amy") as client:
        amy = {tool.name for tool in (await client.list_tools()).tools}
    async with open_client("ada") as client:
        ada = {tool.name for tool in (await client.list_tools()).tools}
    assert {"erp.get_order", "erp.create_credit_note", "agent.complaint-resolution"} <= amy
    assert ada == {"chargehand.get_run"}


async def test_a_narrowed_token_sees_and_uses_less(open_client: Open) -> None:
    async with open_client("amy", tools=["erp.*"]) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names
        assert all(name.startswith(("erp.", "chargehand.")) for name in names)
        refused = await client.call_tool("mail.send", {"to": "x@example.com"})
        assert refused.is_error
        assert refused.structured_content["type"] == "urn:chargehand:forbidden"


async def test_what_policy_denies_is_denied_and_recorded(open_client: Open, db: Database) -> None:
    async with open_client("ada") as client:
        answer = await client.call_tool("erp.get_order", {"number": "SO-1042"})
    assert answer.is_error
    assert answer.structured_content["state"] == "denied"
    page = await AuditService(db).query("demo", "tool:erp.get_order decision:deny kind:decision")
    assert [logged.record.who.principal for logged in page.items] == ["person:ada"]


async def test_a_refund_above_the_limit_waits_for_people_and_the_same_key_is_the_same_call(
    open_client: Open, connect: Connect
) -> None:
    arguments = {
        "return_number": "RET-1",
        "order": "SO-1042",
        "amount": "1280.00",
        "currency": "EUR",
        "reason": "broken",
    }
    async with open_client("amy") as client:
        schema = next(t for t in (await client.list_tools()).tools if t.name == "erp.create_credit_note").input_schema
        given = {name: value for name, value in arguments.items() if name in schema["properties"]}
        given |= {name: "x" for name in schema.get("required", ()) if name not in given}
        meta: Any = {"chargehand/key": "my-own-key-1"}
        first = (await client.call_tool("erp.create_credit_note", given, meta=meta)).structured_content
        again = (await client.call_tool("erp.create_credit_note", given, meta=meta)).structured_content
        other = await client.call_tool("erp.create_credit_note", given | {"amount": "1281.00"}, meta=meta)
    assert first["state"] == "waiting_for_approval", first
    assert first["key"] == "my-own-key-1"
    assert again["approval"] == first["approval"]
    assert other.is_error
    li = await sign_in(connect(), "li")
    shown = (await li.get(f"/api/approvals/{first['approval']}")).json()
    assert shown["i_may_answer"]
    assert shown["requester"] == "person:amy"
    amy = await sign_in(connect(), "amy")
    mine = (await amy.get(f"/api/approvals/{first['approval']}")).json()
    assert not mine["i_may_answer"]


async def test_an_agent_is_a_tool_that_starts_a_run_once(open_client: Open) -> None:
    async with open_client("amy") as client:
        meta: Any = {"chargehand/key": "start-it-once"}
        given = {"text": "The lamp is broken", "order_number": "SO-1042"}
        first = (await client.call_tool("agent.complaint-resolution", given, meta=meta)).structured_content
        again = (await client.call_tool("agent.complaint-resolution", given, meta=meta)).structured_content
        assert first["run"] == again["run"]
        shown = (await client.call_tool("chargehand.get_run", {"run": first["run"]})).structured_content
        assert shown["state"] == "starting"
    async with open_client("fay") as client:
        refused = await client.call_tool("agent.complaint-resolution", given)
        assert refused.is_error


async def test_a_session_cookie_is_no_way_in(connect: Connect) -> None:
    person = await sign_in(connect(), "amy")
    answer = await person.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status_code == 401
