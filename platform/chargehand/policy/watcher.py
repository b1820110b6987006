"""Following what is put in force elsewhere: polls the counters, compiles in a thread, swaps the snapshot whole.

A decision under way finishes under the policy that it started with. A policy in the database that can't be used (it no
longer compiles, or its rows were altered) denies everything to its tenant, and to no other, with the reason.
"""

from __future__ import annotations

import asyncio
import logging

from chargehand.database import Database
from chargehand.errors import BadPolicy, DatabaseUnavailable
from chargehand.policy import store
from chargehand.policy.compiling import content_hash
from chargehand.policy.service import PolicyService

POLL_SECONDS = 1.0
logger = logging.getLogger("chargehand.policy")


class PolicyWatcher:
    """`load` once before the first decision, then `run` as a task until cancelled."""

    def __init__(self, db: Database, policies: PolicyService, *, seconds: float = POLL_SECONDS) -> None:
        self.db = db
        self.policies = policies
        self.seconds = seconds

    async def run(self) -> None:
        """Poll for ever. While the database does not answer, the policy in force stays."""
        while True:
            try:
                await self.load()
            except DatabaseUnavailable as error:
                logger.warning("policy could not be looked up: %s", error)
            await asyncio.sleep(self.seconds)

    async def load(self) -> tuple[str, ...]:
        """Load each tenant whose counter changed; their names. Raises DatabaseUnavailable."""
        return await asyncio.to_thread(self.load_now)

    def load_now(self) -> tuple[str, ...]:
        """`load`, for callers without an event loop."""
        counters = self.db.read_now(store.counters)
        changed = [tenant for tenant, counter in counters.items() if counter > self.policies.counter(tenant)]
        for tenant in changed:
            self._load(tenant)
        return tuple(changed)

    def _load(self, tenant: str) -> None:
        current = self.db.read_now(lambda connection: store.in_force(connection, tenant))
        if current is None:
            return
        row = self.db.read_now(lambda connection: store.get_draft(connection, tenant, current.draft))
        activations = self.db.read_now(lambda connection: store.list_activations(connection, tenant))
        for activation in activations:
            self.policies.remember_authors(tenant, activation.revision, store.loads(activation.authors))
        if row is None:
            self._broken(tenant, current.counter, f"draft {current.draft} is missing")
            return
        documents: dict[str, str] = store.loads(row.files)
        if content_hash(documents) != row.content_hash:
            self._broken(tenant, current.counter, "its files are not those that were reviewed")
            return
        try:
            policy = self.policies.compile(tenant, documents, source=current.draft)
        except BadPolicy as error:
            self._broken(tenant, current.counter, str(error))
            return
        if policy.revision != current.revision:
            self._broken(tenant, current.counter, "its content or model.conf is not what was put in force")
            return
        self.policies.put_in_force(policy, counter=current.counter, authors=tuple(store.loads(row.authors)))

    def _broken(self, tenant: str, counter: int, why: str) -> None:
        logger.error("the policy of %s can't be used, so everything is denied: %s", tenant, why)
        self.policies.put_out_of_force(tenant, counter=counter, why=why)
