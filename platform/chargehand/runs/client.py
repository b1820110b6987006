"""One way to reach Temporal: pydantic payloads, encrypted if there is a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from temporalio.client import Client, Plugin
from temporalio.service import RPCError, TLSConfig

from chargehand.errors import BadSettings, RuntimeUnavailable
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
    tls, api_key = _tls(given), _api_key(given)
    converter = data_converter(payload_key(given.payload_key), BlobFolder(given.blobs))
    until = time.monotonic() + wait_seconds
    while True:
        try:
            return await Client.connect(
                given.temporal_address,
                namespace=given.temporal_namespace,
                data_converter=converter,
                tls=tls,
                api_key=api_key,
                plugins=[*tracing.plugins(), *plugins],
            )
        except (RuntimeError, RPCError) as error:
            if time.monotonic() > until:
                raise RuntimeUnavailable(
                    f"Temporal does not answer at {given.temporal_address}.",
                    way_out="Start it, or set CHARGEHAND_TEMPORAL_ADDRESS.",
                ) from error
            await asyncio.sleep(0.2)


def _tls(given: Settings) -> TLSConfig | bool:
    """How Temporal is reached: plain, with the system's roots, or with what the folder holds. Raises BadSettings."""
    if not given.temporal_tls:
        return False
    folder = given.temporal_tls_dir
    if folder is None:
        return True
    found = {name: _bytes(folder / name) for name in ("ca.pem", "client.pem", "client.key")}
    if (found["client.pem"] is None) != (found["client.key"] is None):
        raise BadSettings(
            "client.pem and client.key go together, and one of them is missing",
            field="CHARGEHAND_TEMPORAL_TLS_DIR",
            value=str(folder),
            way_out="Put both there, or neither.",
        )
    return TLSConfig(
        server_root_ca_cert=found["ca.pem"],
        client_cert=found["client.pem"],
        client_private_key=found["client.key"],
    )


def _api_key(given: Settings) -> str | None:
    file = given.temporal_api_key_file
    if file is None:
        return None
    key = _bytes(file)
    if key is None or not given.temporal_tls:
        raise BadSettings(
            "the file is not there" if key is None else "the key would cross the network in the clear",
            field="CHARGEHAND_TEMPORAL_API_KEY_FILE",
            value=str(file),
            way_out="Write the key into it." if key is None else "Set CHARGEHAND_TEMPORAL_TLS=true.",
        )
    return key.decode().strip()


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


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
