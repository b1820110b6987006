"""The MCP endpoint as clients meet it: a real MCP client, a real API process, a real connector behind it."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import mcp_types as types
import pytest
from mcp import Client, MCPError

from fixtures import mcp_endpoint
from fixtures.mcp_endpoint import Endpoint

LARGE = {"account": "A-1", "amount": "900.00", "currency": "EUR"}
KEY = "chargehand/key"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with mcp_endpoint.running(tmp_path_factory.mktemp("mcp")) as started:
        yield started


def key(name: str) -> Any:
    return {KEY: f"{name}-0001"}


async def call(client: Client, tool: str, arguments: dict[str, Any], meta: Any = None) -> types.CallToolResult:
    return await client.call_tool(tool, arguments, meta=meta)


async def test_who_lacks_the_role_neither_sees_nor_uses_a_tool(endpoint: Endpoint) -> None:
    async with endpoint.client("amy") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"ledger.count", "ledger.book", "agent.complaint-resolution", "chargehand.get_run"} <= tools.keys()
    book = tools["ledger.book"].annotations
    assert book is not None
    assert (book.destructive_hint, book.idempotent_hint, book.read_only_hint) == (True, False, False)
    before = endpoint.booked()
    async with endpoint.client("ada") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["chargehand.get_run"]
        answer = await call(client, "ledger.book", LARGE | {"amount": "1.00"})
    assert answer.is_error
    assert answer.structured_content["state"] == "denied"
    assert endpoint.booked() == before


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_what_asks_waits_for_another_person_and_runs_once(endpoint: Endpoint, mode: str) -> None:
    before, meta = endpoint.booked(), key(f"once-{mode}")
    arguments = LARGE | {"account": mode}
    async with endpoint.client("amy", mode=mode) as client:
        waiting = (await call(client, "ledger.book", arguments, meta)).structured_content
        assert waiting["state"] == "waiting_for_approval"
        assert waiting["key"] == meta[KEY]
        assert endpoint.verdict("amy", waiting["approval"]) == 403
        again = (await call(client, "ledger.book", arguments, meta)).structured_content
        assert again["approval"] == waiting["approval"]
        assert endpoint.booked() == before
        assert endpoint.verdict("li", waiting["approval"]) == 200
        done = await call(client, "ledger.book", arguments, meta)
        replayed = await call(client, "ledger.book", arguments, meta)
        other = await call(client, "ledger.book", arguments | {"amount": "901.00"}, meta)
    assert done.structured_content["state"] == "succeeded"
    assert done.structured_content["value"]["amount"] == "900.00"
    assert replayed.structured_content == done.structured_content
    assert other.is_error
    assert other.structured_content["type"] == "urn:chargehand:conflict"
    assert endpoint.booked() == before + 1


async def test_a_foreign_servers_tool_is_governed_like_our_own(endpoint: Endpoint) -> None:
    async with endpoint.client("amy") as client:
        assert "mirrored.route" in {tool.name for tool in (await client.list_tools()).tools}
        answer = await call(client, "mirrored.route", {"region": "eu-1"})
    assert answer.structured_content["state"] == "succeeded"
    async with endpoint.client("ada") as client:
        assert (await call(client, "mirrored.route", {"region": "eu-1"})).structured_content["state"] == "denied"


async def test_a_key_is_its_persons_own(endpoint: Endpoint) -> None:
    small, meta, before = LARGE | {"amount": "5.00"}, key("shared"), endpoint.booked()
    async with endpoint.client("amy") as amy, endpoint.client("li") as li:
        first = await call(amy, "ledger.book", small, meta)
        second = await call(li, "ledger.book", small, meta)
    assert first.structured_content["value"]["number"] != second.structured_content["value"]["number"]
    assert endpoint.booked() == before + 2


async def test_ten_at_once_under_one_key_are_one_effect(endpoint: Endpoint) -> None:
    small, meta, before = LARGE | {"amount": "7.00"}, key("at-once"), endpoint.booked()
    async with endpoint.client("amy") as client:
        answers: list[dict[str, Any]] = []

        async def one() -> None:
            while True:
                answer = (await call(client, "ledger.book", small, meta)).structured_content
                if answer["state"] != "not_done_yet":
                    answers.append(answer)
                    return
                assert answer["key"] == meta[KEY]

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(one)
    assert [answer["state"] for answer in answers] == ["succeeded"] * 10
    assert endpoint.booked() == before + 1


async def test_a_client_that_can_ask_its_user_waits_in_rounds(endpoint: Endpoint) -> None:
    asked: list[str] = []
    before = endpoint.booked()

    async def user(_context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        waiting = endpoint.person("li").get("/api/approvals", params={"state": "pending"}).json()["items"]
        mine = next(one for one in waiting if "rounds" in one["sentence"])
        assert endpoint.verdict("li", mine["id"]) == 200
        return types.ElicitResult(action="accept", content={"wait": True})

    async with endpoint.client("amy", mode="2026-07-28", elicitation_callback=user) as client:
        done = await call(client, "ledger.book", LARGE | {"account": "rounds"})
    assert done.structured_content["state"] == "succeeded"
    assert len(asked) == 1
    assert "900.00" in asked[0]
    assert endpoint.booked() == before + 1


async def test_a_user_who_does_not_wait_gets_the_key(endpoint: Endpoint) -> None:
    async def user(_context: Any, _params: Any) -> types.ElicitResult:
        return types.ElicitResult(action="decline")

    async with endpoint.client("amy", mode="2026-07-28", elicitation_callback=user) as client:
        waiting = (await call(client, "ledger.book", LARGE | {"account": "later"})).structured_content
        assert waiting["state"] == "waiting_for_approval"
        assert endpoint.verdict("max", waiting["approval"], approve=False) == 200
        ended = await call(client, "ledger.book", LARGE | {"account": "later"}, {KEY: waiting["key"]})
    assert ended.is_error
    assert ended.structured_content["state"] == "rejected"


async def test_a_round_is_sealed_bound_and_outlives_the_process(endpoint: Endpoint) -> None:
    arguments, before = LARGE | {"account": "sealed"}, endpoint.booked()
    yes = {"approval": types.ElicitResult(action="accept", content={})}

    async def unused(_context: Any, _params: Any) -> types.ElicitResult:
        raise AssertionError("the rounds are driven by hand")

    options: dict[str, Any] = {"mode": "2026-07-28", "elicitation_callback": unused}
    secret = endpoint.token("amy")["secret"]
    async with endpoint.client(secret=secret, **options) as client:
        first = await client.session.call_tool("ledger.book", arguments, allow_input_required=True)
    assert isinstance(first, types.InputRequiredResult)
    assert first.meta is not None
    state = first.request_state
    assert state is not None
    assert first.meta[KEY] not in state

    endpoint.stop(signal.SIGKILL)
    endpoint.start()
    assert endpoint.verdict("li", first.meta["chargehand/approval"]) == 200

    async def resume(client: Client, sealed: str, what: dict[str, Any]) -> Any:
        return await client.session.call_tool(
            "ledger.book", what, input_responses=yes, request_state=sealed, allow_input_required=True
        )

    async with endpoint.client("li", **options) as other:
        with pytest.raises(MCPError, match="requestState"):
            await resume(other, state, arguments)
    async with endpoint.client(secret=secret, **options) as client:
        with pytest.raises(MCPError, match="requestState"):
            await resume(client, state[:-2] + ("AA" if state[-2:] != "AA" else "BB"), arguments)
        with pytest.raises(MCPError, match="requestState"):
            await resume(client, state, arguments | {"amount": "1.00"})
        assert endpoint.booked() == before
        done = await resume(client, state, arguments)
        replayed = await resume(client, state, arguments)
    assert done.structured_content["state"] == "succeeded"
    assert replayed.structured_content == done.structured_content
    assert endpoint.booked() == before + 1


async def test_an_unclear_answer_tells_the_key_under_which_to_repeat(endpoint: Endpoint) -> None:
    async with endpoint.client("amy") as client:
        unclear = (await call(client, "ledger.fail", {"how": "unknown"})).structured_content
        assert unclear["state"] == "unclear", unclear
        again = await call(client, "ledger.fail", {"how": "unknown"}, {KEY: unclear["key"]})
    assert unclear["key"] in unclear["what_to_do"]
    assert again.structured_content["state"] == "unclear"
    assert again.structured_content["key"] == unclear["key"]


@pytest.mark.parametrize(
    ("tool", "arguments", "state"),
    [
        ("no.such_tool", {}, "denied"),
        ("agent.nobody", {}, "refused"),
        ("ledger.book", {"account": "A-1"}, "denied"),
        ("ledger.book", LARGE | {"extra": 1}, "denied"),
        ("ledger.book", LARGE | {"amount": 900}, "denied"),
        ("ledger.count", {"account": "x" * 300_000}, "denied"),
        ("chargehand.get_run", {}, "refused"),
        ("chargehand.get_run", {"run": "run_01JAAAAAAAAAAAAAAAAAAAAAAA"}, "refused"),
    ],
)
async def test_what_can_not_be_called_is_an_error_that_says_why(
    endpoint: Endpoint, tool: str, arguments: dict[str, Any], state: str
) -> None:
    before = endpoint.booked()
    async with endpoint.client("amy") as client:
        answer = await call(client, tool, arguments)
    assert answer.is_error
    told = answer.structured_content
    detail = told.get("detail") or told["failure"]["detail"]
    assert told["state"] in (state, "failed"), told
    assert detail
    assert len(detail) < 1000
    assert endpoint.booked() == before


@pytest.mark.parametrize("bad", ["short", "x" * 201, "line\nbreak-1", 12345678])
async def test_a_key_that_can_be_none_is_refused(endpoint: Endpoint, bad: Any) -> None:
    async with endpoint.client("amy") as client:
        answer = await call(client, "ledger.book", LARGE | {"amount": "1.00"}, {KEY: bad})
    assert answer.structured_content["type"] == "urn:chargehand:bad-input"


def post(endpoint: Endpoint, secret: str, content: bytes | str, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    sent |= {"authorization": f"Bearer {secret}"} if secret else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{endpoint.url}/mcp", content=content, headers=sent, timeout=30, trust_env=False)


PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'


def test_a_token_that_is_revoked_expired_or_unknown_is_no_way_in(endpoint: Endpoint) -> None:
    revoked, expired = endpoint.token("amy"), endpoint.token("amy")
    assert post(endpoint, revoked["secret"], PING).status_code == 200
    assert endpoint.person("amy").delete(f"/api/tokens/{revoked['id']}").status_code == 204
    with sqlite3.connect(endpoint.folder / "chargehand.db") as connection:
        past = ("2020-01-01T00:00:00.000000Z", expired["id"])
        connection.execute("UPDATE identity_token SET expires_at = ? WHERE id = ?", past)
    for secret in (revoked["secret"], expired["secret"], "chg_unknown", ""):
        answer = post(endpoint, secret, PING)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("{", 400),
        ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":NaN}}', 400),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":9007199254740993}}', 400),
        ("[" * 100_000, 400),
        (b"\xff\xfe", 400),
        ('{"x":"' + "y" * (2 * 1024 * 1024) + '"}', 413),
    ],
    ids=["broken", "twice", "nan", "big integer", "deep", "no utf-8", "huge"],
)
def test_a_body_that_two_readers_could_read_differently_is_refused(
    endpoint: Endpoint, content: bytes | str, status: int
) -> None:
    answer = post(endpoint, endpoint.token("amy")["secret"], content)
    assert answer.status_code == status
    assert len(answer.content) < 1000


def test_an_unknown_origin_is_refused(endpoint: Endpoint) -> None:
    secret = endpoint.token("amy")["secret"]
    assert post(endpoint, secret, PING, origin="http://evil.example.com", host="evil.example.com").status_code == 403
    assert post(endpoint, secret, PING, origin="http://localhost:1").status_code == 403
    assert post(endpoint, secret, PING, origin=endpoint.url).status_code == 200


def modern_call(
    endpoint: Endpoint, secret: str, capabilities: dict[str, Any], arguments: dict[str, Any], state: str = ""
) -> dict[str, Any]:
    """One tools/call of specification 2026-07-28 as bytes on the wire; its result."""
    meta = {
        types.PROTOCOL_VERSION_META_KEY: "2026-07-28",
        types.CLIENT_CAPABILITIES_META_KEY: capabilities,
        types.CLIENT_INFO_META_KEY: {"name": "test", "version": "1"},
    }
    params = {"name": "ledger.book", "arguments": arguments, "_meta": meta}
    params |= {"requestState": state} if state else {}
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "ledger.book"}
    answer = post(endpoint, secret, message, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_a_client_is_asked_in_the_way_that_it_can_ask_its_user(endpoint: Endpoint) -> None:
    secret, arguments = endpoint.token("amy")["secret"], LARGE | {"account": "modes"}
    none = modern_call(endpoint, secret, {}, arguments)
    assert none["structuredContent"]["state"] == "waiting_for_approval"
    form = modern_call(endpoint, secret, {"elicitation": {}}, arguments)
    assert form["inputRequests"]["approval"]["params"]["mode"] == "form"
    link = modern_call(endpoint, secret, {"elicitation": {"url": {}}}, arguments)
    approval = link["_meta"]["chargehand/approval"]
    assert link["inputRequests"]["approval"]["params"]["url"] == f"{endpoint.url}/approvals?id={approval}"


def test_rounds_end_in_the_plain_answer_before_clients_give_up(endpoint: Endpoint) -> None:
    secret, arguments = endpoint.token("amy")["secret"], LARGE | {"account": "patience"}
    asks: dict[str, Any] = {"elicitation": {"form": {}}}
    answer = modern_call(endpoint, secret, asks, arguments)
    key, rounds = answer["_meta"][KEY], 0
    while answer["resultType"] == "input_required":
        rounds += 1
        answer = modern_call(endpoint, secret, asks, arguments, answer["requestState"])
    assert rounds == 8
    assert answer["structuredContent"]["key"] == key
    assert answer["structuredContent"]["state"] == "waiting_for_approval"
