"""The reference agent under the real policy: who is asked, what is done once, and what is taken back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chargehand.errors import BadInput, Forbidden
from chargehand.policy.service import PolicyService
from chargehand.testing import Down, FakeConnectors, GovernedRun, Refuses, World, world
from chargehand_connectors.erp import tools as erp
from chargehand_connectors.logistics import tools as logistics
from chargehand_connectors.mail import tools as mail
from chargehand_workflows.complaint_resolution import complaint_resolution
from fixtures.complaints import Company, order

POLICIES = Path(__file__).parents[3] / "policies"
TOOLS = [*complaint_resolution.tools, erp.find_by_key, logistics.track_shipment, mail.find_by_key]
BROKEN = {"text": "The housing arrived broken.", "order_number": "SO-1042", "wish": "refund"}


@asynccontextmanager
async def company(folder: Path, *orders: Any, model: Any = None, **changes: Any) -> AsyncGenerator[World]:
    connectors = FakeConnectors(Company(*orders).answers(**changes), TOOLS)
    policy = PolicyService.from_folder(POLICIES)
    async with world(folder, [complaint_resolution], tools=connectors, policy=policy, model=model) as here:
        yield here


async def resolve(here: World, **changes: Any) -> str:
    run = await here.start("complaint-resolution", {**BROKEN, **changes})
    return run.id


async def result(here: World, run: str) -> GovernedRun:
    await here.end(run)
    return await here.governed(run)


async def test_a_small_refund_runs_unattended_and_finance_hears_of_it(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00")) as here:
        done = await result(here, await resolve(here))
    assert done.result["result"] == "refunded"
    assert done.result["credit_note"] == "CN-1"
    assert done.requests == ()
    assert len(here.connectors.did("erp.create_credit_note")) == 1
    assert here.connectors.did("mail.send")[0]["to"] == "finance@example.com"


async def test_the_rules_say_that_no_language_model_decided(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00")) as here:
        done = await result(here, await resolve(here))
    notes = [event.data for event in done.events if event.kind == "note"]
    assert any("no language model" in note["text"] for note in notes)
    assert done.result["decided_by"] == "rules"


async def test_a_medium_refund_waits_two_days_for_a_lead(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        run = await resolve(here)
        asked = await here.approval(run)
        await here.skip(days=2)
        with pytest.raises(Forbidden):
            await here.verdict(asked, by="amy")
        await here.verdict(asked, by="li")
        done = await result(here, run)
    assert done.result["result"] == "refunded"
    assert {"call.asked", "call.reminded", "call.closed"} <= set(done.kinds())
    assert len(here.connectors.did("erp.create_credit_note")) == 1


async def test_a_large_refund_needs_two_people(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="9000.00")) as here:
        run = await resolve(here)
        asked = await here.approval(run)
        after_one = await here.verdict(asked, by="li")
        assert after_one.state == "pending"
        await here.verdict(asked, by="fay")
        done = await result(here, run)
    assert done.result["amount"] == "9000.00"
    assert len(here.connectors.did("erp.create_credit_note")) == 1


async def test_a_rejected_refund_takes_the_return_back(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        run = await resolve(here)
        await here.verdict(await here.approval(run), by="li", approve=False)
        done = await result(here, run)
    assert done.result["result"] == "not_done"
    assert here.connectors.did("erp.create_credit_note") == []
    assert [one["return_number"] for one in here.connectors.did("erp.cancel_return")] == ["RT-1"]
    assert here.connectors.did("mail.send") == []


async def test_an_approval_that_nobody_gives_expires_and_takes_the_return_back(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        run = await resolve(here)
        await here.approval(run)
        for _ in range(4):
            await here.skip(days=1)
        done = await result(here, run)
    assert done.outcomes("erp.create_credit_note") == ["expired"]
    assert len(here.connectors.did("erp.cancel_return")) == 1


async def test_a_refund_that_the_erp_refuses_takes_the_return_back(tmp_path: Path) -> None:
    refuses = Refuses("invalid", "above what the return claims")
    async with company(tmp_path, order(total="420.00"), erp__create_credit_note=refuses) as here:
        done = await result(here, await resolve(here))
    assert done.result["result"] == "not_done"
    assert "above what the return claims" in done.result["reason"]
    assert len(here.connectors.did("erp.cancel_return")) == 1


@pytest.mark.parametrize(("cancelled", "stands"), [(True, ""), (False, "RT-1")])
async def test_a_return_that_can_not_be_taken_back_is_given_to_a_person(
    tmp_path: Path, cancelled: bool, stands: str
) -> None:
    refuses = {
        "erp__create_credit_note": Refuses("invalid"),
        "erp__cancel_return": Refuses("conflict", "It is locked."),
    }
    async with company(tmp_path, order(total="420.00"), **refuses) as here:
        run = await resolve(here)
        asked = await here.task(run)
        await here.runs.answer(here.person("amy"), asked.id, {"cancelled": cancelled})
        done = await result(here, run)
    assert (done.state, done.result["result"], done.result["return_number"]) == ("succeeded", "not_done", stands)


async def test_the_result_says_that_finance_was_not_told(tmp_path: Path) -> None:
    refuses = Refuses("invalid", "The address is unknown.")
    async with company(tmp_path, order(total="420.00"), mail__send=refuses) as here:
        done = await result(here, await resolve(here))
    assert done.result["result"] == "refunded"
    assert "Finance was not told" in done.result["reason"]
    assert "The address is unknown." in done.result["reason"]


async def test_a_missing_number_is_asked_for_twice_at_most(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        run = await resolve(here, order_number="")
        for number in ("SO-1", "SO-2"):
            asked = await here.task(run)
            await here.runs.answer(here.person("amy"), asked.id, {"order_number": number})
        done = await result(here, run)
    assert done.result["result"] == "order_unknown"
    assert done.kinds().count("person.asked") == 2


async def test_a_number_that_is_given_when_asked_is_used(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00")) as here:
        run = await resolve(here, order_number="")
        asked = await here.task(run)
        with pytest.raises(Forbidden):
            await here.runs.answer(here.person("ada"), asked.id, {"order_number": "SO-1042"})
        with pytest.raises(BadInput, match="answer"):
            await here.runs.answer(here.person("amy"), asked.id, {"number": "SO-1042"})
        await here.runs.answer(here.person("amy"), asked.id, {"order_number": "SO-1042"})
        done = await result(here, run)
    assert done.result["result"] == "refunded"


async def test_both_look_ups_run_side_by_side(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00")) as here:
        done = await result(here, await resolve(here))
    kinds = [(event.kind, event.step) for event in done.events]
    started = kinds.index(("node.started", "fetch_shipments"))
    assert started < kinds.index(("node.finished", "fetch_order"))


async def test_a_carrier_that_is_down_is_retried_and_then_a_person_is_asked(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00"), logistics__shipments_for_order=Down()) as here:
        run = await resolve(here)

        async def asked() -> Any:
            await here.skip(seconds=5)
            return next(iter(await here.runs.tasks(here.person("amy"), run=run)), None)

        task = await here.until(asked, "somebody to be asked")
        await here.runs.answer(here.person("amy"), task.id, {"status": "delivered"})
        done = await result(here, run)
    assert done.kinds().count("call.retry") == 4
    assert done.result["result"] == "refunded"


async def test_a_carrier_that_comes_back_is_not_noticed_by_anybody(tmp_path: Path) -> None:
    back = Down(times=2, then=Company().shipments)
    async with company(tmp_path, order(total="420.00"), logistics__shipments_for_order=back) as here:
        run = await resolve(here)

        async def ended() -> Any:
            await here.skip(seconds=2)
            detail = await here.runs.get(here.person("amy"), run)
            return detail if detail.state == "succeeded" else None

        await here.until(ended, "the run to end")
        done = await here.governed(run)
    assert done.kinds().count("call.retry") == 2
    assert done.kinds().count("person.asked") == 0


async def test_a_late_parcel_is_no_reason_to_refund(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        done = await result(here, await resolve(here, text="It came ten days late."))
    assert done.result["result"] == "no_refund"
    assert [one.tool for one in here.connectors.effects] == []


async def test_a_replacement_is_sent_and_finance_hears_of_it(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        run = await resolve(here, wish="replacement")
        await here.verdict(await here.approval(run), by="li")
        done = await result(here, run)
    assert done.result["result"] == "replaced"
    assert len(here.connectors.did("mail.send")) == 1


async def test_a_model_is_used_where_one_is_configured(tmp_path: Path) -> None:
    says = {"category": "damaged", "verdict": "refund", "reason": "The housing is broken."}
    async with company(tmp_path, order(total="420.00"), model=[says]) as here:
        done = await result(here, await resolve(here, text="Das Gehäuse hat einen Riss."))
    assert done.result["decided_by"] == "model"
    assert done.kinds().count("model.answered") == 1


@pytest.mark.parametrize(
    "says", ["I think that it is broken.", {"category": "damaged", "verdict": "refund", "reason": "so " * 200}]
)
async def test_a_model_that_does_not_answer_what_it_was_asked_is_replaced_by_the_rules(
    tmp_path: Path, says: Any
) -> None:
    async with company(tmp_path, order(total="420.00"), model=[says]) as here:
        done = await result(here, await resolve(here))
    assert done.result["decided_by"] == "rules"
    assert done.result["result"] == "refunded"


async def test_what_neither_rules_nor_model_can_tell_is_decided_by_a_person(tmp_path: Path) -> None:
    async with company(tmp_path, order(total="420.00")) as here:
        run = await resolve(here, text="I am not happy.")
        asked = await here.task(run)
        await here.runs.answer(here.person("li"), asked.id, {"verdict": "refund", "reason": "Agreed by phone."})
        done = await result(here, run)
    assert done.result["decided_by"] == "person"
    assert done.result["result"] == "refunded"


@pytest.mark.parametrize("amount", ["1,280.00", "1280,00", "12.80.0", "-5", "1e3"])
async def test_an_amount_with_a_wrong_separator_is_refused_by_name(tmp_path: Path, amount: str) -> None:
    async with company(tmp_path) as here:
        with pytest.raises(BadInput, match=r"input\.amount"):
            await resolve(here, amount=amount)


async def test_who_is_not_of_customer_service_may_not_start_it(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        with pytest.raises(Forbidden, match="ada"):
            await here.start("complaint-resolution", BROKEN, by="ada")


async def test_an_erp_that_is_down_for_hours_holds_the_run_and_fails_nothing(tmp_path: Path) -> None:
    back = Down(times=4, then=Company(order(total="420.00")).get_order)
    async with company(tmp_path, order(total="420.00"), erp__get_order=back) as here:
        run = await resolve(here)

        async def ended() -> Any:
            await here.skip(hours=1)
            detail = await here.runs.get(here.person("amy"), run)
            return detail if detail.state not in ("running", "waiting") else None

        await here.until(ended, "the run to end")
        done = await here.governed(run)
    assert done.result["result"] == "refunded"
