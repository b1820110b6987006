"""The ERP tools on Tryton: one method for each declared tool."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from chargehand.connectors.incoming import Incoming
from chargehand.connectors.keyed import KeyedEffects
from chargehand.connectors.paging import after, cut
from chargehand.errors import BadInput, BadSettings, NotFound
from chargehand_connectors.erp import writing
from chargehand_connectors.erp.client import Record, Tryton
from chargehand_connectors.erp.model import (
    Complaint,
    CreditNote,
    Customer,
    KeyedDocument,
    KeyedEffect,
    Order,
    OrderPage,
    OrderSummary,
    Replacement,
    Return,
    ReturnLine,
    ShipmentList,
)
from chargehand_connectors.erp.reading import (
    ORDERS,
    customer_of,
    invoices_of,
    money,
    order_of,
    sale_numbered,
    shipment_of,
    shipments_of,
)

CUSTOMER = ("code", "name", "email", "phone", "lang.code", "addresses.full_address")


class Erp:
    """Reads go straight to Tryton. Writes to one order go one at a time: two refunds must not both see the money."""

    def __init__(self, tryton: Tryton, effects: KeyedEffects) -> None:
        self._tryton = tryton
        self._effects = effects
        self._orders: dict[str, asyncio.Lock] = {}

    async def find_orders(
        self,
        incoming: Incoming,
        *,
        number: str,
        customer: str,
        email: str,
        ordered_from: date | None,
        ordered_until: date | None,
        limit: int,
        cursor: str,
    ) -> OrderPage:
        domain: list[Any] = [*ORDERS, ["number", "!=", None]]
        domain += [["number", "ilike", _like(number) + "%"]] if number else []
        domain += [["party.name", "ilike", f"%{_like(customer)}%"]] if customer else []
        domain += [["party.contact_mechanisms.value", "ilike", _like(email)]] if email else []
        domain += [["sale_date", ">=", ordered_from]] if ordered_from else []
        domain += [["sale_date", "<=", ordered_until]] if ordered_until else []
        if len(domain) == len(ORDERS) + 1:
            raise BadInput("say at least one of number, customer, email, ordered_from, ordered_until")
        if position := after(cursor):
            if not position.isdigit():
                raise BadInput("this is no cursor of ours", field="cursor", value=cursor)
            domain.append(["id", "<", int(position)])
        fields = ("number", "party.code", "party.name", "sale_date", "state", "total_amount", "currency.code")
        found = await self._tryton.search(
            incoming, "sale.sale", domain, fields, order=(("id", "DESC"),), limit=limit + 1
        )
        ids = {record["number"]: str(record["id"]) for record in found}
        page, following = cut([_summary(each) for each in found], lambda each: ids[each.number], limit=limit)
        return OrderPage(orders=tuple(page), next_cursor=following)

    async def get_order(self, incoming: Incoming, *, number: str) -> Order:
        return order_of(await sale_numbered(self._tryton, incoming, number))

    async def get_customer(self, incoming: Incoming, *, code: str) -> Customer:
        found = await self._tryton.search(incoming, "party.party", [["code", "=", code]], CUSTOMER, limit=1)
        if not found:
            raise NotFound(f"The ERP knows no customer {code}.")
        addresses = cast("list[Record]", found[0].get("addresses") or [{}])
        return customer_of(found[0], str(addresses[0].get("full_address") or ""))

    async def shipments_for_order(self, incoming: Incoming, *, order: str) -> ShipmentList:
        sale = await sale_numbered(self._tryton, incoming, order)
        return ShipmentList(order=order, shipments=tuple(shipment_of(each, order) for each in sale.shipments))

    async def open_complaint(self, incoming: Incoming, *, order: str, reason: str, description: str) -> Complaint:
        async def find() -> Complaint | None:
            record = await writing.find_complaint(self._tryton, incoming, key=incoming.key)
            return _complaint(record, order) if record else None

        async def create() -> Complaint:
            sale = await sale_numbered(self._tryton, incoming, order)
            text = f"{reason}\n\n{description}" if description else reason
            return _complaint(await writing.create_complaint(self._tryton, incoming, sale, text), order)

        arguments = {"order": order, "reason": reason, "description": description}
        return await self._once(order, incoming, arguments, Complaint, find, create)

    async def create_return(
        self, incoming: Incoming, *, order: str, complaint: str, lines: tuple[ReturnLine, ...]
    ) -> Return:
        async def make() -> Return:
            made, _sale = await writing.make_return(self._tryton, incoming, order, complaint, lines)
            return _return(made, order, complaint)

        arguments = {"order": order, "complaint": complaint, "lines": _plain(lines)}
        return await self._once(order, incoming, arguments, Return, make, make)

    async def cancel_return(self, incoming: Incoming, *, return_number: str, reason: str) -> Return:
        async def make() -> Return:
            made = await writing.find_return(self._tryton, incoming, return_number)
            order, complaint = await self._origin(incoming, made)
            return _return(await writing.cancel(self._tryton, incoming, made), order, complaint)

        order, _ = await self._origin(incoming, await writing.find_return(self._tryton, incoming, return_number))
        return await self._once(order, incoming, {"return_number": return_number, "reason": reason}, Return, make, make)

    async def create_credit_note(
        self,
        incoming: Incoming,
        *,
        order: str,
        return_number: str,
        customer: str,
        amount: Decimal,
        currency: str,
        reason: str,
    ) -> CreditNote:
        async def make() -> CreditNote:
            made = await writing.find_return(self._tryton, incoming, return_number)
            claimed_for, _ = await self._origin(incoming, made)
            if claimed_for != order:
                raise BadInput(f"return {return_number} is for order {claimed_for}", field="order", value=order)
            note = await writing.credit(
                self._tryton, incoming, made, customer=customer, amount=amount, currency=currency, reason=reason
            )
            return CreditNote(
                number=note["number"],
                order=order,
                return_number=return_number,
                customer=customer,
                state=note["state"],
                amount=money(-note["total_amount"]),
                currency=currency,
                posted_on=note["invoice_date"],
            )

        arguments = {
            "order": order,
            "return_number": return_number,
            "customer": customer,
            "amount": format(amount, "f"),
            "currency": currency,
            "reason": reason,
        }
        return await self._once(order, incoming, arguments, CreditNote, make, make)

    async def create_replacement(
        self, incoming: Incoming, *, order: str, customer: str, reason: str, lines: tuple[ReturnLine, ...]
    ) -> Replacement:
        async def make() -> Replacement:
            made, sale = await writing.make_replacement(self._tryton, incoming, order, customer, reason, lines)
            shipments = await shipments_of(self._tryton, incoming, made["id"])
            return Replacement(
                number=made["number"],
                order=order,
                customer=sale.customer,
                state=made["state"],
                shipments=tuple(shipment_of(each, made["number"]) for each in shipments),
            )

        arguments = {"order": order, "customer": customer, "reason": reason, "lines": _plain(lines)}
        return await self._once(order, incoming, arguments, Replacement, make, make)

    async def find_by_key(self, incoming: Incoming, *, key: str) -> KeyedEffect:
        documents: list[KeyedDocument] = []
        finished = True
        if complaint := await writing.find_complaint(self._tryton, incoming, key=key):
            documents.append(KeyedDocument(kind="complaint", number=complaint["number"], state=complaint["state"]))
        if made := await writing.sale_by_key(self._tryton, incoming, key):
            replacing = made["total_amount"] >= 0
            finished = made["state"] not in (("draft", "quotation", "confirmed") if replacing else ("draft",))
            kind = "replacement" if replacing else "return"
            documents.append(KeyedDocument(kind=kind, number=made["number"] or "", state=made["state"]))
        for mark in (writing.CREDIT, writing.CANCEL):
            domain = [["reference", "=", mark + key]]
            for record in await self._tryton.search(incoming, "sale.sale", domain, ["number", "state", "invoices"]):
                if mark == writing.CANCEL:
                    finished = record["state"] == "cancelled"
                    documents.append(
                        KeyedDocument(kind="cancelled return", number=record["number"], state=record["state"])
                    )
                    continue
                notes = await invoices_of(self._tryton, incoming, record)
                posted = [note for note in notes if note["reference"] == key and note["state"] in ("posted", "paid")]
                finished = bool(posted)
                documents += [
                    KeyedDocument(kind="credit note", number=note["number"], state=note["state"]) for note in posted
                ]
                if not posted:
                    documents.append(KeyedDocument(kind="return", number=record["number"], state=record["state"]))
        return KeyedEffect(
            key=key, found=bool(documents), finished=finished and bool(documents), documents=tuple(documents)
        )

    async def _origin(self, incoming: Incoming, made: Record) -> tuple[str, str]:
        """The order and the complaint that a return is for."""
        complaint = int(str(made["origin"]).partition(",")[2])
        (record,) = await self._tryton.search(
            incoming, "sale.complaint", [["id", "=", complaint]], ["number", "origin"]
        )
        sale = int(str(record["origin"]).partition(",")[2])
        (order,) = await self._tryton.search(incoming, "sale.sale", [["id", "=", sale]], ["number"])
        return str(order["number"]), str(record["number"])

    async def _once(
        self,
        order: str,
        incoming: Incoming,
        arguments: dict[str, Any],
        result_type: Any,
        lookup: Callable[[], Awaitable[Any]],
        create: Callable[[], Awaitable[Any]],
    ) -> Any:
        async with self._orders.setdefault(order, asyncio.Lock()):
            return await self._effects.remote(incoming, arguments, result_type, lookup=lookup, create=create)


@asynccontextmanager
async def open_erp() -> AsyncGenerator[Erp]:
    """The connector's system, from its variables. Raises BadSettings."""
    url, key = os.environ.get("CHARGEHAND_ERP_URL", ""), os.environ.get("CHARGEHAND_ERP_KEY", "")
    state = os.environ.get("CHARGEHAND_ERP_STATE", "")
    if not url.startswith(("http://", "https://")):
        raise BadSettings("the address of Tryton, with its database, is needed", field="CHARGEHAND_ERP_URL", value=url)
    if not key:
        raise BadSettings("a user application key of Tryton is needed", field="CHARGEHAND_ERP_KEY")
    if not state:
        raise BadSettings("a file that remembers which keys were used is needed", field="CHARGEHAND_ERP_STATE")
    tryton, effects = Tryton(url, key), KeyedEffects(Path(state))
    try:
        yield Erp(tryton, effects)
    finally:
        effects.close()
        await tryton.close()


def _summary(record: Record) -> OrderSummary:
    return OrderSummary(
        number=record["number"],
        customer_code=record["party"]["code"] or "",
        customer=record["party"]["name"] or "",
        ordered_on=record["sale_date"] or date.min,
        state=record["state"],
        total=money(record["total_amount"]),
        currency=record["currency"]["code"],
    )


def _complaint(record: Record, order: str) -> Complaint:
    return Complaint(
        number=record["number"],
        order=order,
        customer=record["customer"]["name"],
        state=record["state"],
        opened_on=record["date"],
    )


def _return(made: Record, order: str, complaint: str) -> Return:
    return Return(
        number=made["number"],
        order=order,
        complaint=complaint,
        customer=made["party"]["name"],
        state=made["state"],
        amount=money(-made["total_amount"]),
        currency=made["currency"]["code"],
    )


def _plain(lines: tuple[ReturnLine, ...]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in lines]


def _like(text: str) -> str:
    """The text itself, in a pattern: what would be wildcards are escaped."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
