"""The kill switch: freeze agents, tools, connectors or the tenant. Durable, recorded, checked at each call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, NotFound
from chargehand.identity.model import SignedIn
from chargehand.risk import store
from chargehand.risk.model import Freeze, FreezeScope


def covering(connection: Connection, tenant: str, chain: Iterable[str], tool: str) -> Freeze | None:
    """The freeze that forbids this call now, if there is one: of the tenant, the tool, its connector or any agent."""
    freezes = store.in_force(connection, tenant)
    if not freezes:
        return None
    connector = tool.partition(".")[0]
    agents = set(chain)
    for freeze in freezes:
        if (
            freeze.scope == "tenant"
            or (freeze.scope == "tool" and freeze.name == tool)
            or (freeze.scope == "connector" and freeze.name == connector)
            or (freeze.scope == "agent" and freeze.name in agents)
        ):
            return freeze
    return None


class FreezeService:
    """Who may freeze is checked by the door (`freeze` ability); here it is done and recorded."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def freeze(self, who: SignedIn, scope: FreezeScope, name: str, reason: str) -> Freeze:
        """Stop every further call of the agent, tool, connector or tenant. Calls in flight are not interrupted.

        Raises:
            BadInput: a name is missing, or given for the tenant.
        """
        if (scope == "tenant") == bool(name):
            raise BadInput("Name what to freeze; a tenant has no name.", field="name", value=name)
        if scope == "agent" and not name.startswith("agent:"):
            name = f"agent:{name}"
        at = clock.now()
        freeze = Freeze(ids.new_id("frz"), who.principal.tenant, scope, name, reason, who.principal.id, at)

        def unit(tx: Transaction) -> Freeze:
            store.add(tx.connection, freeze)
            _record(tx, who, freeze, "frozen", reason)
            return freeze

        return await self.db.write(unit)

    async def lift(self, who: SignedIn, freeze: str, reason: str) -> Freeze:
        """Let calls through again. Raises NotFound when it is not in force."""
        tenant = who.principal.tenant
        at = clock.now()

        def unit(tx: Transaction) -> Freeze:
            if not store.lift(tx.connection, tenant, freeze, who.principal.id, reason, at):
                raise NotFound(f"There is no freeze {freeze!r} in force.")
            lifted = store.get(tx.connection, tenant, freeze)
            assert lifted is not None  # noqa: S101  # updated a line ago, in this transaction
            _record(tx, who, lifted, "lifted", reason)
            return lifted

        return await self.db.write(unit)

    async def list(self, who: SignedIn, *, in_force: bool = True) -> Sequence[Freeze]:
        """Freezes of the tenant of `who`."""
        tenant = who.principal.tenant
        query = store.in_force if in_force else store.all_of
        return await self.db.read(lambda connection: query(connection, tenant))


def _record(tx: Transaction, who: SignedIn, freeze: Freeze, event: str, reason: str) -> None:
    log.append(
        tx,
        Record(
            id=ids.new_id("rec"),
            at=clock.iso(clock.now()),
            tenant=freeze.tenant,
            kind="freeze",
            who=Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method),
            tool=freeze.name if freeze.scope == "tool" else "",
            outcome=event,
            detail={"freeze": freeze.id, "scope": freeze.scope, "name": freeze.name, "reason": reason},
        ),
    )
