"""The gateway on PostgreSQL: several processes on one database, and the database going away in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chargehand.database import Database
from chargehand.errors import ChargehandError
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded
from chargehand.outcome import Outcome
from fixtures.gateway import (
    FAY,
    LI,
    Clock,
    World,
    allow,
    ask,
    build_world,
    deny,
    settled,
    signed_in,
    tool_call,
)
from fixtures.postgres import PostgresCluster

pytestmark = pytest.mark.postgres


@pytest.fixture
def world(postgres: str, moving_clock: Clock, tmp_path: Path) -> Iterator[World]:
    made = build_world(tmp_path, moving_clock, database=Database(postgres))
    yield made
    made.db.close()


@pytest.fixture
def second(world: World) -> Iterator[Gateway]:
    """Another process: its own connections and writer, the same database and system."""
    db = Database(world.db.url)
    yield Gateway(db, replace(world.gateway.desk, holder="gateway-2"))
    db.close()


async def test_a_call_is_asked_approved_and_made(world: World, second: Gateway) -> None:
    world.policy.answer = lambda _: ask("lead-and-finance")
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    for person in (LI, FAY):
        await world.approvals.give_verdict(request.id, signed_in(person), approve=True, digest=request.digest)
    answers = await asyncio.gather(*(settled(each, tool_call(), tries=400) for each in (world.gateway, second)))
    assert [answer.state for answer in answers if isinstance(answer, Outcome)] == ["succeeded", "succeeded"]
    assert len(world.system.effects) == 1


async def test_two_verdicts_at_once_are_both_counted(world: World) -> None:
    world.policy.answer = lambda _: ask("lead-and-finance")
    for step in range(5):
        needed = await world.call(step=step)
        assert isinstance(needed, ApprovalNeeded)
        request = (await world.approvals.get(needed.approval, signed_in(LI))).request
        await asyncio.gather(
            *(
                world.approvals.give_verdict(request.id, signed_in(person), approve=True, digest=request.digest)
                for person in (LI, FAY)
            )
        )
        assert (await world.approvals.get(needed.approval, signed_in(LI))).request.state == "approved"


async def test_caps_hold_across_processes(world: World, second: Gateway) -> None:
    def capped(request: Any) -> Any:
        spent = request.history.total(
            "amount", tool="erp.refund", since=request.at - timedelta(days=1), of={"args.customer": "Li Wei"}
        )
        return allow() if spent + 1280 <= 5000 else deny("Over 5,000 a day.")

    world.policy.answer = capped
    gateways = (world.gateway, second)
    answers = await asyncio.gather(
        *(settled(gateways[step % 2], tool_call(step=step), tries=400) for step in range(40))
    )
    states = [answer.state for answer in answers if isinstance(answer, Outcome)]
    assert states.count("succeeded") == 3
    assert states.count("denied") == 37


async def test_one_key_in_two_processes_has_one_effect(world: World, second: Gateway) -> None:
    for step in range(20):
        call = tool_call("erp.wire", step=step)
        answers = await asyncio.gather(*(settled(each, call, tries=400) for each in (world.gateway, second)))
        assert {answer.state for answer in answers if isinstance(answer, Outcome)} == {"succeeded"}
    assert len(world.system.effects) == 20


async def test_restarts_double_and_lose_nothing(moving_clock: Clock, tmp_path: Path) -> None:
    cluster = PostgresCluster()
    try:
        world = build_world(tmp_path, moving_clock, database=Database(cluster.create_database()))
        stop = asyncio.Event()

        async def one(step: int) -> Outcome:
            call = tool_call("erp.refund", step=step)
            for _ in range(200):
                try:
                    answer = await world.gateway.call(call)
                except ChargehandError:
                    await asyncio.sleep(0.05)
                    continue
                assert isinstance(answer, Outcome)
                return answer
            raise AssertionError("no answer")

        async def restarts() -> None:
            while not stop.is_set():
                await asyncio.sleep(0.5)
                await asyncio.to_thread(cluster.restart)

        breaking = asyncio.create_task(restarts())
        for start in range(0, 300, 20):
            answers = await asyncio.gather(*(one(step) for step in range(start, start + 20)))
            assert all(answer.succeeded for answer in answers)
        stop.set()
        await breaking
        assert len(world.system.effects) == 300
        world.db.close()
    finally:
        cluster.stop()
