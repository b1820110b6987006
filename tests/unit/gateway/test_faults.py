"""The log, the database and the network fail: nothing leaves unrecorded, and nothing unclear is called failed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chargehand.connectors.model import ToolResult
from chargehand.errors import (
    Ambiguous,
    AuditUnavailable,
    BadInput,
    Conflict,
    ConnectorUnavailable,
    DatabaseUnavailable,
    Forbidden,
    NotFound,
    Quarantined,
    Unavailable,
)
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded
from chargehand.gateway.service import CallService
from chargehand.outcome import Failure, Outcome
from fixtures.gateway import LI, World, allow, ask, deny, settled, signed_in, tool_call


def raising(error: Exception) -> Any:
    async def behave(*_: Any) -> None:
        raise error

    return behave


def failing(kind: str) -> Any:
    async def behave(tool: str, *_: Any) -> ToolResult:
        return ToolResult(tool, failure=Failure.model_validate({"kind": kind, "detail": f"It is {kind}."}))

    return behave


async def test_without_a_log_nothing_is_called(world: World) -> None:
    world.db.write_now(lambda tx: tx.connection.execute(text("DELETE FROM audit_log")))
    world.db.write_now(lambda tx: tx.connection.execute(text("DELETE FROM audit_head")))
    with pytest.raises(AuditUnavailable):
        await world.call()
    assert world.system.effects == []
    assert world.rows("SELECT * FROM tool_call") == []


async def test_with_a_full_disk_nothing_is_called(world: World) -> None:
    await world.gateway.call(tool_call(step=1))
    world.db.write_now(lambda tx: tx.connection.exec_driver_sql("SELECT 1"))
    pages = world.rows("PRAGMA page_count")[0][0]
    # The writer's connection is pooled: the cap holds for whichever one it takes.
    from sqlalchemy import event

    event.listen(world.db.engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA max_page_count={pages}"))
    for step in range(2, 500):
        try:
            await world.gateway.call(tool_call(step=step))
        except (DatabaseUnavailable, AuditUnavailable):
            break
    else:
        raise AssertionError("the disk never got full")
    key = tool_call(step=step).key
    recorded = world.rows("SELECT state FROM tool_call WHERE key = :k", k=key)
    assert world.system.count(key) == 0 or recorded == [("dispatched",)], "an effect has its intent on disk"


async def test_a_commit_that_fails_after_the_answer_leaves_it_open_not_lost(world: World) -> None:
    real, units = world.db.write, 0

    async def write(unit: Any) -> Any:
        nonlocal units
        units += 1
        if units == 2:
            raise DatabaseUnavailable("the disk is gone")
        return await real(unit)

    world.db.write = write  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(DatabaseUnavailable):
        await world.call()
    assert len(world.system.effects) == 1
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded
    assert len(world.system.effects) == 1


@pytest.mark.parametrize("tool", ["erp.get_order", "erp.refund", "erp.wire"])
async def test_a_refused_connection_is_not_sent_and_keeps_its_grant(world: World, tool: str) -> None:
    world.policy.answer = lambda _: ask()
    needed = await world.call(tool)
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    await world.approvals.give_verdict(request.id, signed_in(LI), approve=True, digest=request.digest)
    for error in (ConnectorUnavailable("refused"), ConnectorUnavailable("refused")):
        world.system.before = raising(error)
        with pytest.raises(ConnectorUnavailable):
            await world.call(tool)
    world.system.before = None
    outcome = await world.call(tool)
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded
    assert world.rows("SELECT state FROM approval_grant") == [("used",)]


async def test_giving_up_what_was_never_sent_is_a_failure_and_withdraws_the_question(world: World) -> None:
    world.policy.answer = lambda _: ask()
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    outcome = await world.gateway.give_up(tool_call())
    assert (outcome.state, outcome.failure and outcome.failure.kind) == ("failed", "retryable")
    assert (await world.approvals.get(needed.approval, signed_in(LI))).request.state == "withdrawn"


async def test_an_unclear_answer_of_a_keyed_tool_is_repeated_under_the_same_key(world: World) -> None:
    world.system.after = raising(Ambiguous("reset"))
    with pytest.raises(Ambiguous):
        await world.call()
    world.system.after = None
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded
    assert len(world.system.effects) == 1
    assert world.kinds() == ["intent", "outcome:unclear", "intent", "outcome:succeeded"]


async def test_an_unclear_answer_of_a_once_tool_waits_for_a_person_who_waits_for_the_message(world: World) -> None:
    world.system.after = raising(Ambiguous("reset"))
    outcome = await world.call("erp.wire")
    assert isinstance(outcome, Outcome)
    assert outcome.state == "in_doubt"
    world.system.after = None
    assert await world.call("erp.wire") == outcome
    service = CallService(world.db, world.gateway)
    (call,) = await service.in_doubt(signed_in(LI))
    with pytest.raises(Conflict, match="may still arrive"):
        await service.reconcile(call.key, signed_in(LI), happened=True, evidence="Bank statement 7")
    world.clock.pass_(seconds=91)
    with pytest.raises(BadInput):
        await service.reconcile(call.key, signed_in(LI), happened=True, evidence=" ")
    with pytest.raises(NotFound):
        await service.reconcile(call.key, signed_in(LI, "other"), happened=True, evidence="x")
    await service.reconcile(call.key, signed_in(LI), happened=True, evidence="Bank statement 7", result={"n": 7})
    answer = await world.call("erp.wire")
    assert isinstance(answer, Outcome)
    assert (answer.state, answer.value) == ("succeeded", {"n": 7})
    record = next(each for each in world.records() if each["kind"] == "reconciliation")
    assert record["who"]["principal"] == LI
    assert record["who"]["signed_in_by"] == "password"
    assert record["detail"]["evidence"] == "Bank statement 7"
    (told,) = await world.approvals.pending_notifications()
    assert (told.state, told.approval) == ("reconciled", call.key)
    with pytest.raises(Conflict, match="not in doubt"):
        await service.reconcile(call.key, signed_in(LI), happened=False, evidence="x")


async def test_a_late_success_settles_a_call_in_doubt(world: World) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        arrived.set()
        await answer.wait()

    world.system.after = slow
    first = asyncio.create_task(world.call("erp.wire"))
    await arrived.wait()
    world.clock.pass_(seconds=33)
    doubted = await world.another_process().call(tool_call("erp.wire"))
    assert isinstance(doubted, Outcome)
    assert doubted.state == "in_doubt"
    answer.set()
    settled_late = await first
    assert isinstance(settled_late, Outcome)
    assert settled_late.succeeded
    assert len(world.system.effects) == 1


async def test_two_processes_never_work_on_one_call(world: World) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        arrived.set()
        await answer.wait()

    world.system.before = slow
    first = asyncio.create_task(world.call())
    await arrived.wait()
    with pytest.raises(Unavailable):
        await world.call()
    with pytest.raises(Unavailable):
        await world.another_process().call(tool_call())
    answer.set()
    outcome = await first
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded
    assert len(world.system.effects) == 1


async def test_an_answer_that_came_is_recorded_though_the_caller_left(world: World) -> None:
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        arrived.set()
        await answer.wait()

    world.system.after = slow
    task = asyncio.create_task(world.call())
    await arrived.wait()
    real = world.db.write

    async def write(unit: Any) -> Any:
        task.cancel()
        return await real(unit)

    world.db.write = write  # pyright: ignore[reportAttributeAccessIssue]
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.rows("SELECT state, outcome FROM tool_call") == [("done", "succeeded")]


async def test_a_stopped_runs_orphan_is_swept_into_doubt(world: World) -> None:
    world.system.after = raising(asyncio.CancelledError())  # pyright: ignore[reportArgumentType]
    with pytest.raises(asyncio.CancelledError):
        await world.call("erp.wire")
    other = world.another_process()
    assert await other.sweep() == 0
    world.clock.pass_(minutes=6)
    assert await other.sweep() == 1
    assert world.rows("SELECT state FROM tool_call") == [("in_doubt",)]


@pytest.mark.parametrize(("kind", "state"), [("conflict", "failed"), ("invalid", "failed"), ("not_found", "failed")])
async def test_a_clear_no_is_a_failure_with_its_kind(world: World, kind: str, state: str) -> None:
    world.system.before = failing(kind)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert (outcome.state, outcome.failure and outcome.failure.kind) == (state, kind)


async def test_a_quarantined_tool_is_denied(world: World) -> None:
    world.system.before = raising(Quarantined("erp.refund is not what was reviewed."))
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"


async def test_an_unforeseen_error_is_no_proof_of_anything(world: World) -> None:
    world.system.after = raising(ZeroDivisionError())
    outcome = await world.call("erp.wire")
    assert isinstance(outcome, Outcome)
    assert outcome.state == "in_doubt"


async def test_no_repetition_under_a_freeze_a_new_policy_or_another_pin(world: World) -> None:
    from chargehand.risk.freeze import FreezeService

    for step, change in enumerate(("freeze", "policy", "pin")):
        world.system.after = raising(Ambiguous("reset"))
        with pytest.raises(Ambiguous):
            await world.call(step=step)
        world.system.after = None
        freezes = FreezeService(world.db)
        if change == "freeze":
            freeze = await freezes.freeze(signed_in(LI), "connector", "erp", "Odd.")
            outcome = await world.call(step=step)
            await freezes.lift(signed_in(LI), freeze.id, "Fine.")
        elif change == "policy":
            world.policy.answer = lambda _: deny()
            outcome = await world.call(step=step)
            world.policy.answer = lambda _: allow()
        else:
            from dataclasses import replace

            world.pins.pins["erp.refund"] = replace(world.pins.pins["erp.refund"], digest="sha256:other")
            outcome = await world.call(step=step)
        assert isinstance(outcome, Outcome)
        assert outcome.state == "in_doubt", change


async def test_a_safe_write_is_not_repeated_over_a_later_one(world: World) -> None:
    world.system.before = raising(Ambiguous("reset"))
    with pytest.raises(Ambiguous):
        await world.call("erp.set_note", step=1)
    world.system.before = None
    world.clock.pass_(seconds=1)
    assert isinstance(await world.call("erp.set_note", step=2), Outcome)
    outcome = await world.call("erp.set_note", step=1)
    assert isinstance(outcome, Outcome)
    assert outcome.state == "in_doubt"


async def test_the_effect_is_read_back_and_the_finding_recorded(world: World) -> None:
    outcome = await world.call("erp.refund_with_lookup")
    assert isinstance(outcome, Outcome)
    await world.gateway.drain()
    assert world.rows("SELECT finding FROM tool_call") == [("found",)]
    assert world.kinds()[-1] == "lookup:found"


async def test_a_person_can_ask_the_system_itself(world: World) -> None:
    service = CallService(world.db, world.gateway)
    world.system.before = raising(Ambiguous("lost on the way"))
    for tool in ("erp.refund_with_lookup", "erp.refund"):
        with pytest.raises(Ambiguous):
            await world.call(tool, step=len(tool))
        await world.gateway.give_up(tool_call(tool, step=len(tool)))
    world.system.before = None
    asked = tool_call("erp.refund_with_lookup", step=len("erp.refund_with_lookup"))
    early = await service.look_up(asked.key, signed_in(LI))
    assert (early.kind, early.certain) == ("absent", False)
    world.clock.pass_(seconds=91)
    late = await service.look_up(asked.key, signed_in(LI))
    assert (late.kind, late.certain) == ("absent", True)
    assert world.kinds()[-1] == "lookup:absent"
    with pytest.raises(BadInput):
        await service.look_up(tool_call("erp.refund", step=len("erp.refund")).key, signed_in(LI))
    with pytest.raises(NotFound):
        await service.look_up(asked.key, signed_in(LI, "other"))


async def test_a_read_tried_by_hand_is_governed_and_a_write_is_not_possible(world: World) -> None:
    service = CallService(world.db, world.gateway)
    outcome, _ = await service.try_tool(signed_in(LI), "erp.get_order", {"order": "SO-1"})
    assert outcome.succeeded
    with pytest.raises(Forbidden):
        await service.try_tool(signed_in(LI), "erp.refund", {"order": "SO-1"})
    world.policy.answer = lambda _: ask()
    outcome, _ = await service.try_tool(signed_in(LI), "erp.get_order", {"order": "SO-1"})
    assert outcome.state == "failed"


async def test_two_tenants_share_nothing(world: World) -> None:
    mine, theirs = tool_call(), tool_call(tenant="other")
    same_key = theirs.model_copy(update={"key": mine.key})
    for call in (mine, same_key):
        assert isinstance(await world.gateway.call(call), Outcome)
    service = CallService(world.db, world.gateway)
    assert [call.tenant for call in await service.calls(signed_in(LI))] == ["demo"]
    assert [call.tenant for call in await service.calls(signed_in(LI, "other"))] == ["other"]
    with pytest.raises(NotFound):
        await service.get(signed_in(LI, "third"), mine.key)


async def test_caps_hold_however_many_callers_there_are(world: World) -> None:
    def capped(request: Any) -> Any:
        spent = request.history.total(
            "amount", tool="erp.refund", since=request.at - timedelta(days=1), of={"args.customer": "Li Wei"}
        )
        return allow() if spent + 1280 <= 5000 else deny("Over 5,000 a day.")

    world.policy.answer = capped
    other = world.another_process()
    gateways: list[Gateway] = [world.gateway, other]
    answers = await asyncio.gather(*(settled(gateways[step % 2], tool_call(step=step)) for step in range(40)))
    states = [answer.state for answer in answers if isinstance(answer, Outcome)]
    assert states.count("succeeded") == 3
    assert states.count("denied") == 37
