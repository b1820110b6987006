"""Tells Temporal that an activity's worker lives, so that one that was killed is noticed within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

EVERY_SECONDS = 1.5


@asynccontextmanager
async def heartbeat() -> AsyncGenerator[None]:
    """While the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
