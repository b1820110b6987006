"""The gateway worker: `python -m chargehand.worker.gateway`. Holds the credentials and the database; wiring only."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from chargehand import telemetry
from chargehand.agents.catalog import AgentCatalog, discover_agents
from chargehand.agents.known import declared, known_tools
from chargehand.approvals.service import ApprovalService
from chargehand.audit import log
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.quarantine import DurableQuarantine
from chargehand.connectors.registry import load_connectors
from chargehand.database import Database
from chargehand.errors import ChargehandError
from chargehand.gateway.build import open_gateway
from chargehand.models.provider import Models
from chargehand.policy.service import PolicyService
from chargehand.policy.watcher import PolicyWatcher
from chargehand.runs.activities import GatewayActivities
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.client import connect
from chargehand.runs.errands import Errands
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.outbox import Outbox
from chargehand.runs.service import RunService, connected
from chargehand.runs.sweeping import sweep
from chargehand.runs.triggers.intakes import Intakes
from chargehand.settings import Settings
from chargehand.worker.lifecycle import run, until_told

GRACE = timedelta(seconds=30)
SWEEP_SECONDS = 60.0
SWEEP_BLOBS_SECONDS = 3600.0

logger = logging.getLogger("chargehand.worker.gateway")


async def serve(given: Settings, catalog: AgentCatalog | None = None) -> None:
    """Serve the gateway's queue until SIGTERM or SIGINT, then settle what is in flight.

    Raises:
        BadSettings, BadPolicy: something does not fit; nothing was started.
        RuntimeUnavailable, DatabaseUnavailable: Temporal or the database does not answer.
    """
    telemetry.setup("gateway", folder=given.traces, ids=True)
    agents = catalog or discover_agents()
    db = Database(given.database)
    connectors = load_connectors(given.policies)
    policy = PolicyService.from_folder(given.policies, known_tools(connectors, agents.values()))
    pins = PinBook(given.policies)
    pool = ConnectorPool(connectors, pins, environment=os.environ, quarantine=DurableQuarantine(db, given.tenant))
    try:
        log.initialise(db)
        policy.know(db, declared(agents))
        watcher = PolicyWatcher(db, policy)
        await watcher.load()
        client = await connect(given)
        approvals = ApprovalService(db, policy)
        gateway = open_gateway(db, policy, pins, pool, owner_of=agents.owner_of, amounts_of=agents.amounts_of)
        runs = RunService(db, connected(client), agents, policy)
        models = Models.from_settings(given, db)
        activities = GatewayActivities(db, gateway, models, approvals, runs)
        chores = [
            asyncio.create_task(Outbox(db, runs, approvals, BlobFolder(given.blobs)).run()),
            asyncio.create_task(Intakes(db, runs, gateway).run()),
            asyncio.create_task(watcher.run()),
            asyncio.create_task(_every(SWEEP_SECONDS, gateway.sweep)),
            asyncio.create_task(_every(SWEEP_BLOBS_SECONDS, lambda: sweep(db, client, BlobFolder(given.blobs)))),
        ]
        try:
            async with gateway_worker(client, activities, errands=Errands(db, given.tenant, pool)):
                logger.info("The gateway worker is up: %d agents, tiers %s.", len(agents), sorted(models.tiers()))
                await until_told(*chores)
        finally:
            for chore in chores:
                chore.cancel()
            await gateway.drain()
    finally:
        await pool.close()
        db.close()


def gateway_worker(
    client: Client,
    activities: GatewayActivities,
    *,
    task_queue: str = QUEUE_GATEWAY,
    errands: Errands | None = None,
) -> Worker:
    """A worker for the gateway's queue. It runs no workflows: author code never comes near its credentials."""
    return Worker(
        client,
        task_queue=task_queue,
        activities=[*activities.all(), *([errands.do] if errands else ())],
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=200,
    )


async def _every(seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except (ChargehandError, RPCError) as error:
            logger.warning("%s", error)


if __name__ == "__main__":
    run(serve)
