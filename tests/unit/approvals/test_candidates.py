"""Who is offered for a handover: nobody whose answer would be refused, and those who hold the roles first."""

from __future__ import annotations

from chargehand import clock
from chargehand.approvals.candidates import candidates
from chargehand.gateway.model import ApprovalNeeded
from fixtures.gateway import AMY, FAY, LI, MAX, World, ask, signed_in, tool_call


async def test_whoever_is_offered_may_answer_once_it_is_handed_over(world: World) -> None:
    world.policy.answer = lambda _: ask("lead-and-finance")
    needed = await world.gateway.call(tool_call(step=1))
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    people = [AMY, LI, MAX, FAY, "person:zoe", "agent:clerk"]
    offered = [person for person, _ in candidates(request, world.policy, LI, people, clock.now())]
    assert offered == [FAY, MAX, "person:zoe"]  # not who asked, not oneself, no agent; holders of the roles first
    for person in offered:
        handed = await world.approvals.hand_over(request.id, signed_in(LI), person)
        assert (LI, person) in handed.handed_over
        assert (await world.approvals.get(request.id, signed_in(person))).eligibility.may


async def test_who_has_answered_is_not_offered(world: World) -> None:
    world.policy.answer = lambda _: ask("lead-and-finance")
    needed = await world.gateway.call(tool_call(step=1))
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    await world.approvals.give_verdict(request.id, signed_in(FAY), approve=True, digest=request.digest)
    now = (await world.approvals.get(needed.approval, signed_in(LI))).request
    assert FAY not in [person for person, _ in candidates(now, world.policy, LI, [FAY, MAX], clock.now())]
