"""One way to reach Temporal: pydantic payloads, encrypted if there is a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from temporalio.client import Client, Plugin
from temporalio.service import RPCError

from chargehand.errors import RuntimeUnavailable
from chargehand.runs import tracing
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.codec import data_converter, payload_key
from chargehand.settings import Settings

Connect = Callable[[], Awaitable[Client]]

WAIT_SECONDS = 30.0


async def connect(given: Settings, *, plugins: Sequence[Plugin] = (), wait_seconds: float = WAIT_SECONDS) -> Client:
    """A client of the configured Temporal, waiting a while for it to come up.

    Raises:
        RuntimeUnavailable: it does not answer; names the address and the setting.
        BadSettings: the payload key's file can't be used.
    """
    converter = data_converter(payload_key(given.payload_key), BlobFolder(given.blobs))
    until = time.monotonic() + wait_seconds
    while True:
        try:
            return await Client.connect(
                given.temporal_address,
                namespace=given.temporal_namespace,
                data_converter=converter,
                plugins=[*tracing.plugins(), *plugins],
            )
        except (RuntimeError, RPCError) as error:
            if time.monotonic() > until:
                raise RuntimeUnavailable(
                    f"Temporal does not answer at {given.temporal_address}.",
                    way_out="Start it, or set CHARGEHAND_TEMPORAL_ADDRESS.",
                ) from error
            await asyncio.sleep(0.2)


class LazyClient:
    """Connects when first asked, so that an API starts while Temporal is still down; safe for concurrent use."""

    def __init__(self, make: Connect) -> None:
        self._make = make
        self._lock = asyncio.Lock()
        self._client: Client | None = None

    async def __call__(self) -> Client:
        """Raises RuntimeUnavailable."""
        async with self._lock:
            if self._client is None:
                self._client = await self._make()
            return self._client
