"""What the graph carries from node to node."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from typing_extensions import TypedDict

from chargehand_connectors.erp.model import Order
from chargehand_connectors.logistics.model import OrderShipments
from chargehand_workflows.complaint_resolution.model import Assessment, Result, Wish

UNDECIDED = Assessment(category="other", verdict="unclear", reason="Not decided yet.")


@dataclass(kw_only=True)
class State:
    """The input's fields first; the others are filled in on the way. `why_not` says which step was refused, and why."""

    text: str = ""
    order_number: str = ""
    wish: Wish = "unsure"
    amount: Decimal | None = None

    times_asked: int = 0
    order: Order | None = None
    shipments: OrderShipments | None = None
    carrier_said: str = ""
    assessment: Assessment = UNDECIDED
    decided_by: str = ""
    complaint_number: str = ""
    return_number: str = ""
    credit_note: str = ""
    replacement: str = ""
    refund: Decimal | None = None
    why_not: str = ""
    mail: str = ""
    untold: str = ""


class Output(TypedDict, total=False):
    """`Resolution`'s fields."""

    result: Result
    reason: str
    decided_by: str
    order_number: str
    complaint_number: str
    return_number: str
    credit_note: str
    replacement: str
    amount: Decimal | None
    currency: str
    mail: str
