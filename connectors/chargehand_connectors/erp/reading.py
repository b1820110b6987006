"""What Tryton's records mean: orders with what is paid, returned and refundable; customers; shipments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chargehand.connectors.incoming import Incoming
from chargehand.errors import NotFound
from chargehand_connectors.erp.client import Domain, Record, Tryton
from chargehand_connectors.erp.model import Customer, Order, OrderLine, Shipment

ORDERS: Domain = [["web_id", "=", None], ["origin", "=", None]]
"""Orders proper: what we make ourselves (returns, replacements) carries a web id."""

SALE = (
    "number",
    "state",
    "invoice_state",
    "sale_date",
    "total_amount",
    "currency.code",
    "currency.digits",
    "party",
    "party.code",
    "party.name",
    "party.email",
    "party.phone",
    "party.lang.code",
    "invoice_address",
    "invoice_address.full_address",
    "shipment_address",
    "warehouse",
    "payment_term",
    "company",
    "web_id",
    "reference",
    "origin",
    "invoices",
    "write_date",
)
LINES = ("product", "product.code", "product.rec_name", "quantity", "actual_quantity", "unit", "unit.symbol")
SHIPMENT = ("number", "state", "reference", "planned_date", "effective_date")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sale:
    """One order with the records that say what may still be refunded."""

    record: Record
    lines: tuple[Record, ...]
    invoices: tuple[Record, ...]
    returns: tuple[Record, ...]
    return_lines: tuple[Record, ...]
    shipments: tuple[Record, ...]

    @property
    def number(self) -> str:
        return str(self.record["number"])

    @property
    def currency(self) -> str:
        return str(self.record["currency"]["code"])

    @property
    def customer(self) -> str:
        return str(self.record["party"]["name"])

    @property
    def paid(self) -> Decimal:
        ours = [each for each in self.invoices if each["total_amount"] > 0]
        return money(sum((each["total_amount"] - (each["amount_to_pay"] or 0) for each in ours), Decimal(0)))

    @property
    def claimed(self) -> Decimal:
        return money(-sum((each["total_amount"] for each in self.returns), Decimal(0)))

    @property
    def refundable(self) -> Decimal:
        return max(self.paid - self.claimed, Decimal(0))

    def returned(self) -> dict[int, Decimal]:
        """Quantity that returns claim, by id of the order line: allotted by product, first line first."""
        left: dict[int, Decimal] = {}
        for line in self.return_lines:
            if line["quantity"] < 0 and line.get("product"):
                product = ref(line, "product")
                left[product] = left.get(product, Decimal(0)) - quantity(line["quantity"])
        allotted: dict[int, Decimal] = {}
        for line in self.lines:
            taken = min(quantity(line["quantity"]), left.get(ref(line, "product"), Decimal(0)))
            left[ref(line, "product")] = left.get(ref(line, "product"), Decimal(0)) - taken
            allotted[line["id"]] = taken
        return allotted


async def sale_numbered(tryton: Tryton, incoming: Incoming, number: str) -> Sale:
    """The order with that number. Raises NotFound, and what the client raises."""
    found = await tryton.search(incoming, "sale.sale", [["number", "=", number], *ORDERS], SALE, limit=2)
    if not found:
        raise NotFound(f"The ERP knows no order {number}.", way_out="Check the number, or search with find_orders.")
    (record,) = found
    lines = await sale_lines(tryton, incoming, [record["id"]])
    returns = await returns_of(tryton, incoming, record["id"])
    return Sale(
        record=record,
        lines=tuple(line for line in lines if line.get("product")),
        invoices=tuple(await invoices_of(tryton, incoming, record)),
        returns=tuple(returns),
        return_lines=tuple(await sale_lines(tryton, incoming, [each["id"] for each in returns])),
        shipments=tuple(await shipments_of(tryton, incoming, record["id"])),
    )


async def returns_of(tryton: Tryton, incoming: Incoming, sale: int) -> list[Record]:
    """The returns of an order that claim money: all but the cancelled ones."""
    complaints = await tryton.search(incoming, "sale.complaint", [["origin", "=", f"sale.sale,{sale}"]], ["number"])
    if not complaints:
        return []
    origins = [f"sale.complaint,{each['id']}" for each in complaints]
    found = await tryton.search(incoming, "sale.sale", [["origin", "in", origins], ["state", "!=", "cancelled"]], SALE)
    return [each for each in found if each["total_amount"] < 0]


async def sale_lines(tryton: Tryton, incoming: Incoming, sales: list[int]) -> list[Record]:
    """The goods lines of sales, in the order in which a person sees them."""
    if not sales:
        return []
    fields = (*LINES, "unit_price", "amount", "sale", "type")
    order = (("sale", "ASC"), ("sequence", "ASC NULLS FIRST"), ("id", "ASC"))
    return await tryton.search(
        incoming, "sale.line", [["sale", "in", sales], ["type", "=", "line"]], fields, order=order
    )


async def invoices_of(tryton: Tryton, incoming: Incoming, sale: Record) -> list[Record]:
    """The invoices and credit notes of a sale, without cancelled ones."""
    if not sale["invoices"]:
        return []
    fields = ("number", "state", "total_amount", "amount_to_pay", "invoice_date", "reference")
    domain = [["id", "in", sale["invoices"]], ["state", "!=", "cancelled"]]
    return await tryton.search(incoming, "account.invoice", domain, fields)


async def shipments_of(tryton: Tryton, incoming: Incoming, sale: int) -> list[Record]:
    domain = [["moves.sale", "=", sale]]
    return await tryton.search(incoming, "stock.shipment.out", domain, SHIPMENT)


def customer_of(party: Record, address: str = "") -> Customer:
    language = cast("Record | None", party.get("lang"))
    return Customer(
        code=party["code"] or "",
        name=party["name"] or "",
        email=party.get("email") or "",
        phone=party.get("phone") or "",
        language=str(language["code"]) if language else "",
        address=address.replace("\n", ", "),
    )


def order_of(sale: Sale) -> Order:
    """The order as the tool returns it."""
    record = sale.record
    address = cast("Record | None", record.get("invoice_address"))
    returned = sale.returned()
    return Order(
        number=sale.number,
        customer=customer_of(record["party"], str(address["full_address"]) if address else ""),
        ordered_on=record["sale_date"] or date.min,
        state=record["state"],
        invoice_state=record["invoice_state"],
        currency=sale.currency,
        total=money(record["total_amount"]),
        paid=sale.paid,
        claimed_by_returns=sale.claimed,
        refundable=sale.refundable,
        lines=tuple(
            OrderLine(
                line=index,
                product_code=line["product"]["code"] or "",
                product=line["product"]["rec_name"] or "",
                quantity=quantity(line["quantity"]),
                unit=line["unit"]["symbol"] if line.get("unit") else "",
                unit_price=Decimal(line["unit_price"]).normalize() + Decimal("0.00"),
                amount=money(line["amount"]),
                shipped=quantity(line["actual_quantity"] or 0),
                returned=returned[line["id"]],
            )
            for index, line in enumerate(sale.lines, 1)
        ),
        shipments=tuple(shipment_of(each, sale.number) for each in sale.shipments),
        version=str(record["write_date"] or ""),
    )


def shipment_of(record: Record, order: str) -> Shipment:
    return Shipment(
        number=record["number"] or "",
        order=order,
        state=record["state"],
        tracking=record["reference"] or "",
        planned_on=record["planned_date"],
        shipped_on=record["effective_date"],
    )


def money(value: Any) -> Decimal:
    """Tryton's amount, in cents' precision."""
    return Decimal(value).quantize(CENT)


def quantity(value: float | int) -> Decimal:
    """Tryton's quantities are floats; their shortest decimal is what was typed in."""
    number = Decimal(str(value))
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def ref(record: Record, field: str) -> int:
    """The id behind a reference, whether or not fields of it were asked for."""
    value = record[field]
    return int(cast("Record", value)["id"] if isinstance(value, dict) else value)
