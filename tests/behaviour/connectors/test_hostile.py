"""The pool against a hostile server: a real process that lies, floods, stalls and changes its mind.

A write that reached the server is never reported as failed or repeated; a tool that changed is never called.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime

import pytest

from chargehand.connectors.changes import Change
from chargehand.connectors.model import Pin
from chargehand.errors import Ambiguous, ConnectorUnavailable, Quarantined

InTime = Callable[..., datetime]
PAY = {"invoice": "R-1"}


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("garbage", "can't be read"),
        ("binary", "can't be read"),
        ("duplicate-keys", "appears twice"),
        ("nan", "NaN"),
        ("deep", "nested"),
        ("huge", "larger than"),
        ("endless", "larger than"),
        ("stray", "no message"),
        ("die", "no usable answer"),
        ("close-stdout", "no usable answer"),
        ("unfitting", "schema"),
        ("no-structure", "schema"),
        ("bare-error", "upstream time-out"),
        ("claims-policy", "without saying"),
        ("internal-error", "after the effect"),
        ("input-required", "schema"),
    ],
)
async def test_an_unclear_answer_to_a_write_is_ambiguous_at_once(evil, in_time: InTime, mode: str, why: str) -> None:
    pool = evil.pool(mode, max_answer_bytes=1_000_000)
    began = time.monotonic()
    with pytest.raises(Ambiguous, match=why):
        await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time(20))
    assert time.monotonic() - began < 15, "it waited for the deadline"
    assert evil.calls == 1


@pytest.mark.parametrize("mode", ["wrong-id", "drip", "silent"])
async def test_no_answer_is_ambiguous_at_the_deadline(evil, in_time: InTime, mode: str) -> None:
    pool = evil.pool(mode)
    began = time.monotonic()
    with pytest.raises(Ambiguous, match="deadline"):
        await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time(3))
    assert time.monotonic() - began < 5
    assert evil.calls == 1


@pytest.mark.parametrize(
    ("mode", "words"),
    [("changed", "description"), ("renamed", "renamed"), ("vanished", "no longer offers")],
)
async def test_a_changed_tool_is_not_called_and_the_change_is_told(
    evil, in_time: InTime, mode: str, words: str
) -> None:
    pool = evil.pool(mode)
    with pytest.raises(Quarantined, match=words):
        await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time())
    assert evil.calls == 0


async def test_hidden_characters_in_a_description_are_shown(evil) -> None:
    (change,) = await evil.pool("changed").check("evil")
    assert "\\u202e" in change.lines[0]
    assert "\\u200b" in change.lines[0]
    assert "\u202e" not in change.lines[0]


@pytest.mark.parametrize("mode", ["changes-after-call", "changes-between-lists"])
async def test_a_definition_that_changes_between_calls_stops_the_next(evil, in_time: InTime, mode: str) -> None:
    pool = evil.pool(mode)
    if mode == "changes-after-call":
        assert (await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time())).succeeded
    before = evil.calls
    with pytest.raises(Quarantined):
        await pool.call("evil.pay", PAY, key="l" * 64, deadline=in_time())
    assert evil.calls == before


async def test_a_new_tool_is_not_callable_and_does_not_disturb(evil, in_time: InTime) -> None:
    pool = evil.pool("more-tools")
    for number in range(2):
        assert (await pool.call("evil.pay", PAY, key=f"{number:064}", deadline=in_time())).succeeded
    with pytest.raises(Quarantined):
        await pool.call("evil.drain_account", PAY, key="m" * 64, deadline=in_time())


class Blocking:
    """A fake quarantine in which every tool waits for its review."""

    async def blocked(self, pin: Pin) -> bool:
        return pin.tool == "evil.pay"

    async def note(self, connector: str, changes: Iterable[Change]) -> None:
        raise AssertionError("nothing has changed")


async def test_a_tool_that_waits_for_a_review_is_not_called_though_it_is_as_pinned(evil, in_time: InTime) -> None:
    pool = evil.pool("good", quarantine=Blocking())
    with pytest.raises(Quarantined, match="waits for a person's review"):
        await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time())
    assert evil.calls == 0


@pytest.mark.parametrize("mode", ["twice", "huge-number", "never-ready"])
async def test_a_server_that_can_not_be_listed_is_not_called(evil, in_time: InTime, mode: str) -> None:
    with pytest.raises(ConnectorUnavailable):
        await evil.pool(mode).call("evil.pay", PAY, key="k" * 64, deadline=in_time(4))
    assert evil.calls == 0


async def test_after_a_server_closed_its_output_a_fresh_one_serves(evil, in_time: InTime) -> None:
    pool = evil.pool("close-stdout")
    for expected in (1, 2):
        with pytest.raises(Ambiguous):
            await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time(20))
        assert evil.calls == expected


async def test_a_server_that_starts_slowly_gets_warm_in_the_end(evil, in_time: InTime) -> None:
    pool = evil.pool("slow-start")
    with pytest.raises(ConnectorUnavailable, match="not ready in time"):
        await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time(1))
    assert (await pool.call("evil.pay", PAY, key="k" * 64, deadline=in_time(10))).succeeded
    assert evil.calls_file.read_text().split() == ["start", "call"], "it was started once"


async def test_an_honest_answer_passes(evil, in_time: InTime) -> None:
    """The control: without misbehaviour the same server's answer is a result."""
    result = await evil.pool("good").call("evil.pay", PAY, key="k" * 64, deadline=in_time())
    assert result.value == {"paid": True}
