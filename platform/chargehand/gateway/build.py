"""The gateway over an installation's own connectors and pins; for the worker and every other door that calls tools."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from chargehand import ids
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.quarantine import DurableQuarantine
from chargehand.connectors.registry import load_connectors
from chargehand.database import Database
from chargehand.gateway.desk import Desk, Policy
from chargehand.gateway.gateway import Gateway
from chargehand.settings import Settings


@asynccontextmanager
async def open_gateway(
    settings: Settings, db: Database, policy: Policy, *, owner_of: Callable[[str], str] = lambda _: ""
) -> AsyncGenerator[Gateway]:
    """A gateway whose connectors are started when first needed; leaving it settles what runs on and stops them.

    `owner_of` gives an agent's owner, for rules that keep owners from approving.

    Raises:
        BadSettings: connectors can't be loaded.
    """
    pins = PinBook(settings.policies)
    pool = ConnectorPool(
        load_connectors(settings.policies),
        pins,
        environment=os.environ,
        quarantine=DurableQuarantine(db, settings.tenant),
    )
    gateway = Gateway(db, Desk(policy, pins, pool, holder(), owner_of=owner_of))
    try:
        yield gateway
    finally:
        await gateway.drain()
        await pool.close()


def holder() -> str:
    """A name for this process in leases, never used by another one."""
    return f"{socket.gethostname()}/{os.getpid()}/{ids.new_id('gw')}"
