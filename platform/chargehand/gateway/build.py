"""The gateway as every door opens it: the worker, the API and its MCP endpoint."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from decimal import Decimal

from chargehand import ids
from chargehand.connectors.pins import PinBook
from chargehand.database import Database
from chargehand.gateway.desk import Connectors, Desk, Policy
from chargehand.gateway.gateway import Gateway


def open_gateway(
    db: Database,
    policy: Policy,
    pins: PinBook,
    pool: Connectors,
    *,
    owner_of: Callable[[str], str],
    amounts_of: Callable[[str], Mapping[str, Decimal]],
) -> Gateway:
    """A gateway over an installation's own connectors; `drain` it before the pool is closed.

    `owner_of` gives an agent's owner, for rules that keep owners from approving; `amounts_of` what its runs may move.
    """
    return Gateway(db, Desk(policy, pins, pool, holder(), owner_of=owner_of, amounts_of=amounts_of))


def holder() -> str:
    """A name for this process in leases, never used by another one."""
    return f"{socket.gethostname()}/{os.getpid()}/{ids.new_id('gw')}"
