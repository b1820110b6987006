"""Shipments and tracking at the carrier: tools for authors, a connector for the gateway."""

from __future__ import annotations

from chargehand.connectors.model import Connector
from chargehand_connectors.logistics.tools import shipments_for_order, track_shipment

connector = Connector(
    name="logistics",
    title="Logistics (ERP deliveries, carrier tracking)",
    module="chargehand_connectors.logistics",
    tools=(shipments_for_order, track_shipment),
    environment=(
        "CHARGEHAND_CARRIER_URL",
        "CHARGEHAND_CARRIER_TOKEN",
        "CHARGEHAND_LOGISTICS_ERP_URL",
        "CHARGEHAND_LOGISTICS_ERP_KEY",
    ),
    description="An order's deliveries as the ERP has them, and where they are as the carrier says.",
)

__all__ = ["connector", "shipments_for_order", "track_shipment"]
