"""What stands behind the routes: built from the settings, put on `app.state`, taken down in reverse. Wiring only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from chargehand.agents.catalog import AgentCatalog, discover_agents
from chargehand.agents.known import declared, known_tools
from chargehand.agents.outlook import Outlook
from chargehand.agents.reviews import AgentReviews
from chargehand.api.abilities import PolicyAbilities
from chargehand.api.feed import Feed
from chargehand.api.sign_ins import record_sign_in
from chargehand.approvals.service import ApprovalService
from chargehand.approvals.standing import MandateService
from chargehand.audit.export_jobs import Exports
from chargehand.audit.keeper import keep
from chargehand.audit.log import initialise
from chargehand.audit.service import AuditService
from chargehand.connectors.definitions import PinnedDefinitions
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.quarantine import DurableQuarantine
from chargehand.connectors.registry import load_connectors
from chargehand.connectors.service import ConnectorService
from chargehand.database import Database
from chargehand.gateway.build import open_gateway
from chargehand.gateway.service import CallService
from chargehand.identity.service import Identity
from chargehand.policy.revisions import PolicyRevisions
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import TenantPolicy
from chargehand.policy.watcher import PolicyWatcher
from chargehand.risk.alerts import AlertService
from chargehand.risk.freeze import FreezeService
from chargehand.runs.client import Connect, LazyClient, connect
from chargehand.runs.codec import payload_key
from chargehand.runs.erasure import Erasures
from chargehand.runs.errands import RemoteConnectors
from chargehand.runs.lookout import Lookout
from chargehand.runs.service import RunService
from chargehand.runs.triggers.hooks import Hooks
from chargehand.runs.triggers.intakes import Intakes
from chargehand.runs.triggers.schedules import Schedules
from chargehand.settings import Settings

TEMPORAL_WAIT_SECONDS = 3.0
HOOK_KEY = "hooks.key"
"""In the state folder: the secrets of all webhooks are made from it."""


@asynccontextmanager
async def open_house(
    app: FastAPI, given: Settings, *, agents: AgentCatalog | None = None, temporal: Connect | None = None
) -> AsyncGenerator[None]:
    """Build everything for `app`, and take it down at the end.

    Raises:
        BadSettings, BadPolicy: something does not fit; nothing was started.
        DatabaseUnavailable, AuditUnavailable: the database or the log's key can't be used.
    """
    catalog = agents or discover_agents()
    connectors = load_connectors(given.policies)
    policy = PolicyService.from_folder(given.policies, known_tools(connectors, catalog.values()))
    async with AsyncExitStack() as stack:
        db = Database(given.database)
        stack.callback(db.close)
        initialise(db)
        state = app.state
        state.db, state.tenant, state.state_dir = db, given.tenant, given.state_dir
        policy.know(db, declared(catalog))
        state.policy, state.revisions = policy, PolicyRevisions(db, policy)
        watcher = PolicyWatcher(db, policy)
        await watcher.load()
        state.identity = Identity(db, record_sign_in)
        state.abilities = PolicyAbilities(policy)
        state.audit = AuditService(db, given.state_dir)
        state.exports = Exports(state.audit, given.state_dir / "exports")
        stack.push_async_callback(state.exports.close)
        state.approvals, state.mandates = ApprovalService(db, policy), MandateService(db, policy)
        state.freezes, state.alerts = FreezeService(db), AlertService(db, state.audit)

        pins, quarantine = PinBook(given.policies), DurableQuarantine(db, given.tenant)
        client = temporal or LazyClient(lambda: connect(given, wait_seconds=TEMPORAL_WAIT_SECONDS))
        if given.api_connectors == "own":
            pool = ConnectorPool(connectors, pins, environment=os.environ, quarantine=quarantine)
            stack.push_async_callback(pool.close)
        else:
            pool = RemoteConnectors(db, given.tenant, client, tuple(connectors), pins, quarantine)
        gateway = open_gateway(db, policy, pins, pool, owner_of=catalog.owner_of, amounts_of=catalog.amounts_of)
        stack.push_async_callback(gateway.drain)
        state.gateway, state.calls = gateway, CallService(db, gateway)
        state.definitions = PinnedDefinitions(pins)
        state.connectors = ConnectorService(pool, pins, quarantine, given.policies)

        state.reviews = AgentReviews(db)
        state.agents, state.outlook = catalog, Outlook(_policy_of(policy))
        state.runs = RunService(db, client, catalog, policy)
        state.schedules = Schedules(db, state.runs)
        state.hooks = Hooks(db, state.runs, payload_key(given.state_dir / HOOK_KEY))
        state.intakes = Intakes(db, state.runs, gateway)
        state.erasures = Erasures(db, state.exports)
        state.feed = Feed(state.audit, state.approvals, state.runs, state.calls, state.freezes, state.alerts)

        stopping = asyncio.Event()
        chores = [
            asyncio.create_task(watcher.run()),
            asyncio.create_task(Lookout(db, client, catalog).run()),
            asyncio.create_task(keep(db, given, stopping)),
        ]
        await stack.enter_async_context(app.state.mcp.running(given))
        try:
            yield
        finally:
            await state.feed.close()
            stopping.set()
            for chore in chores[:2]:  # the last ends by itself
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)


def _policy_of(policy: PolicyService) -> Callable[[str], TenantPolicy | None]:
    return lambda tenant: policy.snapshot.tenants.get(tenant)
