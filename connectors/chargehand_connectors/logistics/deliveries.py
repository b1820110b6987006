"""An order's deliveries as the ERP (Tryton) has them. Read only, with a key of the logistics connector's own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadSettings
from chargehand_connectors.erp.client import Tryton

MAX_DELIVERIES = 100
_DELIVERY = "stock.shipment.out"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `tracking_number` is empty until the goods were handed to a carrier."""

    number: str
    tracking_number: str


class Deliveries:
    """A client of the ERP that only reads deliveries; `close` when done."""

    def __init__(self, tryton: Tryton) -> None:
        self._tryton = tryton

    async def close(self) -> None:
        await self._tryton.close()

    async def of_order(self, incoming: Incoming, order: str) -> list[Delivery]:
        """Oldest first; none for an order that the ERP does not know. Raises what the ERP client raises."""
        sales = await self._tryton.search(incoming, "sale.sale", [["number", "=", order]], ["number"], limit=2)
        domain = [["moves.sale", "in", [sale["id"] for sale in sales]], ["state", "!=", "cancelled"]]
        fields = ("number", "reference")
        found = await self._tryton.search(incoming, _DELIVERY, domain, fields, limit=MAX_DELIVERIES) if sales else []
        return [Delivery(each["number"] or "", each["reference"] or "") for each in found]


def open_deliveries() -> Deliveries | None:
    """From the connector's variables; None where no ERP is configured, so that the carrier alone is asked.

    Raises:
        BadSettings: one of the two variables is set without the other.
    """
    url, key = (os.environ.get(f"CHARGEHAND_LOGISTICS_ERP_{name}", "") for name in ("URL", "KEY"))
    if bool(url) != bool(key):
        raise BadSettings("the ERP needs both an address and a key", field="CHARGEHAND_LOGISTICS_ERP_URL", value=url)
    return Deliveries(Tryton(url, key)) if url else None
