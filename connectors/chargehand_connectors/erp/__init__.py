"""Orders, complaints, returns and credit notes in the ERP (Tryton): tools for authors, a connector for the gateway."""

from __future__ import annotations

from chargehand.connectors.model import Connector
from chargehand_connectors.erp.tools import (
    cancel_return,
    create_credit_note,
    create_replacement,
    create_return,
    find_by_key,
    find_orders,
    get_customer,
    get_order,
    open_complaint,
    shipments_for_order,
)

connector = Connector(
    name="erp",
    title="ERP (Tryton)",
    module="chargehand_connectors.erp",
    tools=(
        find_orders,
        get_order,
        get_customer,
        shipments_for_order,
        open_complaint,
        create_return,
        cancel_return,
        create_credit_note,
        create_replacement,
        find_by_key,
    ),
    environment=(
        "CHARGEHAND_ERP_URL",
        "CHARGEHAND_ERP_KEY",
        "CHARGEHAND_ERP_STATE",
    ),
    description="Customer orders, complaints, returns, credit notes and replacements.",
)

__all__ = [
    "cancel_return",
    "connector",
    "create_credit_note",
    "create_replacement",
    "create_return",
    "find_by_key",
    "find_orders",
    "get_customer",
    "get_order",
    "open_complaint",
    "shipments_for_order",
]
