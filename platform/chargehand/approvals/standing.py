"""Mandates as people use them: proposed from the approval history, given by a person with authority, revoked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from chargehand import clock, ids
from chargehand.approvals import store
from chargehand.approvals.mandates import MANDATES, USES, Mandate, mandate_of, may_give, record
from chargehand.approvals.model import ApprovalRequest
from chargehand.approvals.quorum import Roles
from chargehand.audit.model import Who
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, ChargehandError, Forbidden, NotFound
from chargehand.identity.model import SignedIn

HISTORY = timedelta(days=30)
MIN_APPROVED = 5
"""A mandate is proposed after so many approvals without a single rejection."""

MAX_CALLS = 10_000
MAX_LIFE = timedelta(days=366)
AMOUNT_FIELD = "amount"
CURRENCY_FIELD = "currency"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the history suggests to pre-approve. `evidence`: ids of the approvals that it was drawn from."""

    id: str
    agent: str
    tool: str
    rules: tuple[str, ...]
    calls: int
    field: str
    total: Decimal | None
    each: Decimal | None
    currency: str
    days: int
    approved: int
    rejected: int
    evidence: tuple[str, ...]

    @property
    def sentence(self) -> str:
        amount = f", each at most {self.each:,f} {self.currency}" if self.each is not None else ""
        return (
            f"Let {self.agent} use {self.tool} up to {self.calls} times in {self.days} days{amount}: "
            f"{self.approved} such requests were approved in the last {HISTORY.days} days, none rejected."
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """The caps of a mandate. Without a cap on the amount every amount that policy asks about is covered."""

    agent: str
    tool: str
    calls: int
    until: datetime
    reason: str
    field: str = ""
    total: Decimal | None = None
    each: Decimal | None = None
    currency: str = ""
    proposal: str = ""


class MandateService:
    """Mandates of all tenants; every method takes the tenant from who is signed in."""

    def __init__(self, db: Database, roles: Roles) -> None:
        self.db = db
        self.roles = roles

    async def proposals(self, who: SignedIn) -> list[Proposal]:
        """What this person could pre-approve, by the approvals of the last 30 days, most frequent first."""
        tenant = who.principal.tenant
        since = clock.iso(clock.now() - HISTORY)

        def query(connection: Connection) -> list[ApprovalRequest]:
            states = ("approved", "rejected")
            return store.list_requests(connection, tenant, states=states, since=since, limit=5000)

        groups: dict[tuple[str, ...], list[ApprovalRequest]] = defaultdict(list)
        for request in await self.db.read(query):
            currency = str(request.arguments.get(CURRENCY_FIELD, ""))
            groups[request.agent.removeprefix("agent:"), request.tool, currency, *request.rules].append(request)
        found = [self._proposal(who, key, requests) for key, requests in groups.items()]
        return sorted((each for each in found if each), key=lambda each: -each.approved)

    async def give(self, who: SignedIn, terms: Terms) -> Mandate:
        """Pre-approve. It covers only calls that this person alone could have approved, when they come.

        Raises:
            BadInput: a cap is missing or not usable.
            Forbidden: only a person may give one, and one that holds no role could never approve anything.
        """
        person, tenant, at = who.principal.id, who.principal.tenant, clock.now()
        _check(terms, at)
        if not person.startswith("person:") or not self.roles.roles_of(tenant, person):
            raise Forbidden("Only a person who may approve can give a mandate.")
        mandate = Mandate(
            id=ids.new_id("man"),
            tenant=tenant,
            agent=terms.agent.removeprefix("agent:"),
            tool=terms.tool,
            calls=terms.calls,
            calls_used=0,
            field=terms.field,
            total=terms.total,
            total_used=Decimal(0),
            each=terms.each,
            currency=terms.currency,
            until=terms.until,
            given_by=person,
            given_at=at,
            reason=terms.reason,
        )

        def unit(tx: Transaction) -> Mandate:
            _insert(tx, mandate, terms.proposal)
            caps = {name: str(getattr(mandate, name)) for name in ("calls", "total", "each", "currency", "field")}
            detail = {"event": "given", "mandate": mandate.id, "until": clock.iso(mandate.until), **caps}
            record(tx, mandate, _who(who), {**detail, "reason": terms.reason, "proposal": terms.proposal})
            return mandate

        return await self.db.write(unit)

    async def revoke(self, who: SignedIn, mandate: str, reason: str) -> Mandate:
        """End a mandate now. Raises NotFound when there is none in force by that id."""
        tenant, at = who.principal.tenant, clock.now()

        def unit(tx: Transaction) -> Mandate:
            changed = tx.connection.execute(
                update(MANDATES)
                .where(MANDATES.c.tenant == tenant, MANDATES.c.id == mandate, MANDATES.c.revoked_at == "")
                .values(revoked_by=who.principal.id, revoked_at=clock.iso(at), revoked_reason=reason)
            )
            if changed.rowcount != 1:
                raise NotFound(f"There is no mandate {mandate!r} in force.")
            row = tx.connection.execute(
                select(MANDATES).where(MANDATES.c.tenant == tenant, MANDATES.c.id == mandate)
            ).one()
            revoked = mandate_of(row)
            record(tx, revoked, _who(who), {"event": "revoked", "mandate": mandate, "reason": reason})
            return revoked

        return await self.db.write(unit)

    async def list(self, who: SignedIn, *, agent: str = "") -> list[Mandate]:
        """Mandates of the tenant, newest first."""
        query = select(MANDATES).where(MANDATES.c.tenant == who.principal.tenant)
        if agent:
            query = query.where(MANDATES.c.agent == agent.removeprefix("agent:"))
        query = query.order_by(MANDATES.c.given_at.desc())
        return await self.db.read(lambda connection: [mandate_of(row) for row in connection.execute(query)])

    async def uses(self, who: SignedIn, mandate: str) -> list[tuple[str, Decimal, datetime]]:
        """The calls that used a mandate: (call key, amount, time), newest first."""
        query = (
            select(USES)
            .where(USES.c.tenant == who.principal.tenant, USES.c.mandate == mandate)
            .order_by(USES.c.at.desc())
        )
        return await self.db.read(
            lambda connection: [
                (row.call_key, Decimal(row.amount), clock.parse(row.at)) for row in connection.execute(query)
            ]
        )

    def _proposal(self, who: SignedIn, key: tuple[str, ...], requests: Sequence[ApprovalRequest]) -> Proposal | None:
        agent, tool, currency, *rules = key
        rejected = sum(request.state == "rejected" for request in requests)
        if rejected or len(requests) < MIN_APPROVED:
            return None
        try:
            known = [self.roles.approval_rule(who.principal.tenant, rule) for rule in rules]
        except ChargehandError:
            return None
        if not may_give(self.roles, who.principal.tenant, who.principal.id, known, "", ""):
            return None
        amounts = [_decimal(request.arguments.get(AMOUNT_FIELD)) for request in requests]
        exact = [amount for amount in amounts if amount is not None]
        capped = len(exact) == len(requests)
        return Proposal(
            id=f"prop_{sha256('/'.join(key).encode()).hexdigest()[:16]}",
            agent=agent,
            tool=tool,
            rules=tuple(rules),
            calls=len(requests),
            field=AMOUNT_FIELD if capped else "",
            total=sum(exact, Decimal(0)) if capped else None,
            each=max(exact) if capped else None,
            currency=currency,
            days=HISTORY.days,
            approved=len(requests),
            rejected=rejected,
            evidence=tuple(request.id for request in requests[:100]),
        )


def _check(terms: Terms, at: datetime) -> None:
    if not 1 <= terms.calls <= MAX_CALLS:
        raise BadInput(f"a number of calls from 1 to {MAX_CALLS}", field="calls", value=terms.calls)
    if not at < terms.until <= at + MAX_LIFE:
        raise BadInput("a time in the future, within a year", field="until", value=clock.iso(terms.until))
    if not terms.reason.strip():
        raise BadInput("Say why.", field="reason")
    for name in ("total", "each"):
        amount: Decimal | None = getattr(terms, name)
        if amount is not None and (not amount.is_finite() or amount <= 0):
            raise BadInput("an amount above 0", field=name, value=str(amount))
        if amount is not None and not (terms.field and terms.currency):
            raise BadInput("An amount needs the argument that it caps, and a currency.", field="field")


def _insert(tx: Transaction, mandate: Mandate, proposal: str) -> None:
    tx.connection.execute(
        insert(MANDATES),
        {
            "tenant": mandate.tenant,
            "id": mandate.id,
            "agent": mandate.agent,
            "tool": mandate.tool,
            "calls": mandate.calls,
            "calls_used": 0,
            "field": mandate.field,
            "total": "" if mandate.total is None else str(mandate.total),
            "total_used": "0",
            "each": "" if mandate.each is None else str(mandate.each),
            "currency": mandate.currency,
            "until": clock.iso(mandate.until),
            "given_by": mandate.given_by,
            "given_at": clock.iso(mandate.given_at),
            "reason": mandate.reason,
            "proposal": proposal,
            "revoked_by": "",
            "revoked_at": "",
            "revoked_reason": "",
        },
    )


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _who(who: SignedIn) -> Who:
    return Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)
