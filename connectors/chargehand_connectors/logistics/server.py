"""The logistics tools on a carrier's HTTP API."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadSettings
from chargehand_connectors.logistics.carrier import Carrier, Event, Parcel
from chargehand_connectors.logistics.model import OrderShipments, Shipment, Status, Tracking, TrackingEvent

_STATUS: dict[str, Status] = {
    "ANNOUNCED": "announced",
    "IN_TRANSIT": "in transit",
    "OUT_FOR_DELIVERY": "out for delivery",
    "DELIVERED": "delivered",
    "EXCEPTION": "exception",
    "RETURNED": "returned",
}


class Logistics:
    """One method for each declared tool."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def track_shipment(self, incoming: Incoming, *, tracking_number: str) -> Tracking:
        parcel = await self._carrier.parcel(incoming, tracking_number)
        return Tracking(
            tracking_number=parcel.tracking_number,
            carrier=parcel.carrier,
            order=parcel.reference,
            status=_status(parcel.status),
            expected_on=parcel.expected,
            delivered_at=_delivered_at(parcel),
            signed_by=parcel.signed_by,
            events=tuple(_event(event) for event in sorted(parcel.events, key=lambda event: event.time)),
        )

    async def shipments_for_order(self, incoming: Incoming, *, order: str) -> OrderShipments:
        parcels = await self._carrier.parcels_of(incoming, order)
        return OrderShipments(order=order, shipments=tuple(_shipment(parcel) for parcel in parcels))


@asynccontextmanager
async def open_logistics() -> AsyncGenerator[Logistics]:
    """The connector's system, from its variables. Raises BadSettings."""
    url = os.environ.get("CHARGEHAND_CARRIER_URL", "")
    if not url.startswith(("http://", "https://")):
        raise BadSettings("the address of the carrier's API is needed", field="CHARGEHAND_CARRIER_URL", value=url)
    carrier = Carrier(url, os.environ.get("CHARGEHAND_CARRIER_TOKEN", ""))
    try:
        yield Logistics(carrier)
    finally:
        await carrier.close()


def _status(code: str) -> Status:
    return _STATUS.get(code, "unknown")


def _event(event: Event) -> TrackingEvent:
    return TrackingEvent(at=event.time, status=_status(event.code), place=event.location, note=event.text)


def _shipment(parcel: Parcel) -> Shipment:
    handed_over = [event.time for event in parcel.events if event.code == "IN_TRANSIT"]
    return Shipment(
        tracking_number=parcel.tracking_number,
        carrier=parcel.carrier,
        order=parcel.reference,
        status=_status(parcel.status),
        handed_over_at=min(handed_over, default=None),
        delivered_at=_delivered_at(parcel),
    )


def _delivered_at(parcel: Parcel) -> datetime | None:
    return max((event.time for event in parcel.events if event.code == "DELIVERED"), default=None)
