"""What an agent may ask of the ERP: business verbs, never raw records.

The signatures are the contract; `server.py` binds them to Tryton. Every verb that writes is keyed: a repeat under the
same key goes on where the first stopped and gives the same document.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from chargehand.connectors.declare import Amount, Currency, Cursor, tool
from chargehand.connectors.model import PersonalData
from chargehand_connectors.erp.model import (
    Complaint,
    ComplaintNumber,
    CreditNote,
    Customer,
    CustomerName,
    KeyedEffect,
    Order,
    OrderNumber,
    OrderPage,
    Reason,
    Replacement,
    Return,
    ReturnLine,
    ReturnNumber,
    ShipmentList,
)

# A signature is all there is; pyright wants a body that returns nothing to say so.
# ruff: noqa: PIE790


@tool(
    effect="read",
    delivery="safe",
    says="Search orders",
    says_zh="查找订单",
    personal=(PersonalData("customer", "customer", ("customer",)), PersonalData("email", "email", ("email",))),
)
async def find_orders(
    number: Annotated[str, Field(max_length=40, description="All or the beginning of the order's number")] = "",
    customer: Annotated[str, Field(max_length=200, description="Part of the customer's name")] = "",
    email: Annotated[str, Field(max_length=254, description="The customer's e-mail address")] = "",
    ordered_from: Annotated[date | None, Field(description="First day of ordering, inclusive")] = None,
    ordered_until: Annotated[date | None, Field(description="Last day of ordering, inclusive")] = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
    cursor: Cursor = "",
) -> OrderPage:
    """Find customer orders by number, customer, e-mail or day; at least one of them is needed. Newest first."""
    ...


@tool(effect="read", delivery="safe", says="Read order {number}", says_zh="读取订单 {number}")
async def get_order(number: OrderNumber) -> Order:
    """Read one order: its lines, amounts, customer, what is paid and refundable, and its shipments."""
    ...


@tool(effect="read", delivery="safe", says="Read customer {code}", says_zh="读取客户 {code}")
async def get_customer(
    code: Annotated[str, StringConstraints(min_length=1, max_length=40), Field(description="E.g. C-0003")],
) -> Customer:
    """Read one customer's name, e-mail address, phone, language and address."""
    ...


@tool(effect="read", delivery="safe", says="Read the shipments of order {order}", says_zh="读取订单 {order} 的发货")
async def shipments_for_order(order: OrderNumber) -> ShipmentList:
    """List an order's deliveries with carrier and tracking number."""
    ...


@tool(
    effect="write",
    delivery="keyed",
    lookup="find_by_key",
    says="Open a complaint on order {order}: {reason}",
    says_zh="为订单 {order} 登记投诉：{reason}",
    personal=(PersonalData("order", "order", ("description",)),),
)
async def open_complaint(
    order: OrderNumber,
    reason: Reason,
    description: Annotated[str, Field(max_length=4000, description="The customer's own words")] = "",
) -> Complaint:
    """Put a customer's complaint about an order on file."""
    ...


@tool(
    effect="write",
    delivery="keyed",
    lookup="find_by_key",
    compensated_by="cancel_return",
    says="Create a return of order {order} for complaint {complaint}",
    says_zh="为投诉 {complaint} 创建订单 {order} 的退货单",
)
async def create_return(
    order: OrderNumber,
    complaint: ComplaintNumber,
    lines: Annotated[tuple[ReturnLine, ...], Field(max_length=100, description="Empty: all that is left")] = (),
) -> Return:
    """Create the return for a complaint. It claims the money that a credit note may then give; refused above that."""
    ...


@tool(
    effect="write",
    delivery="keyed",
    lookup="find_by_key",
    says="Cancel return {return_number}: {reason}",
    says_zh="取消退货单 {return_number}：{reason}",
)
async def cancel_return(return_number: ReturnNumber, reason: Reason) -> Return:
    """Cancel a return for which no credit note was posted. Undoes create_return."""
    ...


@tool(
    effect="irreversible",
    delivery="keyed",
    lookup="find_by_key",
    says="Refund {amount:money currency} to {customer} for order {order} (return {return_number}): {reason}",
    says_zh="就订单 {order}（退货单 {return_number}）向 {customer} 退款 {amount:money currency}：{reason}",
    personal=(PersonalData("customer", "customer", ("customer",)),),
)
async def create_credit_note(
    order: OrderNumber,
    return_number: ReturnNumber,
    customer: CustomerName,
    amount: Amount,
    currency: Currency,
    reason: Reason,
) -> CreditNote:
    """Post the credit note for a return. Refused above what the return claims, or if customer or currency differ."""
    ...


@tool(
    effect="write",
    delivery="keyed",
    lookup="find_by_key",
    says="Send {customer} a free replacement for order {order}: {reason}",
    says_zh="就订单 {order} 向 {customer} 免费补发：{reason}",
    personal=(PersonalData("customer", "customer", ("customer",)),),
)
async def create_replacement(
    order: OrderNumber,
    customer: CustomerName,
    reason: Reason,
    lines: Annotated[tuple[ReturnLine, ...], Field(max_length=100, description="Empty: the whole order")] = (),
) -> Replacement:
    """Create an order free of charge that sends goods of an earlier order again."""
    ...


@tool(effect="read", delivery="safe", says="Look up what was made under key {key}", says_zh="按键 {key} 查找单据")
async def find_by_key(
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(description="A call's idempotency key")],
) -> KeyedEffect:
    """Say which documents a call with that idempotency key made, and whether it was finished."""
    ...
