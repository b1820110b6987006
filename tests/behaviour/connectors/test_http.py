"""Streamable HTTP: connectors of ours over it, for any client; and hostile servers behind a URL."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from mcp.client import Client

from chargehand.connectors.model import Connector, Review
from chargehand.connectors.pins import PinBook, make_pin, write_pins
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.service import pin_declared
from chargehand.errors import Ambiguous, ConnectorUnavailable, Quarantined
from fixtures.connector_servers import SERVERS, load
from fixtures.processes import free_port, running

InTime = Callable[..., datetime]
BOOK = {"account": "a", "amount": "12.50", "currency": "EUR"}
KEY = "k" * 64
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The counting connector over HTTP, without a token."""
    port = free_port()
    options = ("--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path / "ledger.db")}
    with running(str(SERVERS / "counting.py"), *options, ready=f"http://127.0.0.1:{port}/", environment=environment):
        yield f"http://127.0.0.1:{port}/mcp"


async def test_any_client_uses_a_connector_over_http(served: str) -> None:
    async with Client(served) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"count", "book", "fail"}
        for _ in range(2):
            answer = await client.call_tool("book", BOOK, meta={"chargehand/key": KEY})
            assert answer.structured_content["number"] == 1


async def test_a_client_of_the_older_protocol_uses_it_too(served: str) -> None:
    async with Client(served, mode="legacy") as client:
        answer = await client.call_tool("book", BOOK)
        assert answer.structured_content["amount"] == "12.50"


def test_a_page_of_a_stranger_can_not_reach_it(served: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"accept": "application/json, text/event-stream"}
    for hostile in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        answer = httpx.post(served, json=body, headers=headers | hostile, trust_env=False)
        assert answer.status_code in (403, 421)


def test_without_the_token_nothing_answers(tmp_path: Path) -> None:
    port = free_port()
    options = ("--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path / "ledger.db"), "CHARGEHAND_CONNECTOR_TOKEN": TOKEN}
    with running(str(SERVERS / "counting.py"), *options, ready=f"http://127.0.0.1:{port}/", environment=environment):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            answer = httpx.post(f"http://127.0.0.1:{port}/mcp", json={}, headers=headers, trust_env=False)
            assert answer.status_code == 401


class Remote:
    """Pools over a URL."""

    def __init__(self, policies: Path) -> None:
        self.policies = policies
        self.pools: list[ConnectorPool] = []

    def ledger(self, url: str, token: str = "") -> ConnectorPool:
        declared: Connector = load("counting").connector
        connector = replace(declared, command=(), url=url, token_variable="LEDGER_TOKEN")
        pin_declared(self.policies, connector)
        return self._pool(connector, {"LEDGER_TOKEN": token})

    def evil(self, url: str, **more: int) -> ConnectorPool:
        review = Review("evil.pay", "pay", "irreversible", "once", says="Pay {invoice}")
        connector = Connector("evil", "Hostile server", "", (), url=url, allowed=(review,))
        write_pins(self.policies, connector, [make_pin(review, load("evil").TOOL)])
        return self._pool(connector, {}, **more)

    def _pool(self, connector: Connector, environment: dict[str, str], **more: int) -> ConnectorPool:
        self.pools.append(
            ConnectorPool(
                [connector], PinBook(self.policies), environment=environment, max_answer_bytes=1_000_000, **more
            )
        )
        return self.pools[-1]


@pytest.fixture
async def remote(policies: Path) -> AsyncIterator[Remote]:
    made = Remote(policies)
    yield made
    for pool in made.pools:
        await pool.close()


async def test_the_pool_calls_a_connector_over_http_once_for_each_key(
    served: str, remote: Remote, in_time: InTime
) -> None:
    pool = remote.ledger(served)
    results = [await pool.call("ledger.book", BOOK, key=KEY, deadline=in_time()) for _ in range(3)]
    assert {result.value["number"] for result in results if result.value} == {1}
    assert (await pool.health("ledger")).state == "up"


async def test_the_pool_sends_the_token_that_its_variable_holds(
    tmp_path: Path, remote: Remote, in_time: InTime
) -> None:
    port = free_port()
    options = ("--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path / "ledger.db"), "CHARGEHAND_CONNECTOR_TOKEN": TOKEN}
    url = f"http://127.0.0.1:{port}/mcp"
    with running(str(SERVERS / "counting.py"), *options, ready=f"http://127.0.0.1:{port}/", environment=environment):
        with pytest.raises(ConnectorUnavailable):
            await remote.ledger(url, "wrong").call("ledger.book", BOOK, key=KEY, deadline=in_time(5))
        assert (await remote.ledger(url, TOKEN).call("ledger.book", BOOK, key=KEY, deadline=in_time())).succeeded


async def test_a_refused_connection_is_provably_not_sent(tmp_path: Path, remote: Remote, in_time: InTime) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    pool = remote.ledger(url)
    with pytest.raises(ConnectorUnavailable):
        await pool.call("ledger.count", {"account": "a"}, key=KEY, deadline=in_time(5))
    options = ("--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path / "ledger.db")}
    with ExitStack() as stack:
        stack.enter_context(
            running(str(SERVERS / "counting.py"), *options, ready=f"http://127.0.0.1:{port}/", environment=environment)
        )
        while True:
            try:
                assert (await pool.call("ledger.count", {"account": "a"}, key=KEY, deadline=in_time())).succeeded
                break
            except ConnectorUnavailable:
                await asyncio.sleep(0.1)
    # The session is warm and the server has gone: the next call meets a refused connection itself.
    with pytest.raises(ConnectorUnavailable):
        await pool.call("ledger.count", {"account": "a"}, key=KEY, deadline=in_time(5))


@pytest.fixture
def evil_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    port = free_port()
    command = (str(SERVERS / "evil_http.py"), request.param, str(port))
    environment = {"EVIL_FILE": str(tmp_path / "calls")}
    with running(*command, ready=f"http://127.0.0.1:{port}/health", environment=environment):
        yield f"http://127.0.0.1:{port}/mcp"


def calls(folder: Path) -> int:
    file = folder / "calls"
    return file.read_text().count("\n") if file.exists() else 0


UNCLEAR = [
    ("redirect", "redirects"),
    ("bomb", "compressed"),
    ("huge", "larger than"),
    ("huge-events", "larger than"),
    ("cut", "too early"),
    ("hang-up", "no usable answer"),
    ("duplicate-keys", "twice"),
    ("event-duplicate-keys", "twice"),
    ("garbage", "can't be read"),
    ("html", "can't be read"),
    ("500", "no usable answer"),
    ("accepted", "no usable answer"),
    ("header-mismatch", "list again"),
]


@pytest.mark.parametrize(("evil_url", "why"), UNCLEAR, indirect=["evil_url"], ids=[mode for mode, _ in UNCLEAR])
async def test_an_unclear_answer_is_ambiguous_at_once_and_sent_once(
    evil_url: str, why: str, tmp_path: Path, remote: Remote, in_time: InTime
) -> None:
    pool = remote.evil(evil_url)
    began, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Ambiguous, match=why):
        await pool.call("evil.pay", {"invoice": "R-1"}, key=KEY, deadline=in_time(20))
    assert time.monotonic() - began < 15, "it waited for the deadline"
    assert calls(tmp_path) == 1
    grown_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    assert grown_megabytes < 64


@pytest.mark.parametrize("evil_url", ["drip", "wrong-id"], indirect=True)
async def test_no_answer_is_ambiguous_at_the_deadline(
    evil_url: str, tmp_path: Path, remote: Remote, in_time: InTime
) -> None:
    began = time.monotonic()
    with pytest.raises(Ambiguous, match="deadline"):
        await remote.evil(evil_url).call("evil.pay", {"invoice": "R-1"}, key=KEY, deadline=in_time(3))
    assert time.monotonic() - began < 5
    assert calls(tmp_path) == 1


@pytest.mark.parametrize("evil_url", ["good", "events"], indirect=True)
async def test_an_honest_answer_passes(evil_url: str, remote: Remote, in_time: InTime) -> None:
    """The control: the same server without misbehaviour."""
    result = await remote.evil(evil_url).call("evil.pay", {"invoice": "R-1"}, key=KEY, deadline=in_time())
    assert result.value == {"paid": True}
    with pytest.raises(Quarantined):
        await remote.pools[-1].call("evil.other", {}, key=KEY, deadline=in_time())
