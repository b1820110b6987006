"""The steps behind each writing verb. Every verb can be begun again: it looks for what an earlier attempt left.

Where the key is kept in Tryton:
- complaint: `reference` (looked up; `KeyedEffects` keeps two attempts apart)
- return and replacement: `web_id`, which the database holds unique, so that they can't double even across machines
- credit note: `reference` of its return, set before the return is confirmed
- cancelling: `reference` of the return, set before it is cancelled

After the first step took effect, a failure is `Ambiguous`, never a clear no: the call is unfinished, and a repeat under
the same key goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from chargehand.connectors.incoming import Incoming
from chargehand.errors import Ambiguous, BadInput, ChargehandError, Conflict, NotFound
from chargehand_connectors.erp.client import Record, Tryton
from chargehand_connectors.erp.model import ReturnLine
from chargehand_connectors.erp.reading import (
    SALE,
    Sale,
    invoices_of,
    money,
    quantity,
    ref,
    sale_lines,
    sale_numbered,
)

COMPLAINT = ("number", "state", "date", "origin", "customer", "customer.name", "reference", "actions")
CREDIT = "credit:"
CANCEL = "cancel:"


async def find_complaint(tryton: Tryton, incoming: Incoming, *, number: str = "", key: str = "") -> Record | None:
    domain = [["number", "=", number]] if number else [["reference", "=", key]]
    found = await tryton.search(incoming, "sale.complaint", domain, COMPLAINT, limit=1)
    return found[0] if found else None


async def create_complaint(tryton: Tryton, incoming: Incoming, sale: Sale, text: str) -> Record:
    if sale.record["state"] not in ("confirmed", "processing", "done"):
        raise Conflict(f"Order {sale.number} is only a {sale.record['state']}: there is nothing to complain about yet.")
    kinds = await tryton.search(incoming, "sale.complaint.type", [], ["name"], limit=1)
    if not kinds:
        raise BadInput("the ERP has no type of complaint", way_out="Create one in Tryton: Sales, Configuration.")
    values = {
        "customer": sale.record["party"]["id"],
        "company": ref(sale.record, "company"),
        "type": kinds[0]["id"],
        "origin": f"sale.sale,{sale.record['id']}",
        "reference": incoming.key,
        "description": text,
    }
    return await tryton.create(incoming, "sale.complaint", values, COMPLAINT)


async def sale_by_key(tryton: Tryton, incoming: Incoming, key: str) -> Record | None:
    """The return or replacement that was made under `key`."""
    found = await tryton.search(incoming, "sale.sale", [["web_id", "=", key]], SALE, limit=1)
    return found[0] if found else None


async def make_return(
    tryton: Tryton, incoming: Incoming, order: str, complaint_number: str, lines: Sequence[ReturnLine]
) -> tuple[Record, Sale]:
    """The return under this key, quoted, its complaint approved; made now unless an earlier attempt made it."""
    sale = await sale_numbered(tryton, incoming, order)
    complaint = await find_complaint(tryton, incoming, number=complaint_number)
    if complaint is None:
        raise NotFound(f"The ERP knows no complaint {complaint_number}.")
    if complaint["origin"] != f"sale.sale,{sale.record['id']}":
        raise Conflict(f"Complaint {complaint_number} is not about order {order}.")
    made = await sale_by_key(tryton, incoming, incoming.key)
    if made is None:
        wanted = _wanted(sale, lines)
        worth = money(sum((each * line["unit_price"] for line, each in wanted), Decimal(0)))
        if worth > sale.refundable:
            raise Conflict(
                f"A return worth {worth} {sale.currency} is above what is refundable for order {order}: "
                f"{sale.refundable} {sale.currency} ({sale.paid} paid, {sale.claimed} claimed by earlier returns).",
                way_out="Return fewer goods, or wait until the order is paid.",
            )
        values = _copy(sale, f"Return of {order}") | {
            "origin": f"sale.complaint,{complaint['id']}",
            "lines": [["create", [_line(line, -each, line["unit_price"]) for line, each in wanted]]],
        }
        made = await _create_once(tryton, incoming, values)
        await _withdraw_if_above(tryton, incoming, made, order)
    if made["state"] == "cancelled":
        raise Conflict(f"Return {made['number'] or 'under this key'} was cancelled.", way_out="Create another return.")
    with unfinished(f"return for order {order}"):
        if made["state"] == "draft":
            made = await tryton.act(incoming, "sale.sale", made["id"], "quote", SALE)
        if complaint["state"] == "draft" and not complaint["actions"]:
            action = {"action": "sale_return", "result": f"sale.sale,{made['id']}"}
            values = {"actions": [["create", [action]]]}
            complaint = await tryton.write(incoming, "sale.complaint", complaint["id"], values, COMPLAINT)
        for state, action in (("draft", "wait"), ("waiting", "approve")):
            if complaint["state"] == state:
                complaint = await tryton.act(incoming, "sale.complaint", complaint["id"], action, COMPLAINT)
    return made, sale


async def _withdraw_if_above(tryton: Tryton, incoming: Incoming, made: Record, order: str) -> None:
    """Look again once the return is there: of two made at once, elsewhere too, at most one stays within what was paid.

    Raises:
        Conflict: together they claim more; this one is cancelled.
    """
    with unfinished(f"return for order {order}"):
        sale = await sale_numbered(tryton, incoming, order)
        if made["state"] == "draft" and sale.claimed > sale.paid:
            await tryton.act(incoming, "sale.sale", made["id"], "cancel", SALE)
    if sale.claimed > sale.paid:
        raise Conflict(
            f"Returns of order {order} would claim {sale.claimed} {sale.currency}; {sale.paid} were paid.",
            way_out="Another return was made at the same time; look at the order again.",
        )


async def make_replacement(
    tryton: Tryton, incoming: Incoming, order: str, customer: str, reason: str, lines: Sequence[ReturnLine]
) -> tuple[Record, Sale]:
    """The free order under this key, confirmed, so that its shipment waits to be picked."""
    sale = await sale_numbered(tryton, incoming, order)
    _same("customer", customer, sale.customer, order)
    made = await sale_by_key(tryton, incoming, incoming.key)
    if made is None:
        wanted = _wanted(sale, lines, ignore_returns=True)
        values = _copy(sale, f"Replacement for {order}: {reason}"[:200]) | {
            "lines": [["create", [_line(line, each, Decimal(0)) for line, each in wanted]]],
        }
        made = await _create_once(tryton, incoming, values)
    with unfinished(f"replacement for order {order}"):
        for state, action in (("draft", "quote"), ("quotation", "confirm"), ("confirmed", "process")):
            if made["state"] == state:
                await tryton.act(incoming, "sale.sale", made["id"], action, SALE)
                made = await again(tryton, incoming, made["id"])
    return made, sale


async def find_return(tryton: Tryton, incoming: Incoming, number: str) -> Record:
    """Raises NotFound for a number that is no return of ours."""
    domain = [["number", "=", number], ["origin", "like", "sale.complaint,%"]]
    found = await tryton.search(incoming, "sale.sale", domain, SALE, limit=1)
    if not found:
        raise NotFound(f"The ERP knows no return {number}.")
    return found[0]


async def cancel(tryton: Tryton, incoming: Incoming, made: Record) -> Record:
    """Cancel a return for which nothing was credited. Under the same key, a cancelled return is the answer."""
    mark = CANCEL + incoming.key
    if made["state"] == "cancelled":
        return made
    if made["state"] not in ("draft", "quotation"):
        raise Conflict(
            f"Return {made['number']} is {made['state']}: its credit note exists or is under way.",
            way_out="A posted credit note is undone by accounting, not by cancelling the return.",
        )
    await tryton.write(incoming, "sale.sale", made["id"], {"reference": mark}, SALE)
    with unfinished(f"cancelling of return {made['number']}"):
        return await tryton.act(incoming, "sale.sale", made["id"], "cancel", SALE)


async def credit(
    tryton: Tryton, incoming: Incoming, made: Record, *, customer: str, amount: Decimal, currency: str, reason: str
) -> Record:
    """The posted credit note of a return; posted now unless an earlier attempt under this key posted it."""
    number, claimed = str(made["number"]), money(-made["total_amount"])
    mark = CREDIT + incoming.key
    begun = made["reference"] == mark
    _same("customer", customer, made["party"]["name"], number)
    _same("currency", currency, made["currency"]["code"], number)
    if not begun:
        if made["state"] != "quotation":
            raise Conflict(f"Return {number} is {made['state']}: it was credited or cancelled before.")
        if amount <= 0:
            raise BadInput("a refund is above zero", field="amount", value=str(amount))
        if amount > claimed:
            raise Conflict(f"{amount} {currency} is above what return {number} claims: {claimed} {currency}.")
        incoming.check_deadline()
        await tryton.write(incoming, "sale.sale", made["id"], {"reference": mark}, SALE)
    with unfinished(f"credit note for return {number}"):
        made = await again(tryton, incoming, made["id"])
        if money(-made["total_amount"]) > amount:
            made = await _keep_back(tryton, incoming, made, money(-made["total_amount"]) - amount)
        if made["state"] == "draft":
            made = await tryton.act(incoming, "sale.sale", made["id"], "quote", SALE)
        for state, action in (("quotation", "confirm"), ("confirmed", "process")):
            if made["state"] == state:
                await tryton.act(incoming, "sale.sale", made["id"], action, SALE)
                made = await again(tryton, incoming, made["id"])
        return await _post(tryton, incoming, made, amount, reason)


async def again(tryton: Tryton, incoming: Incoming, sale: int) -> Record:
    """The sale as it stands after Tryton's own follow-up work."""
    (record,) = await tryton.search(incoming, "sale.sale", [["id", "=", sale]], SALE)
    return record


@contextmanager
def unfinished(what: str) -> Generator[None]:
    """Inside, something has taken effect: whatever goes wrong, the call is unfinished, not undone."""
    try:
        yield
    except Ambiguous:
        raise
    except ChargehandError as error:
        raise Ambiguous(f"The {what} was begun and is not finished: {error.detail}") from error


async def _post(tryton: Tryton, incoming: Incoming, made: Record, amount: Decimal, reason: str) -> Record:
    notes = [note for note in await invoices_of(tryton, incoming, made) if note["total_amount"] < 0]
    if len(notes) != 1 or money(-notes[0]["total_amount"]) != amount:
        held = ", ".join(f"{note['number'] or 'a draft'} over {money(-note['total_amount'])}" for note in notes)
        raise Ambiguous(f"Return {made['number']} should have one credit note over {amount}; it has: {held or 'none'}.")
    (note,) = notes
    if note["state"] in ("draft", "validated"):
        fields = ("number", "state", "total_amount", "invoice_date", "reference")
        await tryton.write(
            incoming, "account.invoice", note["id"], {"reference": incoming.key, "description": reason}, fields
        )
        note = await tryton.act(incoming, "account.invoice", note["id"], "post", fields)
    return note


async def _keep_back(tryton: Tryton, incoming: Incoming, made: Record, kept: Decimal) -> Record:
    """A line that lowers the refund, as accounting shows it: what the customer keeps paying for."""
    if made["state"] == "quotation":
        made = await tryton.act(incoming, "sale.sale", made["id"], "draft", SALE)
    (goods, *_) = await sale_lines(tryton, incoming, [made["id"]])
    line = _line(goods, Decimal(1), kept) | {"description": "Not refunded", "product": None}
    return await tryton.write(incoming, "sale.sale", made["id"], {"lines": [["create", [line]]]}, SALE)


async def _create_once(tryton: Tryton, incoming: Incoming, values: dict[str, Any]) -> Record:
    shops = await tryton.search(incoming, "web.shop", [], ["name"], limit=1)
    if not shops:
        raise BadInput("the ERP has no web shop to hold our keys", way_out="Create one in Tryton, named Chargehand.")
    incoming.check_deadline()
    try:
        return await tryton.create(
            incoming, "sale.sale", values | {"web_shop": shops[0]["id"], "web_id": incoming.key}, SALE
        )
    except Conflict:  # another attempt under this key was faster
        made = await sale_by_key(tryton, incoming, incoming.key)
        if made is None:
            raise
        return made


def _wanted(sale: Sale, lines: Sequence[ReturnLine], *, ignore_returns: bool = False) -> list[tuple[Record, Decimal]]:
    """Order lines with the quantity to return; all that is left where none are named. Raises BadInput, Conflict."""
    returned = {} if ignore_returns else sale.returned()
    left = [(line, quantity(line["quantity"]) - returned.get(line["id"], Decimal(0))) for line in sale.lines]
    if not lines:
        chosen = [(line, rest) for line, rest in left if rest > 0]
        if not chosen:
            raise Conflict(f"Everything of order {sale.number} was returned before.")
        return chosen
    chosen = []
    for index, given in enumerate(lines):
        if given.line > len(left):
            raise BadInput(f"order {sale.number} has {len(left)} lines", field=f"lines.{index}.line", value=given.line)
        line, rest = left[given.line - 1]
        if given.quantity > rest:
            raise BadInput(
                f"only {rest} are left to return", field=f"lines.{index}.quantity", value=str(given.quantity)
            )
        chosen.append((line, given.quantity))
    return chosen


def _copy(sale: Sale, description: str) -> dict[str, Any]:
    same = ("party", "company", "currency", "payment_term", "invoice_address", "shipment_address", "warehouse")
    values = {field: ref(sale.record, field) for field in same if sale.record.get(field)}
    return values | {"description": description, "invoice_method": "order", "shipment_method": "order"}


def _line(line: Record, amount: Decimal, price: Decimal) -> dict[str, Any]:
    return {
        "type": "line",
        "product": ref(line, "product") if line.get("product") else None,
        "unit": ref(line, "unit") if line.get("unit") else None,
        "quantity": float(amount),  # Tryton's quantities are floats
        "unit_price": price,
    }


def _same(field: str, given: str, ours: str, number: str) -> None:
    if given != ours:
        raise BadInput(f"{number} has {ours!r}", field=field, value=given, way_out="Use exactly what the ERP has.")
