"""A call through the only door: allowed, denied, asked; and what a repeat with the same key gives."""

from __future__ import annotations

from typing import Any

import pytest

from chargehand.errors import Conflict
from chargehand.gateway.model import ApprovalNeeded
from chargehand.outcome import Outcome
from fixtures.gateway import AMY, LI, REFUND, World, allow, ask, deny, signed_in, tool_call


async def test_an_allowed_call_runs_once_and_is_recorded_before_and_after(world: World) -> None:
    first = await world.call()
    again = await world.call()
    assert isinstance(first, Outcome)
    assert first.state == "succeeded"
    assert first.value == {"document": "D-1"}
    assert again == first
    assert len(world.system.effects) == 1
    assert world.kinds() == ["intent", "outcome:succeeded"]
    intent, outcome = world.records()
    assert intent["arguments"] == REFUND
    assert intent["decision"] == "allow"
    assert outcome["result_digest"]


async def test_a_denied_call_never_leaves(world: World) -> None:
    world.policy.answer = lambda _: deny("Refunds above 5,000 are not allowed.")
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    assert outcome.failure is not None
    assert "5,000" in outcome.failure.detail
    assert world.system.effects == []
    assert world.kinds() == ["decision", "outcome:denied"]


async def test_an_asked_call_runs_after_the_approval_and_only_once(world: World) -> None:
    world.policy.answer = lambda _: ask()
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    assert needed.sentence == "Refund 1,280.00 CHF to Li Wei for order SO-1042"
    assert await world.call() == needed
    item = await world.approvals.get(needed.approval, signed_in(LI))
    assert item.eligibility.may
    await world.approvals.give_verdict(
        needed.approval, signed_in(LI), approve=True, digest=item.request.digest, comment="Fine."
    )
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "succeeded"
    assert await world.call() == outcome
    assert len(world.system.effects) == 1
    assert world.kinds() == [
        "decision",
        "approval_requested",
        "verdict",
        "approval_closed:approved",
        "grant",
        "intent",
        "outcome:succeeded",
    ]


async def test_a_rejected_call_ends_as_rejected_with_the_comment(world: World) -> None:
    world.policy.answer = lambda _: ask()
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    item = await world.approvals.get(needed.approval, signed_in(LI))
    await world.approvals.give_verdict(
        needed.approval, signed_in(LI), approve=False, digest=item.request.digest, comment="Paid already."
    )
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "rejected"
    assert outcome.failure is not None
    assert "Paid already." in outcome.failure.detail
    assert world.system.effects == []


async def test_an_unanswered_call_expires(world: World) -> None:
    world.policy.answer = lambda _: ask()
    assert isinstance(await world.call(), ApprovalNeeded)
    world.clock.pass_(hours=4)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "expired"
    assert world.system.effects == []


async def test_the_same_key_with_other_arguments_is_a_conflict_and_recorded(world: World) -> None:
    await world.call()
    with pytest.raises(Conflict):
        await world.call(arguments={**REFUND, "amount": "1280.01"})
    assert world.records()[-1]["outcome"] == "conflict"
    assert len(world.system.effects) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"order": 7}, "arguments.order"),
        ({}, "order"),
        ({"order": "SO-1", "extra": 1}, "extra"),
        ({"order": "SO-1", "amount": "1.280,00"}, "arguments.amount"),
        ({"order": "SO-1", "amount": float("nan")}, "NaN|nan|number"),
        ({"order": "SO-1", "amount": 2**53 + 1}, "2\\^53"),
        ({"order": "\ud800"}, "strict|surrogate"),
    ],
)
async def test_arguments_that_do_not_fit_end_as_failed_and_never_leave(
    world: World, arguments: dict[str, Any], word: str
) -> None:
    import re

    outcome = await world.call(arguments=arguments)
    assert isinstance(outcome, Outcome)
    assert outcome.state == "failed"
    assert outcome.failure is not None
    assert outcome.failure.kind == "invalid"
    assert re.search(word, outcome.failure.detail)
    assert world.system.effects == []


async def test_a_tool_without_a_pin_is_denied(world: World) -> None:
    outcome = await world.call("erp.drop_tables")
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    assert world.system.effects == []


async def test_a_policy_that_fails_denies(world: World) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    world.policy.answer = broken
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    assert world.system.effects == []


async def test_the_requester_may_not_approve(world: World) -> None:
    world.policy.roles[AMY] = frozenset({"lead"})
    world.policy.answer = lambda _: ask()
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    item = await world.approvals.get(needed.approval, signed_in(AMY))
    assert not item.eligibility.may
    assert "yourself" in item.eligibility.why_not


async def test_policy_sees_calls_in_flight(world: World) -> None:
    def capped(request: Any) -> Any:
        used = request.history.total(
            "amount", tool="erp.refund", since=request.at.replace(hour=0), of={"args.customer": "Li Wei"}
        )
        return allow() if used == 0 else deny("Only one refund a day.")

    world.policy.answer = capped
    first = await world.gateway.call(tool_call(step=1))
    second = await world.gateway.call(tool_call(step=2))
    assert [each.state for each in (first, second) if isinstance(each, Outcome)] == ["succeeded", "denied"]
