"""Budgets are reserved before a call leaves, and spent or released with its outcome."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from chargehand.connectors.model import ToolResult
from chargehand.errors import BadInput, ConnectorUnavailable
from chargehand.gateway import budgets
from chargehand.outcome import Failure, Outcome
from fixtures.gateway import REFUND, World, tool_call


async def set_limit(world: World, scope: str, unit: str, limit: str) -> None:
    await world.db.write(lambda tx: budgets.set_limit(tx, "demo", scope, unit, Decimal(limit)))


def book(world: World) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in world.rows("SELECT reserved, spent FROM budget ORDER BY unit")]


async def test_a_run_makes_no_more_calls_than_its_budget(world: World) -> None:
    await set_limit(world, "run:run_1", "calls", "2")
    states = [(await world.call(step=step)).state for step in range(3)]  # pyright: ignore[reportAttributeAccessIssue]
    assert states == ["succeeded", "succeeded", "denied"]
    assert book(world) == [("0", "2")]
    other = await world.gateway.call(tool_call(run="run_2"))
    assert isinstance(other, Outcome)
    assert other.succeeded


async def test_money_is_counted_in_its_own_currency(world: World) -> None:
    await set_limit(world, "agent:complaint-resolution", "CHF", "2000")
    assert (await world.call(step=1)).state == "succeeded"  # pyright: ignore[reportAttributeAccessIssue]
    over = await world.call(step=2)
    assert isinstance(over, Outcome)
    assert over.state == "denied"
    assert over.failure is not None
    assert "720.00 CHF left" in over.failure.detail
    euros = await world.call(step=3, arguments={**REFUND, "currency": "EUR"})
    assert isinstance(euros, Outcome)
    assert euros.succeeded
    assert book(world) == [("0.00", "1280.00")]


async def test_a_failure_and_a_call_not_sent_release_what_they_reserved(world: World) -> None:
    await set_limit(world, "tenant", "calls", "1")

    async def refused(*_: Any) -> None:
        raise ConnectorUnavailable("refused")

    async def no(tool: str, *_: Any) -> ToolResult:
        return ToolResult(tool, failure=Failure(kind="conflict", detail="no"))

    world.system.before = refused
    with pytest.raises(ConnectorUnavailable):
        await world.call(step=1)
    world.system.before = no
    assert (await world.call(step=1)).state == "failed"  # pyright: ignore[reportAttributeAccessIssue]
    assert book(world) == [("0", "0")]


async def test_parallel_calls_reserve_before_they_leave(world: World) -> None:
    await set_limit(world, "tenant", "calls", "3")
    answers = await asyncio.gather(*(world.call(step=step) for step in range(20)))
    assert sum(isinstance(answer, Outcome) and answer.succeeded for answer in answers) == 3


@pytest.mark.parametrize("limit", ["-1", "NaN", "Infinity"])
async def test_a_limit_that_is_none_is_refused(world: World, limit: str) -> None:
    with pytest.raises(BadInput):
        await set_limit(world, "tenant", "calls", limit)
