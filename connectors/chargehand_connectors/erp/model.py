"""What the ERP's tools return. Money is exact and comes with the currency of its order; quantities are exact too."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chargehand.connectors.declare import Amount, Currency, Number, Result

OrderNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40), Field(description="The order's number, e.g. SO-1042")
]
ReturnNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40), Field(description="The number that create_return gave")
]
ComplaintNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40), Field(description="The number that open_complaint gave")
]
CustomerName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(description="The customer's name exactly as the order has it: a person approves by it"),
]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=500)]

OrderState = Literal["draft", "quotation", "confirmed", "processing", "done", "cancelled"]
InvoiceState = Literal["none", "pending", "awaiting payment", "partially paid", "paid", "exception"]
ShipmentState = Literal["draft", "waiting", "assigned", "picked", "packed", "shipped", "done", "cancelled"]


class Customer(Result):
    """A customer as the ERP knows it; `email` and `phone` are empty where none is on file."""

    code: str
    name: str
    email: str = ""
    phone: str = ""
    language: str = ""
    address: str = ""


class OrderLine(Result):
    """`line` names the line in create_return and create_replacement."""

    line: int
    product_code: str
    product: str
    quantity: Number
    unit: str
    unit_price: Amount
    amount: Amount
    shipped: Number
    returned: Number


class Shipment(Result):
    """A delivery to the customer. `tracking` is the carrier's number, empty until the goods are handed over."""

    number: str
    order: str
    state: ShipmentState
    carrier: str = ""
    tracking: str = ""
    planned_on: date | None = None
    shipped_on: date | None = None


class ShipmentList(Result):
    """All deliveries of one order, oldest first."""

    order: str
    shipments: tuple[Shipment, ...]


class OrderSummary(Result):
    """One row of a search."""

    number: str
    customer_code: str
    customer: str
    ordered_on: date
    state: OrderState
    total: Amount
    currency: Currency


class OrderPage(Result):
    """Newest first. `next_cursor` is empty on the last page."""

    orders: tuple[OrderSummary, ...]
    next_cursor: str = ""


class Order(Result):
    """One order. `refundable` is what was paid less what returns already claim: no credit note goes above it."""

    number: str
    customer: Customer
    ordered_on: date
    state: OrderState
    invoice_state: InvoiceState
    currency: Currency
    total: Amount
    paid: Amount
    claimed_by_returns: Amount
    refundable: Amount
    lines: tuple[OrderLine, ...]
    shipments: tuple[Shipment, ...]
    version: str


class Complaint(Result):
    """A complaint on file. It stays a draft until a return is made for it."""

    number: str
    order: str
    customer: str
    state: Literal["draft", "waiting", "approved", "rejected", "done", "cancelled"]
    opened_on: date


class ReturnLine(BaseModel):
    """How much of which order line comes back, or is sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int = Field(ge=1, description="The line as get_order numbers it")
    quantity: Number = Field(gt=0, description="In the line's unit, e.g. '2'")


class Return(Result):
    """A return: goods that the customer sends back, and the most that a credit note for them can give."""

    number: str
    order: str
    complaint: str
    customer: str
    state: OrderState
    amount: Amount
    currency: Currency


class CreditNote(Result):
    """A posted credit note. `amount` is what the customer gets, as a positive number."""

    number: str
    order: str
    return_number: str
    customer: str
    state: Literal["posted", "paid"]
    amount: Amount
    currency: Currency
    posted_on: date


class Replacement(Result):
    """An order, free of charge, that sends goods again."""

    number: str
    order: str
    customer: str
    state: OrderState
    shipments: tuple[Shipment, ...]


class KeyedDocument(Result):
    """A document that a call with that key made."""

    kind: Literal["complaint", "return", "cancelled return", "credit note", "replacement"]
    number: str
    state: str
    order: str = ""


class KeyedEffect(Result):
    """What the ERP holds for one idempotency key. `finished` is false while a call stopped half-way and can go on."""

    key: str
    found: bool
    finished: bool
    documents: tuple[KeyedDocument, ...]
