"""Who may answer, when, how often and about what; each guard with the case that it stops."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chargehand.approvals.model import ApprovalRequest
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound
from chargehand.gateway.model import ApprovalNeeded
from chargehand.outcome import Outcome
from chargehand.policy.model import ApprovalRule, RoleQuorum
from fixtures.gateway import AMY, FAY, LI, MAX, REFUND, World, ask, signed_in, tool_call


async def asked(world: World, *rules: str, step: int = 1, **changes: Any) -> ApprovalRequest:
    world.policy.answer = lambda _: ask(*rules)
    needed = await world.gateway.call(tool_call(step=step, **changes))
    assert isinstance(needed, ApprovalNeeded)
    return (await world.approvals.get(needed.approval, signed_in(LI))).request


async def answer(world: World, request: ApprovalRequest, person: str, *, approve: bool = True, **more: Any) -> Any:
    given = {"digest": request.digest, **more}
    return await world.approvals.give_verdict(request.id, signed_in(person), approve=approve, **given)


async def test_two_roles_need_two_people(world: World) -> None:
    request = await asked(world, "lead-and-finance")
    assert (await answer(world, request, LI)).state == "pending"
    with pytest.raises(Forbidden, match="already"):
        await answer(world, request, LI)
    assert (await answer(world, request, FAY)).state == "approved"
    with pytest.raises(Conflict, match="already approved"):
        await answer(world, request, MAX)


async def test_a_further_approval_that_would_count_for_nothing_is_refused_but_a_denial_counts(world: World) -> None:
    request = await asked(world, "lead-and-finance")
    await answer(world, request, LI)
    seen = await world.approvals.get(request.id, signed_in(MAX))
    assert seen.eligibility.may
    assert seen.eligibility.only_deny
    assert await world.approvals.inbox(signed_in(MAX), mine=True) == []
    assert len(await world.approvals.inbox(signed_in(FAY), mine=True)) == 1
    with pytest.raises(Conflict, match=r"Enough people have approved as lead\. Still needed: finance\."):
        await answer(world, request, MAX)
    assert len((await world.approvals.get(request.id, signed_in(MAX))).request.verdicts) == 1
    assert (await answer(world, request, MAX, approve=False, comment="Wrong customer.")).state == "rejected"


async def test_a_further_approval_counts_once_the_first_approver_lost_the_role(world: World) -> None:
    request = await asked(world, "lead-and-finance")
    await answer(world, request, LI)
    world.policy.roles[LI] = frozenset()
    await answer(world, request, MAX)
    assert (await answer(world, request, FAY)).state == "approved"


async def test_one_who_holds_both_roles_makes_room_for_whoever_comes_second(world: World) -> None:
    request = await asked(world, "lead-and-finance")
    world.policy.roles[LI] = frozenset({"lead", "finance"})
    await answer(world, request, LI)
    assert (await answer(world, request, MAX)).state == "approved"


async def test_a_denial_may_suggest_other_arguments_which_authorise_nothing(world: World) -> None:
    request = await asked(world)
    less = {**request.arguments, "amount": "500.00"}
    closed = await answer(world, request, LI, approve=False, comment="Half of it.", instead=less)
    assert (closed.state, closed.verdicts[0].instead) == ("rejected", less)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "rejected"
    assert outcome.failure is not None
    assert outcome.failure.instead == less
    assert (await world.approvals.get(request.id, signed_in(LI))).request.verdicts[0].instead == less
    again = await world.gateway.call(tool_call(step=2, arguments=less))
    assert isinstance(again, ApprovalNeeded), "what was suggested is a new call and is decided afresh"
    assert world.system.effects == []


async def test_what_is_approved_can_not_be_changed_by_the_verdict(world: World) -> None:
    request = await asked(world)
    with pytest.raises(BadInput, match="exactly as shown"):
        await answer(world, request, LI, instead={**request.arguments, "amount": "1.00"})
    with pytest.raises(BadInput, match="what was asked for"):
        await answer(world, request, LI, approve=False, instead=dict(request.arguments))
    assert (await world.approvals.get(request.id, signed_in(LI))).request.state == "pending"


async def test_one_person_with_both_roles_is_not_enough(world: World) -> None:
    world.policy.roles[LI] = frozenset({"lead", "finance"})
    request = await asked(world, "lead-and-finance")
    assert (await answer(world, request, LI)).state == "pending"
    assert isinstance(await world.call(), ApprovalNeeded)


async def test_the_requester_is_refused_whatever_roles(world: World) -> None:
    world.policy.roles[AMY] = frozenset({"lead", "finance"})
    request = await asked(world)
    with pytest.raises(Forbidden, match="yourself"):
        await answer(world, request, AMY)


async def test_the_agents_owner_is_refused_where_the_rule_says_so(world: World) -> None:
    from dataclasses import replace

    from chargehand.gateway.gateway import Gateway

    rule = ApprovalRule("apart", (RoleQuorum("lead"),), timedelta(hours=1), not_agent_owner=True)
    world.policy.rules["apart"] = rule
    world.policy.roles[LI] = frozenset({"lead", "customer-service"})
    world.gateway = Gateway(world.db, replace(world.gateway.desk, owner_of=lambda _: "group:customer-service"))
    request = await asked(world, "apart")
    with pytest.raises(Forbidden, match="own the agent"):
        await answer(world, request, LI)
    assert (await answer(world, request, MAX)).state == "approved"


async def test_the_policys_author_is_refused_where_the_rule_says_so(world: World) -> None:
    rule = ApprovalRule("apart", (RoleQuorum("lead"),), timedelta(hours=1), not_policy_author=True)
    world.policy.rules["apart"], world.policy.authors = rule, (LI,)
    request = await asked(world, "apart")
    with pytest.raises(Forbidden, match="wrote the policy"):
        await answer(world, request, LI)
    assert (await answer(world, request, MAX)).state == "approved"


async def test_a_stale_digest_is_a_conflict_and_counts_for_nothing(world: World) -> None:
    request = await asked(world)
    with pytest.raises(Conflict, match="changed after you opened it"):
        await answer(world, request, LI, digest="0" * 64)
    assert isinstance(await world.call(), ApprovalNeeded)


@pytest.mark.parametrize(("late", "state"), [(-0.000001, "approved"), (0, "expired"), (0.000001, "expired")])
async def test_the_deadline_itself_is_too_late(world: World, late: float, state: str) -> None:
    request = await asked(world)
    world.clock.at = request.expires_at + timedelta(seconds=late)
    if state == "approved":
        assert (await answer(world, request, LI)).state == "approved"
        return
    with pytest.raises(Conflict, match="expired"):
        await answer(world, request, LI)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "expired"


@pytest.mark.parametrize(("hours", "works"), [(3.999, True), (4, False)])
async def test_a_grant_dies(world: World, hours: float, works: bool) -> None:
    request = await asked(world)
    await answer(world, request, LI)
    world.clock.pass_(hours=hours)
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded == works


async def test_people_without_the_role_or_of_another_kind_are_refused(world: World) -> None:
    request = await asked(world)
    with pytest.raises(Forbidden, match="roles: lead"):
        await answer(world, request, FAY)
    world.policy.roles["agent:x"] = frozenset({"lead"})
    with pytest.raises(Forbidden, match="Only a person"):
        await answer(world, request, "agent:x")


async def test_another_tenant_sees_and_answers_nothing(world: World) -> None:
    request = await asked(world)
    stranger = signed_in(LI, tenant="other")
    world.policy.tenants = ("demo", "other")
    for attempt in (
        world.approvals.get(request.id, stranger),
        world.approvals.give_verdict(request.id, stranger, approve=True, digest=request.digest),
        world.approvals.withdraw(request.id, stranger, "x"),
        world.approvals.hand_over(request.id, stranger, MAX),
        world.approvals.remind(request.id, "other"),
        world.approvals.escalate(request.id, "other"),
        world.approvals.expire(request.id, "other"),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await world.approvals.inbox(stranger) == []
    assert await world.approvals.absences(stranger) == []


async def test_who_stands_in_for_an_absent_person_uses_that_authority_once(world: World) -> None:
    world.policy.roles["person:zoe"] = frozenset({"customer-service"})
    since = world.clock.at
    await world.approvals.away(signed_in(LI), "person:zoe", since, since + timedelta(days=1))
    rule = ApprovalRule("two-leads", (RoleQuorum("lead", 2),), timedelta(hours=4))
    world.policy.rules["two-leads"] = rule
    request = await asked(world, "two-leads")
    verdict = (await answer(world, request, "person:zoe")).verdicts[-1]
    assert verdict.on_behalf_of == LI
    with pytest.raises(Forbidden):  # her authority is used up
        await answer(world, request, LI)
    assert (await answer(world, request, MAX)).state == "approved"


async def test_standing_in_ends_with_the_absence_and_never_serves_the_requester(world: World) -> None:
    since = world.clock.at
    world.policy.roles["person:zoe"] = frozenset()
    await world.approvals.away(signed_in(LI), "person:zoe", since, since + timedelta(hours=1))
    await world.approvals.away(signed_in(MAX), AMY, since, since + timedelta(hours=9))
    request = await asked(world)
    with pytest.raises(Forbidden, match="yourself"):
        await answer(world, request, AMY)
    world.clock.pass_(hours=1)
    with pytest.raises(Forbidden):
        await answer(world, request, "person:zoe")


async def test_standing_in_begins_with_the_absence(world: World) -> None:
    since = world.clock.at + timedelta(hours=1)
    world.policy.roles["person:zoe"] = frozenset()
    await world.approvals.away(signed_in(LI), "person:zoe", since, since + timedelta(hours=1))
    request = await asked(world)
    with pytest.raises(Forbidden):
        await answer(world, request, "person:zoe")
    world.clock.at = since
    assert (await answer(world, request, "person:zoe")).state == "approved"


async def test_a_request_can_be_handed_over_but_not_to_the_requester(world: World) -> None:
    request = await asked(world)
    with pytest.raises(BadInput):
        await world.approvals.hand_over(request.id, signed_in(LI), AMY)
    with pytest.raises(Forbidden):
        await world.approvals.hand_over(request.id, signed_in(FAY), MAX)
    await world.approvals.hand_over(request.id, signed_in(LI), "person:zoe", "on a train")
    closed = await answer(world, request, "person:zoe")
    assert closed.state == "approved"
    assert closed.verdicts[-1].on_behalf_of == LI
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded


async def test_only_the_requester_withdraws_and_the_call_ends(world: World) -> None:
    request = await asked(world)
    with pytest.raises(Forbidden):
        await world.approvals.withdraw(request.id, signed_in(LI), "no")
    await world.approvals.withdraw(request.id, signed_in(AMY), "The customer called.")
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.state == "rejected"


async def test_after_escalation_the_escalation_role_may_answer(world: World) -> None:
    world.policy.roles["person:boss"] = frozenset({"director"})
    rule = ApprovalRule(
        "escalating",
        (RoleQuorum("lead"),),
        timedelta(hours=4),
        remind_after=timedelta(hours=1),
        escalate_after=timedelta(hours=2),
        escalate_to="director",
    )
    world.policy.rules["escalating"] = rule
    request = await asked(world, "escalating")
    with pytest.raises(Forbidden):
        await answer(world, request, "person:boss")
    for _ in range(2):  # timers may fire again
        await world.approvals.remind(request.id, "demo")
        await world.approvals.escalate(request.id, "demo")
    events = [record["detail"].get("event") for record in world.records() if record["kind"] == "approval_requested"]
    assert events == [None, "reminded", "escalated"]
    assert (await answer(world, request, "person:boss")).state == "approved"
    outcome = await world.call()
    assert isinstance(outcome, Outcome)
    assert outcome.succeeded


async def test_equal_requests_of_low_risk_are_answered_together(world: World) -> None:
    # Known counterparty, reversible tool: low risk.
    world.policy.answer = lambda _: ask()
    requests: list[ApprovalRequest] = []
    for step in range(3):
        needed = await world.gateway.call(tool_call("erp.set_note", step=step, arguments={"order": f"SO-{step}"}))
        assert isinstance(needed, ApprovalNeeded)
        requests.append((await world.approvals.get(needed.approval, signed_in(LI))).request)
    assert len({request.batch for request in requests}) == 1
    assert requests[0].batch
    items = [(request.id, request.digest) for request in requests[:2]] + [(requests[2].id, "0" * 64)]
    result = await world.approvals.give_verdicts(items, signed_in(LI), approve=True)
    assert [done.state for done in result.done] == ["approved", "approved"]
    assert [(name, type(error)) for name, error in result.refused] == [(requests[2].id, Conflict)]


async def test_unequal_or_risky_requests_are_not(world: World) -> None:
    risky = [await asked(world, step=step, arguments={**REFUND, "customer": f"C{step}"}) for step in range(2)]
    with pytest.raises(BadInput, match="low risk"):
        await world.approvals.give_verdicts([(r.id, r.digest) for r in risky], signed_in(LI), approve=True)


async def test_runs_are_told_until_it_is_marked(world: World) -> None:
    request = await asked(world)
    await answer(world, request, LI)
    (told,) = await world.approvals.pending_notifications()
    assert (told.run, told.approval, told.state) == ("run_1", request.id, "approved")
    assert await world.approvals.pending_notifications() == [told]
    await world.approvals.mark_notified(told.id)
    assert await world.approvals.pending_notifications() == []


async def test_the_inbox_of_a_person_holds_what_that_person_can_answer(world: World) -> None:
    request = await asked(world, "lead-and-finance")
    assert [item.request.id for item in await world.approvals.inbox(signed_in(FAY), mine=True)] == [request.id]
    assert await world.approvals.inbox(signed_in(AMY), mine=True) == []
    await answer(world, request, FAY)
    assert await world.approvals.inbox(signed_in(FAY), mine=True) == []
    assert len(await world.approvals.inbox(signed_in(FAY), search="SO-1042")) == 1
    assert await world.approvals.inbox(signed_in(FAY), search="%") == []


async def test_what_an_approver_sees_comes_from_the_digests_bytes(world: World) -> None:
    import hashlib
    import json

    request = await asked(world)
    exact = request.detail["exact"]
    assert hashlib.sha256(exact.encode()).hexdigest() == request.digest
    assert json.loads(exact)["arguments"] == request.arguments == REFUND
    assert request.sentence == "Refund 1,280.00 CHF to Li Wei for order SO-1042"
    assert request.why[0]["sentence"] == "Refunds above 500 need approval."
    assert request.detail["signals"][0]["message_id"] == "risk.first_counterparty"
    assert request.detail["on_approve"]
    assert request.detail["on_deny"]
