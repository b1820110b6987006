"""What is kept aside for runs goes when their histories do: never before, and never while anything might still ask.

A run's parts are looked at once a run has ended and nothing was added for a day. They go when Temporal knows no history
of it any more (its retention is over, or somebody deleted them). Whatever answers unclearly keeps them.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock
from chargehand.database import Database
from chargehand.runs import store
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.model import ENDED

GRACE = timedelta(days=1)


async def sweep(db: Database, client: Client, blobs: BlobFolder) -> int:
    """Forget the parts of runs that no history speaks of; how many runs. Raises RPCError, DatabaseUnavailable."""
    before = clock.now() - GRACE
    forgotten = 0
    for run, last in await asyncio.to_thread(lambda: list(blobs.runs())):
        if last > before:
            continue
        row = await db.read(lambda connection, run=run: store.find_run(connection, run))
        if row is not None and row["state"] not in ENDED:
            continue
        if not await _has_history(client, run):
            await asyncio.to_thread(blobs.forget, run)
            forgotten += 1
    return forgotten


async def _has_history(client: Client, run: str) -> bool:
    """Whether Temporal can still be asked for any history of it; a run that went on in several has the last one."""
    try:
        await client.get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
