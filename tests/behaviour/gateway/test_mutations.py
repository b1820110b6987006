"""Between approval and execution nothing may change: ten thousand mutations are blocked, unmutated controls pass."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chargehand.errors import ChargehandError
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.outcome import Outcome
from chargehand.policy.model import ApprovalRule, RoleQuorum
from chargehand.risk.freeze import FreezeService
from fixtures.gateway import (
    AMY,
    CHAIN,
    FAY,
    LI,
    MAX,
    PINS,
    REFUND,
    SCHEMA,
    Clock,
    World,
    ask,
    build_world,
    deny,
    pin,
    signed_in,
    tool_call,
)

APPROVED_CALLS = 200
PROPOSALS_EACH = 45
CHANGES = 1_100


@pytest.fixture
def world(moving_clock: Clock, tmp_path: Path) -> Iterator[World]:
    shared = Path("/dev/shm")
    folder = shared / f"mutations-{os.getpid()}" if shared.is_dir() else tmp_path
    folder.mkdir(exist_ok=True)
    made = build_world(folder, moving_clock)
    made.policy.answer = lambda _: ask("lead-and-finance")
    yield made
    made.db.close()
    for left in folder.glob("world.db*"):
        left.unlink()


async def approved(world: World, step: int, **changes: Any) -> tuple[ToolCall, str]:
    """A call that two people approved and that was not executed yet."""
    call = tool_call("erp.refund", step=step, **changes)
    needed = await world.gateway.call(call)
    assert isinstance(needed, ApprovalNeeded)
    request = (await world.approvals.get(needed.approval, signed_in(LI))).request
    for person in (LI, FAY):
        await world.approvals.give_verdict(needed.approval, signed_in(person), approve=True, digest=request.digest)
    return call, needed.approval


async def executed(world: World, call: ToolCall) -> bool:
    """Whether this proposal had an effect. A refusal may be an error, an outcome or a new question."""
    before = len(world.system.effects)
    try:
        answer = await world.gateway.call(call)
    except ChargehandError:
        answer = None
    grew = len(world.system.effects) > before
    recorded = call.key in world.settled
    assert grew or recorded or not (isinstance(answer, Outcome) and answer.state == "succeeded")
    if grew:
        world.settled.add(call.key)
    return grew


def mutated_text(value: str, rng: random.Random) -> str:
    choices: list[Callable[[], str]] = [
        lambda: value + rng.choice(" \u200b\u0000.0"),
        lambda: rng.choice(" \t\u00a0") + value,
        lambda: value.swapcase() if value.swapcase() != value else value + "x",
        lambda: value[:-1],
        lambda: value.replace("e", "е").replace("1", "१") + rng.choice("ab"),
        lambda: value[::-1] if value[::-1] != value else value + "1",
        lambda: value[: (at := rng.randrange(len(value)))] + chr(rng.randrange(33, 1000)) + value[at:],
        lambda: value.replace(".", "") + "0",
    ]
    changed = rng.choice(choices)()
    return changed if changed != value else value + "!"


def mutated_call(call: ToolCall, rng: random.Random) -> ToolCall:
    """The same key with something else in it."""
    arguments = dict(call.arguments)
    name = rng.choice(sorted(arguments))
    kind = rng.randrange(9)
    if kind <= 3:
        arguments[name] = mutated_text(str(arguments[name]), rng)
    elif kind == 4:
        arguments[name] = rng.choice([None, 0, True, [], {}, 1.5, ["x"], 2**60, float("inf")])
    elif kind == 5:
        arguments.pop(name)
    elif kind == 6:
        arguments[rng.choice(["Amount", "amount ", "note", "__proto__", "amount\u0000"])] = rng.choice(["1", 1, {}])
    elif kind == 7:
        return call.model_copy(
            update=rng.choice(
                [
                    {"tool": rng.choice([tool for tool in PINS if tool != call.tool])},
                    {"run": f"run_{rng.randrange(10**6)}"},
                    {"tool": "erp.unknown"},
                ]
            )
        )
    else:
        chains = [(MAX, CHAIN[1]), (AMY,), (*CHAIN, "agent:other"), (CHAIN[1], AMY), (AMY, "agent:other")]
        return call.model_copy(
            update=rng.choice([{"tenant": f"other-{rng.randrange(5)}"}, {"chain": rng.choice(chains)}])
        )
    return call.model_copy(update={"arguments": arguments})


async def test_no_other_proposal_runs_under_an_approved_key(world: World) -> None:
    rng = random.Random(20261124)
    for step in range(APPROVED_CALLS):
        amount = f"{rng.randrange(501, 5000)}.{rng.randrange(10, 99)}"
        call, _ = await approved(world, step, arguments={**REFUND, "amount": amount, "order": f"SO-{step}"})
        for _ in range(PROPOSALS_EACH):
            changed = mutated_call(call, rng)
            assert not await executed(world, changed), changed
        assert await executed(world, call), "the unmutated control must pass"
        assert world.system.effects[-1] == (call.key, call.tool, call.arguments)
        assert not await executed(world, call), "a replay gives the recorded answer"
    assert len(world.system.effects) == APPROVED_CALLS


class Change:
    """One change of the surroundings after the approval, and the way back to where the world was."""

    def __init__(self, world: World, call: ToolCall, approval: str, rng: random.Random) -> None:
        self.world = world
        self.call = call
        self.approval = approval
        self.rng = rng

    def sql(self, statement: str, **values: Any) -> None:
        self.world.db.write_now(lambda tx: tx.connection.execute(text(statement), values))

    async def pin_changed(self) -> None:
        schema = {**SCHEMA, "description": str(self.rng.random())}
        self.world.pins.pins["erp.refund"] = pin("erp.refund", effect="irreversible", schema=schema)

    async def pin_gone(self) -> None:
        del self.world.pins.pins["erp.refund"]

    async def policy_denies(self) -> None:
        self.world.policy.answer = lambda _: deny()

    async def policy_asks_for_more(self) -> None:
        rule = ApprovalRule("lead-and-finance", (RoleQuorum("lead", 2), RoleQuorum("finance")), timedelta(hours=4))
        self.world.policy.rules["lead-and-finance"] = rule

    async def policy_asks_others(self) -> None:
        self.world.policy.rules["board"] = ApprovalRule("board", (RoleQuorum("board"),), timedelta(hours=4))
        self.world.policy.answer = lambda _: ask("board")

    async def rule_gone(self) -> None:
        del self.world.policy.rules["lead-and-finance"]

    async def policy_breaks(self) -> None:
        self.world.policy.answer = lambda _: 1 / 0  # pyright: ignore[reportAttributeAccessIssue]

    async def approver_lost_the_role(self) -> None:
        self.world.policy.roles[self.rng.choice([LI, FAY])] = frozenset()

    async def frozen(self) -> None:
        scope, name = self.rng.choice(
            [("tenant", ""), ("tool", "erp.refund"), ("connector", "erp"), ("agent", "complaint-resolution")]
        )
        await FreezeService(self.world.db).freeze(signed_in("person:root"), scope, name, "Stop.")  # pyright: ignore[reportArgumentType]

    async def grant_expired(self) -> None:
        self.world.clock.pass_(hours=self.rng.choice([4, 5, 100]))

    async def grant_replayed(self) -> None:
        self.sql("UPDATE approval_grant SET state = 'used' WHERE approval = :a", a=self.approval)

    async def grant_gone(self) -> None:
        self.sql("DELETE FROM approval_grant WHERE approval = :a", a=self.approval)

    async def grant_for_other_bytes(self) -> None:
        self.sql("UPDATE approval_grant SET digest = :d WHERE approval = :a", d="0" * 64, a=self.approval)

    async def grant_of_another_call(self) -> None:
        self.sql("UPDATE approval_grant SET call_key = 'another-key' WHERE approval = :a", a=self.approval)

    async def verdict_on_other_bytes(self) -> None:
        self.sql("UPDATE approval_verdict SET digest = :d WHERE approval = :a", d="0" * 64, a=self.approval)

    async def verdict_of_the_requester(self) -> None:
        self.world.policy.roles[AMY] = frozenset({"lead", "finance"})
        self.sql(
            "UPDATE approval_verdict SET person = :p WHERE approval = :a AND person = :o", p=AMY, o=LI, a=self.approval
        )

    async def verdict_gone(self) -> None:
        person = self.rng.choice([LI, FAY])
        self.sql("DELETE FROM approval_verdict WHERE approval = :a AND person = :p", a=self.approval, p=person)

    async def same_person_twice(self) -> None:
        self.world.policy.roles[LI] = frozenset({"lead", "finance"})
        self.sql(
            "UPDATE approval_verdict SET person = 'person:ghost', on_behalf_of = :o "
            "WHERE approval = :a AND person = :p",
            a=self.approval,
            p=FAY,
            o=LI,
        )

    async def request_for_other_bytes(self) -> None:
        self.sql("UPDATE approval_request SET digest = :d WHERE id = :a", d="0" * 64, a=self.approval)

    async def request_of_another_call(self) -> None:
        self.sql("UPDATE approval_request SET call_key = 'another-key' WHERE id = :a", a=self.approval)

    async def request_not_approved(self) -> None:
        state = self.rng.choice(["pending", "rejected", "expired", "withdrawn"])
        self.sql("UPDATE approval_request SET state = :s WHERE id = :a", s=state, a=self.approval)

    async def recorded_bytes_changed(self) -> None:
        self.sql("UPDATE tool_call SET exact = replace(exact, 'CHF', 'EUR') WHERE key = :k", k=self.call.key)

    async def recorded_digest_changed(self) -> None:
        self.sql("UPDATE tool_call SET digest = :d WHERE key = :k", d="0" * 64, k=self.call.key)


CHANGE_NAMES = [name for name, value in vars(Change).items() if not name.startswith("_") and name != "sql" and value]


@pytest.mark.parametrize("name", CHANGE_NAMES)
async def test_each_change_alone_is_seen(world: World, name: str) -> None:
    call, approval = await approved(world, 1)
    await getattr(Change(world, call, approval, random.Random(1)), name)()
    assert not await executed(world, call)


async def test_no_change_of_the_surroundings_is_missed(world: World) -> None:
    rng = random.Random(42)
    start, pins, rules, roles = world.clock.at, world.pins.pins, world.policy.rules, world.policy.roles
    controls = 0
    for number in range(CHANGES):
        world.clock.at = start + timedelta(days=number)
        world.pins.pins, world.policy.rules, world.policy.roles = dict(pins), dict(rules), dict(roles)
        world.policy.answer = lambda _: ask("lead-and-finance")
        call, approval = await approved(world, number, run="run_changes")
        name = CHANGE_NAMES[number % len(CHANGE_NAMES)]
        await getattr(Change(world, call, approval, rng), name)()
        assert not await executed(world, call), name
        world.db.write_now(lambda tx: tx.connection.execute(text("DELETE FROM freeze")))
        if number % 10 == 0:
            world.pins.pins, world.policy.rules, world.policy.roles = dict(pins), dict(rules), dict(roles)
            world.policy.answer = lambda _: ask("lead-and-finance")
            control, _ = await approved(world, number, run="run_controls")
            assert await executed(world, control), "the unmutated control must pass"
            controls += 1
    assert len(world.system.effects) == controls


async def test_a_changed_effect_or_delivery_alone_is_seen_too(world: World) -> None:
    """The digest pins the server's definition; what our review says about it must not drift under an approval."""
    call, _ = await approved(world, 1)
    world.pins.pins["erp.refund"] = replace(PINS["erp.refund"], delivery="safe")
    assert not await executed(world, call)
