"""What the logistics tools return. Times are aware and UTC; unknown is said to be unknown."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from chargehand.connectors.declare import Result

OrderNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40), Field(description="The order's number, e.g. SO-1042")
]
TrackingNumber = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    Field(description="The carrier's number, e.g. DC-1042-1"),
]
Status = Literal[
    "not handed over", "announced", "in transit", "out for delivery", "delivered", "exception", "returned", "unknown"
]
"""`exception`: the carrier reports damage, loss or a failed delivery; the last event says which."""


class TrackingEvent(Result):
    """One thing that the carrier reported."""

    at: AwareDatetime
    status: Status
    place: str = ""
    note: str = ""


class Tracking(Result):
    """Where a parcel is, as its carrier says now. Events run from the oldest to the newest."""

    tracking_number: str
    carrier: str
    order: str
    status: Status
    expected_on: date | None = None
    delivered_at: AwareDatetime | None = None
    signed_by: str = ""
    events: tuple[TrackingEvent, ...] = ()


class Shipment(Result):
    """One delivery of an order.

    `delivery` is its number in the ERP, empty where only the carrier is asked. `tracking_number` is empty and `status`
    is `not handed over` until a carrier has the goods; `unknown` says that the carrier does not know the number.
    """

    order: str
    delivery: str = ""
    tracking_number: str = ""
    carrier: str = ""
    status: Status
    handed_over_at: AwareDatetime | None = None
    delivered_at: AwareDatetime | None = None


class OrderShipments(Result):
    """All deliveries of one order, oldest first; none is an answer too."""

    order: str
    shipments: tuple[Shipment, ...]
