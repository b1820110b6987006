"""What the review calls personal is sealed in the action log; erasing the person leaves every proof valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chargehand.audit.erasure import forget
from chargehand.audit.integrator import Integrator
from chargehand.audit.model import Who
from chargehand.audit.personal import runs_of
from chargehand.audit.service import AuditService
from chargehand.connectors.model import PersonalData
from chargehand.connectors.pins import load_pins
from chargehand.database import Transaction
from fixtures.gateway import LI, PINS, World, allow, ask, signed_in

CUSTOMER = "Li Wei"
SUBJECT = "customer:li wei"
POLICIES = Path(__file__).parents[3] / "policies"


def _mark(world: World, tool: str = "erp.refund_with_lookup") -> str:
    mark = PersonalData("customer", "customer", ("customer",))
    world.pins.pins[tool] = replace(PINS[tool], personal=(mark,))
    return tool


def _log_text(world: World) -> str:
    return "\n".join(bytes(row[0]).decode() for row in world.rows("SELECT leaf FROM audit_leaf ORDER BY seq"))


async def test_personal_arguments_are_not_in_the_log(world: World) -> None:
    tool = _mark(world)
    world.policy.answer = lambda _: ask()
    await world.call(tool)
    (item,) = await world.approvals.inbox(signed_in(LI))
    await world.approvals.give_verdict(item.request.id, signed_in(LI), approve=True, digest=item.request.digest)
    outcome = await world.call(tool)
    await world.gateway.drain()
    assert getattr(outcome, "state", "") == "succeeded"
    assert world.system.effects[0][2]["customer"] == CUSTOMER, "what is sent is not sealed"
    text = _log_text(world)
    assert CUSTOMER not in text
    assert "SO-1042" in text
    assert {"intent", "decision", "verdict", "outcome"} <= {record["kind"] for record in world.records()}


async def test_free_text_is_sealed_without_a_mark_and_names_of_things_are_not(world: World) -> None:
    await world.call("erp.refund")
    assert CUSTOMER not in _log_text(world)
    assert "SO-1042" in _log_text(world)
    (intent,) = [record for record in world.records() if record["kind"] == "intent"]
    assert intent["arguments"]["customer"] == CUSTOMER


async def test_of_an_unreviewed_tool_every_text_is_sealed(world: World) -> None:
    await world.call("erp.unknown", arguments={"code": "oneword"})
    assert "oneword" not in _log_text(world)


async def test_a_call_that_names_nobody_is_recorded(world: World) -> None:
    tool = _mark(world)
    world.policy.answer = lambda _: allow()
    outcome = await world.call(tool, arguments={"order": "SO-1"})
    assert getattr(outcome, "state", "") == "succeeded"


async def test_erasing_the_person_leaves_proofs_valid(world: World, tmp_path: Path) -> None:
    await world.call(_mark(world))
    await world.gateway.drain()
    audit = AuditService(world.db, tmp_path)
    integrator = Integrator(world.db, tmp_path)
    try:
        assert integrator.tick()
        intent = (await audit.query("demo", "kind:intent", personal=True)).items[0].record
        assert (intent.arguments or {})["customer"] == CUSTOMER
        hidden = (await audit.record("demo", intent.id)).record.arguments or {}
        assert hidden["customer"] == "(sealed)"
        before = await audit.proof("demo", intent.id)
        root = Who(principal="person:root")

        def erase(tx: Transaction) -> int:
            return forget(tx, "demo", SUBJECT, runs_of(tx.connection, "demo", SUBJECT), who=root, reason="asked for it")

        assert world.db.write_now(erase) >= 1
        erased = (await audit.record("demo", intent.id, personal=True)).record.arguments or {}
        assert erased["customer"] == "(erased)"
        assert erased["order"] == "SO-1042"
        assert await audit.proof("demo", intent.id) == before
        assert integrator.tick()
    finally:
        integrator.close()


def test_the_reference_connectors_say_what_is_personal() -> None:
    pins = load_pins(POLICIES)
    fields: Mapping[str, set[str]] = {
        tool: {name for each in pin.personal for name in each.fields} for tool, pin in pins.items()
    }
    assert fields["mail.send"] == {"to", "subject", "body"}
    assert fields["erp.create_credit_note"] == {"customer"}
    assert fields["erp.find_orders"] == {"customer", "email"}
