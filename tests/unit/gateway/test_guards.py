"""Guards that another guard stands behind, each tried alone; tests/mutants removes them one by one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chargehand.approvals import requests
from chargehand.approvals import store as approvals
from chargehand.connectors.model import ToolResult
from chargehand.errors import Ambiguous, Conflict, ConnectorUnavailable, Unavailable
from chargehand.gateway import gateway as gateway_module
from chargehand.gateway import store
from chargehand.gateway.desk import Stop
from chargehand.gateway.grant import grant
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.gateway.propose import canonical, digest_of, propose
from chargehand.gateway.service import CallService
from chargehand.outcome import Failure, Outcome
from chargehand.policy.model import ApprovalRule, Decision
from fixtures.gateway import AMY, FAY, LI, REFUND, World, allow, ask, pin, signed_in, tool_call


def refused(step: Any) -> str:
    """Why a stage refused."""
    assert isinstance(step, Stop)
    outcome = step.give()
    assert isinstance(outcome, Outcome)
    assert outcome.failure is not None
    return outcome.failure.detail


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "other"},
        {"run": "run_2"},
        {"tool": "erp.wire"},
        {"arguments": {**REFUND, "amount": "1280.01"}},
        {"arguments": {**REFUND, "amount": 1280}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_covers(change: dict[str, Any]) -> None:
    digest = digest_of(canonical(tool_call(), "p1"))
    assert digest_of(canonical(tool_call(**change), "p1")) != digest


def test_the_digest_covers_the_pin_and_no_order_of_names() -> None:
    digest = digest_of(canonical(tool_call(), "p1"))
    assert digest_of(canonical(tool_call(), "p2")) != digest
    turned = tool_call(arguments=dict(reversed(REFUND.items())))
    assert digest_of(canonical(turned, "p1")) == digest


OPEN_PIN = pin("erp.note", effect="write", delivery="safe", schema={"type": "object"}, says="Note")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"text": "x" * 300_000}, "bytes"),
        ({"number": 2**53 + 2}, "2^53"),
        ({"number": float("nan")}, "JSON"),
        ({"half": "\ud800"}, "JSON"),
    ],
)
async def test_what_two_readers_could_read_differently_never_leaves(
    world: World, arguments: dict[str, Any], why: str
) -> None:
    world.pins.pins["erp.note"] = OPEN_PIN
    case = propose(world.gateway.desk, tool_call("erp.note", arguments=arguments))
    assert case.problem is not None
    assert why in case.problem.detail
    outcome = await world.call("erp.note", arguments=arguments)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, world.system.effects) == ("failed", [])


async def test_arguments_nest_a_hundred_deep_and_no_deeper(world: World) -> None:
    world.pins.pins["erp.note"] = OPEN_PIN
    deep: Any = "x"
    for _ in range(120):
        deep = [deep]
    outcome = await world.call("erp.note", arguments={"deep": deep})
    assert isinstance(outcome, Outcome)
    assert (outcome.state, world.system.effects) == ("failed", [])


@pytest.mark.parametrize("chain", [(LI, "agent:complaint-resolution"), (AMY,), (AMY, "agent:other")])
async def test_nobody_else_meets_a_call_under_its_key(world: World, chain: tuple[str, ...]) -> None:
    world.policy.answer = lambda _: ask()
    await world.call()
    with pytest.raises(Conflict):
        await world.call(chain=chain)


async def test_a_keyed_call_is_not_repeated_when_its_key_may_be_forgotten(world: World) -> None:
    async def lost(*_: Any) -> None:
        raise Ambiguous("lost on the way")

    world.system.after = lost
    with pytest.raises(Ambiguous):
        await world.call()
    world.system.after = None
    world.clock.pass_(hours=20)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert (outcome.state, len(world.system.effects)) == ("in_doubt", 1)


async def test_a_rule_that_names_nobody_denies_at_once(world: World) -> None:
    world.policy.rules["nobody"] = ApprovalRule("nobody", (), timedelta(hours=4))
    world.policy.answer = lambda _: ask("nobody")
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    assert outcome.failure is not None
    assert "names nobody" in outcome.failure.detail


async def test_an_approval_rule_that_is_gone_denies(world: World) -> None:
    world.policy.answer = lambda _: ask("gone")
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"


async def test_one_process_makes_one_attempt_a_key(world: World) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        asked.set()
        await go_on.wait()

    world.system.before = slow
    first = asyncio.create_task(world.call("erp.wire"))
    await asked.wait()
    with pytest.raises(Unavailable, match="being made now"):
        await world.call("erp.wire")
    go_on.set()
    assert isinstance(await first, Outcome)
    assert len(world.system.effects) == 1


async def test_without_an_answer_of_people_an_asked_call_gets_no_grant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage before is taken away: the grant itself must still refuse."""
    without = tuple(each for each in gateway_module.ADMISSION if each[1] is not gateway_module.ask)
    monkeypatch.setattr(gateway_module, "ADMISSION", without)
    world.policy.answer = lambda _: ask()
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert (outcome.state, world.system.effects) == ("denied", [])
    assert outcome.failure is not None
    assert outcome.failure.detail == "Nobody allowed this."


async def test_a_denial_ends_where_it_is_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.policy.answer = lambda _: Decision("deny", (), "rev-1")
    monkeypatch.setattr(gateway_module, "ADMISSION", gateway_module.ADMISSION[:3])
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"


async def test_an_answer_of_policy_that_is_not_known_denies(world: World) -> None:
    world.policy.answer = lambda _: Decision("maybe", (), "rev-1")  # pyright: ignore[reportArgumentType]
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    assert outcome.failure is not None
    assert "not known" in outcome.failure.detail


@pytest.mark.parametrize("tampered", ["exact", "digest", "case"])
async def test_a_grant_is_for_the_recorded_bytes(world: World, tampered: str) -> None:
    """Called alone: every stage before is taken to have been fooled."""
    call = tool_call()
    desk = world.gateway.desk
    honest = replace(propose(desk, call), decision=allow())
    await _stored(world, call)
    known = world.db.read_now(lambda connection: store.get(connection, call.tenant, call.key))
    assert known is not None
    if tampered == "exact":
        known = replace(known, exact=known.exact.replace("1280.00", "9280.00"))
    elif tampered == "digest":
        known = replace(known, digest="0" * 64)
    else:
        other = propose(desk, tool_call(arguments={**REFUND, "amount": "9280.00"}))
        honest = replace(honest, exact=other.exact, digest=other.digest)
    step = world.db.write_now(lambda tx: grant(tx, desk, replace(honest, known=known)))
    assert "not the call that was decided on" in refused(step)


async def _stored(world: World, call: ToolCall) -> None:
    """The call as recorded and waiting, its question aside."""
    world.policy.answer = lambda _: ask()
    assert isinstance(await world.gateway.call(call), ApprovalNeeded)


@pytest.mark.parametrize("state", ["pending", "rejected", "expired", "withdrawn"])
async def test_only_an_approved_request_gives_a_grant(world: World, state: str) -> None:
    world.policy.answer = lambda _: ask()
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    await world.approvals.give_verdict(request.id, signed_in(LI), approve=True, digest=request.digest)
    _sql(world, "UPDATE approval_request SET state = :s", s=state)

    def consume(tx: Any) -> tuple[str, str]:
        found = approvals.get_request(tx.connection, "demo", request.id)
        assert found is not None
        key, digest = request.call_key, request.digest
        return requests.consume_grant(tx, found, world.policy, call_key=key, digest=digest, at=world.clock.at)

    given, why_not = world.db.write_now(consume)
    assert (given, why_not) == ("", f"The approval request is {state}.")


async def test_what_has_ended_is_not_reconciled(world: World) -> None:
    await world.call()
    key = tool_call().key
    with pytest.raises(Conflict, match="not in doubt"):
        await CallService(world.db, world.gateway).reconcile(key, signed_in(FAY), happened=False, evidence="I think so")


def _sql(world: World, statement: str, **values: Any) -> None:
    world.db.write_now(lambda tx: tx.connection.execute(text(statement), values))


async def _unclear(world: World, tool: str) -> None:
    """A call whose message is lost on the way, before any effect."""

    async def lost(*_: Any) -> None:
        raise Ambiguous("lost on the way")

    world.system.before = lost
    with pytest.raises(Ambiguous):
        await world.call(tool)
    world.system.before = None


def _answering(world: World, answer: dict[str, Any]) -> None:
    """From now on the lookup answers this."""

    async def found(tool: str, *_: Any) -> ToolResult | None:
        return ToolResult(tool, value=answer) if tool == "erp.find_by_key" else None

    world.system.before = found


async def test_a_call_that_the_system_has_begun_is_not_done(world: World) -> None:
    await _unclear(world, "erp.wire_with_lookup")
    world.clock.pass_(seconds=100)
    _answering(world, {"key": "k", "found": True, "finished": False})
    outcome = await world.call("erp.wire_with_lookup")
    assert isinstance(outcome, Outcome)
    assert outcome.state == "in_doubt"


async def test_no_trace_is_believed_only_when_every_message_is_dead(world: World) -> None:
    await _unclear(world, "erp.wire_with_lookup")
    with pytest.raises(Ambiguous, match="may still arrive"):
        await world.call("erp.wire_with_lookup")
    world.clock.pass_(seconds=91)
    with pytest.raises(ConnectorUnavailable, match="no trace"):
        await world.call("erp.wire_with_lookup")
    outcome = await world.call("erp.wire_with_lookup")
    assert isinstance(outcome, Outcome)
    assert (outcome.succeeded, len(world.system.effects)) == (True, 1)


async def test_a_refused_repetition_is_believed_only_when_the_first_message_is_dead(world: World) -> None:
    await _unclear(world, "erp.refund")

    async def no(tool: str, *_: Any) -> ToolResult:
        return ToolResult(tool, failure=Failure(kind="conflict", detail="locked"))

    world.system.before = no
    with pytest.raises(Ambiguous, match="may still arrive"):
        await world.call("erp.refund")
    world.clock.pass_(seconds=91)
    outcome = await world.call("erp.refund")
    assert isinstance(outcome, Outcome)
    assert outcome.state == "failed"


PAID = {
    "type": "object",
    "properties": {"document": {"type": "string"}},
    "required": ["document"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "found", "value"),
    [
        (None, {"result": {"document": "D-7"}, "note": "x"}, {"document": "D-7"}),
        (None, {"document": "D-7"}, {"document": "D-7"}),
        (None, {}, None),
        (PAID, {"note": {"text": "x"}, "mail": {"document": "D-7"}}, {"document": "D-7"}),
        (PAID, {"mail": {"document": "D-8"}, "result": {"document": "D-7"}}, {"document": "D-7"}),
        (PAID, {"documents": ["D-7"]}, {"documents": ["D-7"]}),
    ],
)
async def test_a_call_that_is_settled_by_looking_up_has_what_was_found_as_its_value(
    world: World, schema: dict[str, Any] | None, found: dict[str, Any], value: Any
) -> None:
    if schema is not None:
        old = world.pins.pins["erp.wire_with_lookup"]
        world.pins.pins[old.tool] = replace(old, definition={**old.definition, "outputSchema": schema})
    await _unclear(world, "erp.wire_with_lookup")
    _answering(world, {"key": "k", "found": True, "finished": True, **found})
    outcome = await world.call("erp.wire_with_lookup")
    assert isinstance(outcome, Outcome)
    assert (outcome.succeeded, outcome.value) == (True, value)
    assert await world.call("erp.wire_with_lookup") == outcome
