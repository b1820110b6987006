"""A decision sees the newest attributes of its own tenant, on both databases: real policy, real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chargehand import clock
from chargehand.api.sign_ins import record_sign_in
from chargehand.database import Database
from chargehand.errors import Forbidden, NotFound
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded
from chargehand.identity import store
from chargehand.identity.service import Identity, new_user
from chargehand.outcome import Outcome
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import Snapshot
from fixtures.gateway import Clock, World, build_world, signed_in
from fixtures.policy import MODEL, policy, rule

AMY, ROOT = "person:amy", "person:root"
ROLES = """
roles:
  staff: {says: {en: Staff., zh: 员工。}}
  lead: {says: {en: Leads., zh: 主管。}}
holders:
  person:amy: [staff]
  person:li: [lead]
  person:max: [lead]
  agent:complaint-resolution: [staff]
"""
RULES = (
    rule("own-department", 'person.department == "sales"', tool="erp.refund"),
    rule("own-agent", 'agent.owner == "group:sales" and agent.version == "v1"', tool="erp.set_note"),
)


def owner_of(agent: str) -> str:
    return "group:sales" if agent == "agent:complaint-resolution" else ""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path, moving_clock: Clock) -> Iterator[World]:
    database = Database(request.getfixturevalue("postgres")) if request.param == "postgresql" else None
    made = build_world(tmp_path, moving_clock, database=database)
    tenants = {name: policy(*RULES, tenant=name, roles=ROLES) for name in ("demo", "other")}
    desk = replace(made.gateway.desk, policy=PolicyService(Snapshot(tenants, MODEL)), owner_of=owner_of)
    made.gateway = Gateway(made.db, desk)
    for tenant in tenants:
        for name in ("amy", "root"):
            user = new_user(tenant, name, name.capitalize(), "person", clock.now())
            made.db.write_now(lambda tx, user=user: store.add_user(tx.connection, user, "never signs in"))
    yield made
    made.db.close()


async def give(world: World, changes: dict[str, str | None], tenant: str = "demo", person: str = AMY) -> None:
    await Identity(world.db, record_sign_in).set_attributes(signed_in(ROOT, tenant), person, changes)


async def state(world: World, step: int, **changes: Any) -> str:
    answer = await world.call(step=step, **changes)
    assert not isinstance(answer, ApprovalNeeded)
    return f"{answer.state} {answer.failure.detail if answer.failure else ''}".strip()


async def test_the_answer_flips_with_the_attribute_and_absent_denies_with_the_reason(world: World) -> None:
    assert "person.department is missing" in await state(world, 1)
    await give(world, {"department": "sales"})
    assert await state(world, 2) == "succeeded"
    await give(world, {"department": "finance"})
    assert "denied" in await state(world, 3)
    await give(world, {"department": None})
    assert "person.department is missing" in await state(world, 4)
    assert len(world.system.effects) == 1


async def test_another_tenants_attribute_is_never_read(world: World) -> None:
    await give(world, {"department": "sales"}, tenant="other")
    assert "person.department is missing" in await state(world, 1)
    assert await state(world, 2, tenant="other") == "succeeded"
    with pytest.raises(NotFound):
        await give(world, {"department": "sales"}, person="person:nobody")


async def test_an_agents_attributes_are_its_declaration_and_the_runs_version(world: World) -> None:
    assert await state(world, 1, tool="erp.set_note", arguments={"order": "SO-1"}) == "succeeded"
    newer = await state(world, 2, tool="erp.set_note", arguments={"order": "SO-1"}, agent_version="v2")
    assert "denied" in newer


async def test_an_approved_call_is_decided_again_with_the_newest_attributes(world: World) -> None:
    asks = rule("own", 'person.department == "sales"', tool="erp.refund", then="ask", approval=["one-lead"])
    asking = PolicyService(Snapshot({"demo": policy(asks, tenant="demo", roles=ROLES)}, MODEL))
    world.gateway = Gateway(world.db, replace(world.gateway.desk, policy=asking))
    await give(world, {"department": "sales"})
    needed = await world.call()
    assert isinstance(needed, ApprovalNeeded)
    approvals = type(world.approvals)(world.db, asking)
    shown = (await approvals.get(needed.approval, signed_in("person:li"))).request
    await approvals.give_verdict(shown.id, signed_in("person:li"), approve=True, digest=shown.digest)
    await give(world, {"department": "finance"})
    answer = await world.call()
    assert isinstance(answer, Outcome)
    assert answer.state == "denied"
    assert world.system.effects == []


async def test_each_change_is_in_the_log_with_before_and_after(world: World) -> None:
    await give(world, {"department": "sales", "level": "2"})
    await give(world, {"department": "sales"})
    await give(world, {"level": None, "department": "finance"})
    changes = [one["detail"] for one in world.records() if one["detail"].get("what") == "attributes_changed"]
    assert [one["attributes"] for one in changes] == [
        {"department": {"before": None, "after": "sales"}, "level": {"before": None, "after": "2"}},
        {"department": {"before": "sales", "after": "finance"}, "level": {"before": "2", "after": None}},
    ]
    assert changes[0]["note"] == "person:amy: department, level"


async def test_nobody_changes_their_own(world: World) -> None:
    with pytest.raises(Forbidden, match="their own"):
        await give(world, {"department": "sales"}, person=ROOT)
