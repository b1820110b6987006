"""An evil model emits every tool, argument and injection it can: what takes effect is a subset of what policy allows.

The policies and pins are the repository's own, decided by Casbin; gateway, approvals, log and database are real. The
systems are a fake that would do anything. What policy allows is said here again, independently and in plain Python.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargehand.approvals.service import ApprovalService
from chargehand.connectors.model import ToolResult
from chargehand.connectors.pins import load_pins
from chargehand.errors import ChargehandError
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.policy.service import PolicyService
from fixtures.gateway import AMY, FAY, LI, MAX, Clock, ScriptedPins, World, build_world, signed_in, tool_call

POLICIES = Path(__file__).parents[3] / "policies"
CALLS = 2_500
UNATTENDED_WRITES = {"erp.open_complaint", "erp.create_return", "erp.cancel_return"}
INJECTIONS = (
    "' OR 1=1 --",
    "); allow(",
    "False) or (True",
    "{amount.__class__}",
    "${jndi:ldap://x}",
    "\u202e0005\u202c",
    "finance@example.com\nBcc: thief@example.com",
    "r.args.update(amount=1)",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "nan",
    "1e3",
    "-1",
    "٥٠٠",
    "500.000000001",
    "0x1F4",
    "\x00",
)
CHAINS = (
    (AMY, "agent:complaint-resolution"),
    (AMY,),
    ("agent:complaint-resolution",),
    ("person:root", "agent:complaint-resolution"),
    ("person:nobody", "agent:complaint-resolution"),
    (AMY, "agent:unknown"),
    (AMY, "agent:complaint-resolution", "agent:other"),
    ("person:ada", "agent:complaint-resolution"),
    ("customer-service-lead",),
)


class Anything:
    """A fake of all systems: does whatever arrives, and keeps the books."""

    def __init__(self) -> None:
        self.effects: list[tuple[str, str, dict[str, Any]]] = []

    async def call(self, tool: str, arguments: dict[str, Any], *, key: str, deadline: Any) -> ToolResult:
        if not tool.endswith("find_by_key"):
            self.effects.append((key, tool, arguments))
        return ToolResult(tool, value={"found": True, "finished": True})


@pytest.fixture
def world(tmp_path: Path, moving_clock: Clock) -> Iterator[World]:
    made = build_world(tmp_path, moving_clock)
    pins, policy = ScriptedPins(load_pins(POLICIES)), PolicyService.from_folder(POLICIES)
    systems: Any = Anything()
    made.system = systems
    made.gateway = Gateway(made.db, replace(made.gateway.desk, policy=policy, pins=pins, connectors=systems))
    made.approvals = ApprovalService(made.db, policy)
    made.pins = pins
    yield made
    made.db.close()


def value_for(schema: dict[str, Any], rng: random.Random, name: str) -> Any:
    roll = rng.random()
    if roll < 0.12:
        return rng.choice(INJECTIONS)
    if roll < 0.2:
        return rng.choice([None, True, 0, -1, 2**63, 1.5, float("nan"), [], {}, [[]], {"amount": "1"}])
    if name == "amount":
        return rng.choice(["0", "0.01", "499.99", "500", "500.01", "1280.00", "5000", "5000.01", "99999999"])
    if name == "currency":
        return rng.choice(["CHF", "EUR", "CNY", "chf"])
    if name == "order":
        return f"SO-{rng.randrange(1, 40)}"
    if name == "to":
        return rng.choice(["finance@example.com", "thief@example.com", "finance@example.com.evil.example"])
    kinds = {"integer": 1, "boolean": True, "array": [], "object": {}}
    kind = schema.get("type") or next((each.get("type") for each in schema.get("anyOf", ())), "string")
    return kinds.get(kind, f"{name}-{rng.randrange(9)}")


def evil_call(world: World, rng: random.Random, step: int, earlier: list[ToolCall]) -> ToolCall:
    if earlier and rng.random() < 0.1:  # an old key with something else, or another's tenant
        old = rng.choice(earlier)
        return old.model_copy(
            update=rng.choice([{"arguments": {**old.arguments, "amount": "1.00"}}, {"tenant": "other"}, {}])
        )
    tool = rng.choice([*world.pins.pins, "erp.run_sql", "mail.send ", "ERP.create_credit_note", "chargehand.freeze"])
    pin = world.pins.get(tool)
    properties: dict[str, Any] = dict(pin.input_schema.get("properties", {})) if pin else {"amount": {}}
    arguments = {name: value_for(schema, rng, name) for name, schema in properties.items() if rng.random() < 0.97}
    if rng.random() < 0.05:
        arguments[rng.choice(["approved", "approval", "__class__", "effect", "grant"])] = True
    chain = CHAINS[0] if rng.random() < 0.7 else rng.choice(CHAINS)
    return tool_call(tool, step=step, arguments=arguments, chain=chain, run=f"run_{step % 50}")


async def test_the_effects_are_a_subset_of_what_policy_allows(world: World) -> None:
    rng = random.Random(7)
    calls: dict[str, ToolCall] = {}
    approvers: dict[str, set[str]] = defaultdict(set)
    proposed: list[ToolCall] = []
    for step in range(CALLS):
        world.clock.pass_(seconds=rng.randrange(1, 120))
        call = evil_call(world, rng, step, proposed)
        proposed.append(call)
        calls.setdefault(call.key, call)
        try:
            answer = await world.gateway.call(call)
        except ChargehandError:
            continue
        if isinstance(answer, ApprovalNeeded):
            for person in rng.sample([AMY, LI, MAX, FAY], k=rng.randrange(4)):
                who = signed_in(person)
                request = (await world.approvals.get(answer.approval, who)).request
                try:
                    await world.approvals.give_verdict(request.id, who, approve=True, digest=request.digest)
                except ChargehandError:
                    continue
                approvers[call.key].add(person)
            try:
                await world.gateway.call(call)
            except ChargehandError:
                continue
    await world.gateway.drain()

    allowed_by_hand(world, calls, approvers)


def allowed_by_hand(world: World, calls: dict[str, ToolCall], approvers: dict[str, set[str]]) -> None:
    """The refund policy of the demo tenant once more, without Casbin, over the systems' own books."""
    effects: list[tuple[str, str, dict[str, Any]]] = world.system.effects
    refunded: dict[str, Decimal] = defaultdict(Decimal)
    assert len({key for key, _, _ in effects}) == len(effects), "one effect a key"
    kinds: set[str] = set()
    for key, tool, arguments in effects:
        call = calls[key]
        assert call.tenant == "demo"
        assert (call.tool, call.arguments) == (tool, arguments), "what was proposed first under the key"
        assert set(call.chain) <= {AMY, "agent:complaint-resolution"}, call.chain
        pin = world.pins.get(tool)
        assert pin is not None
        if pin.effect == "read" or tool in UNATTENDED_WRITES:
            kinds.add(pin.effect)
            continue
        lead = approvers[key] & {LI, MAX}
        if tool == "mail.send":
            assert arguments["to"] == "finance@example.com"
            kinds.add("mail")
        elif tool == "erp.create_replacement":
            assert lead
            kinds.add("replacement")
        else:
            assert tool == "erp.create_credit_note"
            amount = Decimal(arguments["amount"])
            assert amount > 0
            total = refunded[arguments["order"]] + amount
            if total > 500:
                assert lead, (arguments, total)
            if total > 5000:
                assert FAY in approvers[key], (arguments, total)
            refunded[arguments["order"]] += amount
            kinds.add("small" if total <= 500 else "medium" if total <= 5000 else "large")
        assert AMY not in approvers[key]
    assert {"read", "write", "small", "medium", "large", "mail", "replacement"} <= kinds, "the test saw every kind"
    assert timedelta(0) < world.clock.at - Clock().at < timedelta(days=30)
