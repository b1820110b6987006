"""The pool against a well-behaved connector: a real child process with real effects."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from chargehand.connectors.pool import ConnectorPool
from chargehand.errors import Ambiguous, ConnectorUnavailable, Quarantined

InTime = Callable[..., datetime]
BOOK = {"account": "a", "amount": "12.50", "currency": "EUR"}


async def test_a_call_returns_what_the_schema_promises(ledger: ConnectorPool, in_time: InTime) -> None:
    result = await ledger.call("ledger.book", BOOK, key="k" * 64, deadline=in_time())
    assert result.succeeded
    assert result.value is not None
    assert result.value["amount"] == "12.50"


async def test_the_same_key_takes_effect_once(ledger: ConnectorPool, in_time: InTime) -> None:
    results = [await ledger.call("ledger.book", BOOK, key="k" * 64, deadline=in_time()) for _ in range(4)]
    assert {result.value["number"] for result in results if result.value} == {1}


async def test_the_child_sees_its_own_variables_only(ledger: ConnectorPool, in_time: InTime) -> None:
    result = await ledger.call("ledger.count", {"account": "a"}, key="k" * 64, deadline=in_time())
    assert result.value is not None
    assert set(result.value["environment"]) == {"LEDGER_FILE", "LC_ALL", "PYTHONUTF8"}


async def test_a_dead_child_is_started_again(ledger: ConnectorPool, in_time: InTime) -> None:
    await ledger.call("ledger.book", BOOK, key="k" * 64, deadline=in_time())
    link = ledger._slots["ledger"].link
    assert link is not None
    assert link.pid is not None
    os.kill(link.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while link.alive:  # noqa: ASYNC110  # another process dies: there is no event of ours for it
            await asyncio.sleep(0.01)
    result = await ledger.call("ledger.book", BOOK, key="k" * 64, deadline=in_time())
    assert result.value is not None
    assert result.value["number"] == 1


async def test_a_child_that_dies_in_the_middle_leaves_the_call_ambiguous(
    ledger: ConnectorPool, in_time: InTime
) -> None:
    with pytest.raises(Ambiguous):
        await ledger.call("ledger.fail", {"how": "die"}, key="k" * 64, deadline=in_time())
    assert (await ledger.health("ledger")).state == "up"


async def test_no_answer_before_the_deadline_is_ambiguous_and_the_next_call_works(
    ledger: ConnectorPool, in_time: InTime
) -> None:
    with pytest.raises(Ambiguous, match="deadline"):
        await ledger.call("ledger.count", {"account": "slow"}, key="k" * 64, deadline=in_time(2))
    assert (await ledger.call("ledger.count", {"account": "a"}, key="l" * 64, deadline=in_time())).succeeded


async def test_a_passed_deadline_is_provably_not_sent(ledger: ConnectorPool, in_time: InTime) -> None:
    with pytest.raises(ConnectorUnavailable):
        await ledger.call("ledger.book", BOOK, key="k" * 64, deadline=in_time(-1))


@pytest.mark.parametrize("kind", ["not_found", "conflict", "forbidden", "retryable"])
async def test_clear_failures_are_data(ledger: ConnectorPool, in_time: InTime, kind: str) -> None:
    result = await ledger.call("ledger.fail", {"how": kind}, key="k" * 64, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == kind
    assert result.failure.detail == f"It was {kind}."


@pytest.mark.parametrize("how", ["unknown", "bug", "wrong type"])
async def test_an_unclear_failure_of_a_write_is_ambiguous(ledger: ConnectorPool, in_time: InTime, how: str) -> None:
    with pytest.raises(Ambiguous):
        await ledger.call("ledger.fail", {"how": how}, key="k" * 64, deadline=in_time())


async def test_a_tool_without_a_pin_is_not_called(ledger: ConnectorPool, in_time: InTime) -> None:
    with pytest.raises(Quarantined):
        await ledger.call("ledger.burn", {}, key="k" * 64, deadline=in_time())


async def test_without_pin_files_nothing_is_called(ledger: ConnectorPool, policies: Path, in_time: InTime) -> None:
    (policies / "pins" / "ledger.json").unlink()
    with pytest.raises(Quarantined):
        await ledger.call("ledger.count", {"account": "a"}, key="k" * 64, deadline=in_time())


async def test_a_connector_that_can_not_start_says_why(ledger: ConnectorPool, in_time: InTime) -> None:
    ledger._environment = {}
    with pytest.raises(ConnectorUnavailable, match="LEDGER_FILE"):
        await ledger.call("ledger.count", {"account": "a"}, key="k" * 64, deadline=in_time())


async def test_many_calls_at_once_share_one_child(ledger: ConnectorPool, in_time: InTime) -> None:
    deadline = in_time(20)
    calls = (ledger.call("ledger.book", BOOK, key=f"{number:064}", deadline=deadline) for number in range(40))
    results = await asyncio.gather(*calls)
    assert sorted(result.value["number"] for result in results if result.value) == list(range(1, 41))
