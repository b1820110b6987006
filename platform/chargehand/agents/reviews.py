"""Reviews of agents: a person answers for having looked at a version. The console says where one is missing or old."""

from __future__ import annotations

from chargehand import clock, ids
from chargehand.agents import review_store
from chargehand.agents.model import AgentReview, AgentSpec
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database, Transaction
from chargehand.errors import Conflict
from chargehand.identity.model import SignedIn


class AgentReviews:
    """Safe to use from several processes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def last(self, tenant: str, agent: str) -> AgentReview | None:
        return await self._db.read(lambda connection: review_store.newest(connection, tenant, agent))

    async def give(self, who: SignedIn, spec: AgentSpec, version: str, comment: str) -> AgentReview:
        """Record that `who` has reviewed the version that runs now. Raises Conflict when that is another one."""
        if version != spec.version:
            raise Conflict(
                f"{spec.name} is another version by now.", way_out="Open it again, and review what runs today."
            )
        tenant = who.principal.tenant
        review = AgentReview(spec.name, version, who.principal.id, clock.now())
        record = Record(
            id=ids.new_id("rec"),
            at=clock.iso(review.at),
            tenant=tenant,
            kind="agent_review",
            who=Who(principal=review.person, chain=(review.person,), agent=spec.principal, signed_in_by=who.method),
            detail={"agent": spec.name, "version": version, "owner": spec.owner, "comment": comment},
        )

        def unit(tx: Transaction) -> AgentReview:
            review_store.add(tx.connection, tenant, review)
            log.append(tx, record)
            return review

        return await self._db.write(unit)
