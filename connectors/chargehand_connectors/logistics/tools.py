"""What an agent may ask of the carriers. All reads: nothing here moves a parcel."""

from __future__ import annotations

from chargehand.connectors.declare import tool
from chargehand_connectors.logistics.model import OrderNumber, OrderShipments, Tracking, TrackingNumber

# A signature is all there is; pyright wants a body that returns nothing to say so.
# ruff: noqa: PIE790


@tool(effect="read", delivery="safe", says="Track parcel {tracking_number}", says_zh="查询包裹 {tracking_number}")
async def track_shipment(tracking_number: TrackingNumber) -> Tracking:
    """Where a parcel is now: its status, what the carrier reported so far, and who signed for it."""
    ...


@tool(effect="read", delivery="safe", says="List the shipments of order {order}", says_zh="列出订单 {order} 的发货")
async def shipments_for_order(order: OrderNumber) -> OrderShipments:
    """List an order's deliveries, each with its tracking number and where the carrier says the goods are."""
    ...
