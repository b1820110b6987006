"""What an agent does in the ERP, on a real Tryton: find, complain, return, refund, replace; and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chargehand.errors import BadInput
from chargehand_connectors import erp
from fixtures.tryton import TrytonServer

from .conftest import Erp, fresh_key

pytestmark = pytest.mark.stack


async def returned(shop: Erp, order: str) -> str:
    """A return of the whole order; its number."""
    complaint = await shop.get(erp.open_complaint, order=order, reason="It leaks")
    return (await shop.get(erp.create_return, order=order, complaint=complaint.number)).number


async def test_a_complaint_becomes_a_posted_credit_note(shop: Erp, tryton: TrytonServer) -> None:
    order = await shop.get(erp.get_order, number="SO-1042")
    assert (order.customer.name, order.total, order.refundable) == ("Bright Water Ltd", 1280, 1280)
    assert order.shipments[0].tracking == "DC-1042-1"

    complaint = await shop.get(erp.open_complaint, order="SO-1042", reason="The pump leaks", description="It drips.")
    made = await shop.get(erp.create_return, order="SO-1042", complaint=complaint.number)
    assert (made.amount, made.currency, made.state) == (Decimal("1280.00"), "EUR", "quotation")

    key = fresh_key()
    refund = {"order": "SO-1042", "return_number": made.number, "customer": "Bright Water Ltd"}
    refund |= {"amount": "1280.00", "currency": "EUR", "reason": "The pump leaks"}
    note = await shop.get(erp.create_credit_note, key, **refund)
    assert (note.amount, note.state) == (Decimal("1280.00"), "posted")

    (seen,) = tryton.records(
        "account.invoice", [["number", "=", note.number]], "state", "total_amount", "reference", "description"
    )
    assert seen["total_amount"]["decimal"] == "-1280.00"
    assert (seen["state"], seen["reference"], seen["description"]) == ("posted", key, "The pump leaks")
    (filed,) = tryton.records("sale.complaint", [["number", "=", complaint.number]], "state", "actions.result")
    assert filed["state"] == "done"
    assert filed["actions"][0]["result"].startswith("sale.sale,")

    assert await shop.get(erp.create_credit_note, key, **refund) == note
    assert (await shop.get(erp.get_order, number="SO-1042")).refundable == 0
    found = await shop.get(erp.find_by_key, key=key)
    assert found.finished
    assert [(each.kind, each.number) for each in found.documents] == [("credit note", note.number)]


async def test_part_of_a_return_is_refunded(shop: Erp, tryton: TrytonServer) -> None:
    made = await returned(shop, "SO-1044")
    note = await shop.get(
        erp.create_credit_note,
        order="SO-1044",
        return_number=made,
        customer="Müller & Söhne Anlagenbau GmbH",
        amount="300.00",
        currency="EUR",
        reason="Scratched, and kept by the customer",
    )
    (seen,) = tryton.records("account.invoice", [["number", "=", note.number]], "total_amount")
    assert seen["total_amount"]["decimal"] == "-300.00"


async def test_a_cancelled_return_gives_its_claim_back(shop: Erp, tryton: TrytonServer) -> None:
    made = await returned(shop, "SO-1041")
    assert (await shop.get(erp.get_order, number="SO-1041")).refundable == 0
    key = fresh_key()
    gone = await shop.get(erp.cancel_return, key, return_number=made, reason="The refund was refused")
    assert gone.state == "cancelled"
    assert await shop.get(erp.cancel_return, key, return_number=made, reason="The refund was refused") == gone
    assert (await shop.get(erp.get_order, number="SO-1041")).refundable == Decimal("1260.00")
    # Tryton warns of a similar complaint; a second one is filed all the same.
    again = await returned(shop, "SO-1041")
    assert again != made


async def test_a_replacement_is_free_and_waits_to_be_shipped(shop: Erp) -> None:
    made = await shop.get(
        erp.create_replacement,
        order="SO-1046",
        customer="Bright Water Ltd",
        reason="Lost on the way",
        lines=[{"line": 1, "quantity": "2"}],
    )
    assert made.state in ("processing", "done")
    assert [each.state for each in made.shipments] == ["waiting"]


async def test_no_more_is_refunded_than_was_paid(shop: Erp) -> None:
    kind, said = await shop.refuse(
        erp.create_return,
        order="SO-1050",
        complaint=(await shop.get(erp.open_complaint, order="SO-1050", reason="All broken")).number,
    )
    assert kind == "conflict"
    assert "4000.00" in said
    made = await returned(shop, "SO-1051")
    refund = {"order": "SO-1051", "return_number": made, "customer": "Delta Irrigation B.V.", "currency": "EUR"}
    kind, said = await shop.refuse(erp.create_credit_note, **refund, amount="290.01", reason="Too much")
    assert kind == "conflict"
    assert "290.00" in said
    for wrong in ({"customer": "Bright Water Ltd"}, {"currency": "USD"}, {"order": "SO-1043"}):
        kind, _ = await shop.refuse(erp.create_credit_note, **(refund | wrong), amount="290.00", reason="Wrong facts")
        assert kind == "invalid"


async def test_unknown_things_are_named(shop: Erp) -> None:
    kind, said = await shop.refuse(erp.get_order, number="SO-9999")
    assert kind == "not_found"
    assert "SO-9999" in said
    for tool, arguments in (
        (erp.open_complaint, {"order": "SO-9999", "reason": "It leaks"}),
        (erp.get_customer, {"code": "C-9999"}),
        (erp.cancel_return, {"return_number": "SO-1042", "reason": "No return at all"}),
    ):
        assert (await shop.refuse(tool, **arguments))[0] == "not_found"
    kind, _ = await shop.refuse(erp.open_complaint, order="SO-1049", reason="Only a quotation yet")
    assert kind == "conflict"
    assert not (await shop.get(erp.find_by_key, key=fresh_key())).found


@pytest.mark.parametrize("amount", ["1.234,50", "1,234.50", "1e3", "NaN", "-5.00", "12.", "", "٣", 12.5])
def test_an_amount_is_written_one_way(amount: object) -> None:
    with pytest.raises(BadInput, match="amount"):
        erp.create_credit_note.encode(
            order="SO-1042",
            return_number="SO-1",
            customer="x",
            amount=amount,  # type: ignore[arg-type]
            currency="EUR",
            reason="Broken",
        )


async def test_orders_are_found_by_what_a_customer_says(shop: Erp) -> None:
    async def numbers(**what: object) -> list[str]:
        return [each.number for each in (await shop.get(erp.find_orders, **what)).orders]

    assert await numbers(number="SO-1043") == ["SO-1043"]
    assert await numbers(customer="清源") == ["SO-1050", "SO-1043"]
    assert await numbers(email="orders@brightwater.example") == ["SO-1052", "SO-1046", "SO-1042"]
    assert await numbers(number="%") == []
    assert (await shop.refuse(erp.find_orders))[0] == "invalid"

    seen: list[str] = []
    cursor = ""
    while True:
        page = await shop.get(erp.find_orders, number="SO-10", limit=5, cursor=cursor)
        seen += [each.number for each in page.orders]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert {f"SO-{number}" for number in range(1040, 1053)} <= set(seen)
