"""The logistics tools: deliveries from the ERP, where they are from the carrier's HTTP API."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadSettings, NotFound
from chargehand_connectors.logistics.carrier import Carrier, Event, Parcel
from chargehand_connectors.logistics.deliveries import Deliveries, Delivery, open_deliveries
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

    def __init__(self, carrier: Carrier, deliveries: Deliveries | None) -> None:
        self._carrier = carrier
        self._deliveries = deliveries

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
        parcels = {parcel.tracking_number: parcel for parcel in await self._carrier.parcels_of(incoming, order)}
        if self._deliveries is None:
            shipments = [_shipment(parcel, "") for parcel in parcels.values()]
        else:
            deliveries = await self._deliveries.of_order(incoming, order)
            shipments = [await self._delivery(incoming, order, each, parcels) for each in deliveries]
        return OrderShipments(order=order, shipments=tuple(shipments))

    async def _delivery(
        self, incoming: Incoming, order: str, delivery: Delivery, parcels: Mapping[str, Parcel]
    ) -> Shipment:
        """What the ERP sent, joined with what the carrier knows of it under its tracking number."""
        if not delivery.tracking_number:
            return Shipment(order=order, delivery=delivery.number, status="not handed over")
        parcel = parcels.get(delivery.tracking_number)
        if parcel is None:
            try:
                parcel = await self._carrier.parcel(incoming, delivery.tracking_number)
            except NotFound:
                tracking = delivery.tracking_number
                return Shipment(order=order, delivery=delivery.number, tracking_number=tracking, status="unknown")
        return _shipment(parcel, delivery.number)


@asynccontextmanager
async def open_logistics() -> AsyncGenerator[Logistics]:
    """The connector's system, from its variables. Raises BadSettings."""
    url = os.environ.get("CHARGEHAND_CARRIER_URL", "")
    if not url.startswith(("http://", "https://")):
        raise BadSettings("the address of the carrier's API is needed", field="CHARGEHAND_CARRIER_URL", value=url)
    carrier = Carrier(url, os.environ.get("CHARGEHAND_CARRIER_TOKEN", ""))
    deliveries = open_deliveries()
    try:
        yield Logistics(carrier, deliveries)
    finally:
        await carrier.close()
        if deliveries is not None:
            await deliveries.close()


def _status(code: str) -> Status:
    return _STATUS.get(code, "unknown")


def _event(event: Event) -> TrackingEvent:
    return TrackingEvent(at=event.time, status=_status(event.code), place=event.location, note=event.text)


def _shipment(parcel: Parcel, delivery: str) -> Shipment:
    handed_over = [event.time for event in parcel.events if event.code == "IN_TRANSIT"]
    return Shipment(
        order=parcel.reference,
        delivery=delivery,
        tracking_number=parcel.tracking_number,
        carrier=parcel.carrier,
        status=_status(parcel.status),
        handed_over_at=min(handed_over, default=None),
        delivered_at=_delivered_at(parcel),
    )


def _delivered_at(parcel: Parcel) -> datetime | None:
    return max((event.time for event in parcel.events if event.code == "DELIVERED"), default=None)
