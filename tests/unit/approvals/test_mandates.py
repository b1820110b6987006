"""Mandates: capped, expiring, revocable, logged, and never worth more than their giver's own approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargehand.approvals.mandates import Mandate
from chargehand.approvals.standing import MandateService, Terms
from chargehand.errors import BadInput, ConnectorUnavailable, Forbidden, NotFound
from chargehand.gateway.model import ApprovalNeeded
from chargehand.outcome import Outcome
from fixtures.gateway import AMY, LI, REFUND, World, ask, signed_in, tool_call


@pytest.fixture
def mandates(world: World) -> MandateService:
    world.policy.answer = lambda _: ask()
    return MandateService(world.db, world.policy)


def terms(world: World, **changes: Any) -> Terms:
    base = Terms(
        agent="complaint-resolution",
        tool="erp.refund",
        calls=3,
        until=world.clock.at + timedelta(days=7),
        reason="Always approved.",
        field="amount",
        total=Decimal(3000),
        each=Decimal(1500),
        currency="CHF",
    )
    return replace(base, **changes)


async def runs(world: World, step: int, **arguments: str) -> bool:
    answer = await world.gateway.call(tool_call(step=step, arguments={**REFUND, **arguments}))
    assert isinstance(answer, ApprovalNeeded) or answer.succeeded
    return isinstance(answer, Outcome)


async def used(mandates: MandateService) -> Mandate:
    (mandate,) = await mandates.list(signed_in(LI))
    return mandate


async def test_it_covers_what_its_caps_allow(world: World, mandates: MandateService) -> None:
    await mandates.give(signed_in(LI), terms(world))
    assert await runs(world, 1, amount="1500.00")
    assert not await runs(world, 2, amount="1500.01"), "each"
    assert not await runs(world, 3, amount="10.00", currency="EUR"), "currency"
    assert await runs(world, 4, amount="1499.99")
    assert not await runs(world, 5, amount="0.02"), "total"
    assert await runs(world, 6, amount="0.01")
    assert not await runs(world, 7, amount="0.00"), "calls"
    mandate = await used(mandates)
    assert (mandate.calls_used, mandate.total_used) == (3, Decimal("3000.00"))
    assert mandate.state(world.clock.at) == "used_up"
    events = [record["detail"]["event"] for record in world.records() if record["kind"] == "mandate"]
    assert events == ["given", "used", "used", "used"]
    assert len(await mandates.uses(signed_in(LI), mandate.id)) == 3


async def test_it_ends_with_its_time_or_by_a_person(world: World, mandates: MandateService) -> None:
    given = await mandates.give(signed_in(LI), terms(world, calls=10))
    world.clock.at = given.until - timedelta(microseconds=1)
    assert await runs(world, 1)
    world.clock.at = given.until
    assert not await runs(world, 2)
    world.clock.at = given.given_at
    assert await runs(world, 3)
    assert await runs(world, 4, amount="10.00")
    await mandates.revoke(signed_in(LI), given.id, "Enough.")
    assert not await runs(world, 5, amount="10.00"), "its caps would allow it"
    with pytest.raises(NotFound):
        await mandates.revoke(signed_in(LI), given.id, "Again.")


async def test_it_is_worth_no_more_than_the_givers_own_approval(world: World, mandates: MandateService) -> None:
    await mandates.give(signed_in(LI), terms(world))
    world.policy.answer = lambda _: ask("lead-and-finance")
    assert not await runs(world, 1), "two people are wanted"
    world.policy.answer = lambda _: ask()
    world.policy.roles[LI] = frozenset()
    assert not await runs(world, 2), "the role is lost"
    world.policy.roles[LI] = frozenset({"lead"})
    answer = await world.gateway.call(tool_call(step=3, chain=(LI, "agent:complaint-resolution")))
    assert isinstance(answer, ApprovalNeeded), "the giver asks for it"
    assert await runs(world, 4)


async def test_another_agent_tool_or_tenant_is_not_covered(world: World, mandates: MandateService) -> None:
    await mandates.give(signed_in(LI), terms(world))
    world.policy.tenants = ("demo", "other")
    for call in (
        tool_call(step=1, agent="agent:other"),
        tool_call("erp.wire", step=2),
        tool_call(step=3, tenant="other"),
    ):
        assert isinstance(await world.gateway.call(call), ApprovalNeeded)
    assert await mandates.list(signed_in(LI, tenant="other")) == []


async def test_what_was_not_sent_was_not_used(world: World, mandates: MandateService) -> None:
    await mandates.give(signed_in(LI), terms(world))

    async def refused(*_: Any) -> None:
        raise ConnectorUnavailable("connection refused")

    world.system.before = refused
    with pytest.raises(ConnectorUnavailable):
        await world.call()
    assert (await used(mandates)).calls_used == 0
    world.system.before = None
    assert isinstance(await world.call(), Outcome)
    assert (await used(mandates)).calls_used == 1


async def test_it_is_proposed_from_the_history_with_the_evidence(world: World, mandates: MandateService) -> None:
    for step in range(5):
        assert await mandates.proposals(signed_in(LI)) == []
        needed = await world.gateway.call(tool_call(step=step, arguments={**REFUND, "amount": f"{600 + step}.00"}))
        assert isinstance(needed, ApprovalNeeded)
        request = (await world.approvals.get(needed.approval, signed_in(LI))).request
        await world.approvals.give_verdict(request.id, signed_in(LI), approve=True, digest=request.digest)
    (proposal,) = await mandates.proposals(signed_in(LI))
    assert (proposal.calls, proposal.each, proposal.total) == (5, Decimal("604.00"), Decimal("3010.00"))
    assert len(proposal.evidence) == 5
    assert "complaint-resolution" in proposal.sentence
    assert await mandates.proposals(signed_in(AMY)) == [], "only to who could give it"


@pytest.mark.parametrize(
    "changes",
    [
        {"calls": 0},
        {"calls": 10_001},
        {"reason": " "},
        {"total": Decimal(-1)},
        {"total": Decimal("NaN")},
        {"currency": ""},
        {"until": timedelta(0)},
        {"until": timedelta(days=367)},
    ],
)
async def test_unusable_terms_are_refused(world: World, mandates: MandateService, changes: dict[str, Any]) -> None:
    if "until" in changes:
        changes = {"until": world.clock.at + changes["until"]}
    with pytest.raises(BadInput):
        await mandates.give(signed_in(LI), terms(world, **changes))


async def test_only_people_with_a_role_give_one(world: World, mandates: MandateService) -> None:
    for person in ("agent:x", "person:nobody"):
        with pytest.raises(Forbidden):
            await mandates.give(signed_in(person), terms(world))
