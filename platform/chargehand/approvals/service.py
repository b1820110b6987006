"""Approvals as people use them: answer, hand over, withdraw, be away; and what timers and the relay to runs do.

Each method is one transaction, and repeats harmlessly: a second remind, escalate or expire changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from chargehand import clock, ids
from chargehand.approvals import absence_store, outbox_store, store
from chargehand.approvals.model import Absence, ApprovalRequest, Notification, Verdict
from chargehand.approvals.quorum import Eligibility, Roles, eligibility, satisfied
from chargehand.approvals.requests import close, expire_if_due, record
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, ChargehandError, Conflict, Forbidden, NotFound
from chargehand.identity.model import SignedIn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of each request of a batch: closed or still waiting for others, or refused and why."""

    done: tuple[ApprovalRequest, ...]
    refused: tuple[tuple[str, ChargehandError], ...]


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A request and whether the reader may answer it."""

    request: ApprovalRequest
    eligibility: Eligibility


class ApprovalService:
    """Approval requests of all tenants; every method takes the tenant from who is signed in."""

    def __init__(self, db: Database, roles: Roles) -> None:
        self.db = db
        self.roles = roles

    async def give_verdict(
        self,
        approval: str,
        who: SignedIn,
        *,
        approve: bool,
        digest: str,
        comment: str = "",
        seconds_taken: float | None = None,
        instead: dict[str, Any] | None = None,
    ) -> ApprovalRequest:
        """Answer once. A denial closes the request; an approval closes it when every quorum is met.

        `instead`, with a denial, are other arguments that the agent may use: as a new call, with a digest of its own,
        decided afresh.

        Raises:
            BadInput: `instead` comes with an approval, or is what was asked for.
            NotFound: no such request in the tenant of `who`.
            Conflict: it is closed or expired, `digest` is not what will run, or enough of these roles have approved.
            Forbidden: `who` may not answer this one; says why.
        """
        at = clock.now()

        def unit(tx: Transaction) -> ApprovalRequest | ChargehandError:
            return self._verdict(tx, approval, who, approve, digest, comment, seconds_taken, at, instead)

        if instead is not None and approve:
            raise BadInput(
                "What is approved runs exactly as shown; other arguments go with a denial.",
                field="instead",
                way_out="Deny this one and suggest them, or approve without them.",
            )
        return _raised(await self.db.write(unit))

    async def give_verdicts(
        self, items: Sequence[tuple[str, str]], who: SignedIn, *, approve: bool, comment: str = ""
    ) -> BatchResult:
        """One answer to several equal requests of low risk, (approval, digest) each. Every one is judged alone.

        Raises:
            BadInput: they are not equal, or one of them is not of low risk.
        """
        tenant = who.principal.tenant
        at = clock.now()

        def unit(tx: Transaction) -> BatchResult:
            found = [store.get_request(tx.connection, tenant, approval) for approval, _ in items]
            batches = {request.batch for request in found if request is not None}
            if len(batches) > 1 or "" in batches:
                raise BadInput(
                    "Only equal requests of low risk can be answered together.",
                    field="items",
                    way_out="Answer these one by one.",
                )
            done: list[ApprovalRequest] = []
            refused: list[tuple[str, ChargehandError]] = []
            for approval, digest in items:
                try:
                    answer = self._verdict(tx, approval, who, approve, digest, comment, None, at)
                except ChargehandError as error:
                    answer = error
                if isinstance(answer, ChargehandError):
                    refused.append((approval, answer))
                else:
                    done.append(answer)
            return BatchResult(tuple(done), tuple(refused))

        return await self.db.write(unit)

    async def withdraw(self, approval: str, who: SignedIn, reason: str) -> ApprovalRequest:
        """Take back a request; only its requester may. Raises NotFound, Forbidden, Conflict."""

        def unit(tx: Transaction, request: ApprovalRequest, at: datetime) -> ApprovalRequest:
            if who.principal.id != request.requester:
                raise Forbidden("Only the person who asked may withdraw this.", way_out="Deny it instead.")
            return close(tx, request, "withdrawn", at, who=_who(who), comment=reason)

        return await self._change(approval, who.principal.tenant, unit)

    async def hand_over(self, approval: str, who: SignedIn, to: str, comment: str = "") -> ApprovalRequest:
        """Let `to` answer this request in the place of `who`. Raises NotFound, Forbidden, Conflict, BadInput."""

        def unit(tx: Transaction, request: ApprovalRequest, at: datetime) -> ApprovalRequest:
            mine = self._eligibility(tx, request, who.principal.id, at)
            if not mine.may or mine.authority != who.principal.id:
                raise Forbidden(mine.why_not or "You stand in for somebody; you can't hand that on.")
            if not to.startswith("person:") or to in (who.principal.id, request.requester):
                raise BadInput("This person can't answer in your place.", field="to", value=to)
            pairs = (*request.handed_over, (who.principal.id, to))
            values = {"handed_over": store.to_json(pairs)}
            store.change_request(tx.connection, request.tenant, request.id, values)
            detail = {"event": "handed_over", "from": who.principal.id, "to": to, "comment": comment}
            record(tx, request, "approval_requested", at, who=_who(who), detail=detail)
            return replace(request, handed_over=pairs)

        return await self._change(approval, who.principal.tenant, unit)

    async def remind(self, approval: str, tenant: str) -> ApprovalRequest:
        """Record that those who may answer were reminded. For the run's timer; harmless when closed."""

        def unit(tx: Transaction, request: ApprovalRequest, at: datetime) -> ApprovalRequest:
            if request.remind_at is None:
                return request
            store.change_request(tx.connection, tenant, approval, {"remind_at": ""})
            detail = {"event": "reminded", "people": self._may_answer(tx, request, at)}
            record(tx, request, "approval_requested", at, who=Who(principal="service:chargehand"), detail=detail)
            return replace(request, remind_at=None)

        return await self._timer(approval, tenant, unit)

    async def escalate(self, approval: str, tenant: str) -> ApprovalRequest:
        """From now on holders of the escalation role may fill any seat. For the run's timer; harmless when closed."""

        def unit(tx: Transaction, request: ApprovalRequest, at: datetime) -> ApprovalRequest:
            if request.escalated or not request.escalate_to:
                return request
            store.change_request(tx.connection, tenant, approval, {"escalated": True, "escalate_at": ""})
            detail = {"event": "escalated", "to": request.escalate_to}
            record(tx, request, "approval_requested", at, who=Who(principal="service:chargehand"), detail=detail)
            return replace(request, escalated=True, escalate_at=None)

        return await self._timer(approval, tenant, unit)

    async def expire(self, approval: str, tenant: str) -> ApprovalRequest:
        """Close it if its time is over; harmless otherwise."""
        return await self._timer(approval, tenant, expire_if_due)

    async def get(self, approval: str, who: SignedIn) -> InboxItem:
        """One request. Raises NotFound."""
        at = clock.now()

        def query(connection: Any) -> InboxItem:
            request = store.get_request(connection, who.principal.tenant, approval)
            if request is None:
                raise NotFound(f"There is no approval request {approval!r}.")
            away = absence_store.absences(connection, who.principal.tenant, after=at)
            return InboxItem(request, eligibility(request, self.roles, who.principal.id, away, at))

        return await self.db.read(query)

    async def inbox(
        self,
        who: SignedIn,
        *,
        states: Sequence[str] = ("pending",),
        mine: bool = False,
        agent: str = "",
        tool: str = "",
        run: str = "",
        search: str = "",
        before: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[InboxItem]:
        """Requests of the tenant, newest first; `mine`: only those that `who` may answer now."""
        at = clock.now()
        tenant = who.principal.tenant

        def query(connection: Any) -> list[InboxItem]:
            away = absence_store.absences(connection, tenant, after=at)
            items: list[InboxItem] = []
            cursor = before
            while len(items) < limit:
                page = store.list_requests(
                    connection,
                    tenant,
                    states=states,
                    agent=agent,
                    tool=tool,
                    run=run,
                    search=search,
                    before=cursor,
                    limit=limit,
                )
                for request in page:
                    may = eligibility(request, self.roles, who.principal.id, away, at)
                    if may.wanted or not mine:
                        items.append(InboxItem(request, may))
                if len(page) < limit:
                    break
                cursor = (clock.iso(page[-1].created_at), page[-1].id)
            return items[:limit]

        return await self.db.read(query)

    async def away(self, who: SignedIn, to: str, since: datetime, until: datetime) -> Absence:
        """While `who` is away, `to` answers with the authority of `who`. Raises BadInput."""
        person = who.principal.id
        if not to.startswith("person:") or to == person:
            raise BadInput("Name another person.", field="to", value=to)
        at = clock.now()
        if not since < until or until <= at:
            raise BadInput("The end must be later than the beginning, and in the future.", field="until", value=until)
        absence = Absence(ids.new_id("abs"), who.principal.tenant, person, to, since, until)

        def unit(tx: Transaction) -> Absence:
            absence_store.add_absence(tx.connection, absence)
            _absence_record(tx, who, absence, "away", at)
            return absence

        return await self.db.write(unit)

    async def back(self, who: SignedIn, absence: str) -> None:
        """End an absence of one's own early. Raises NotFound."""
        at = clock.now()

        def unit(tx: Transaction) -> None:
            tenant = who.principal.tenant
            current = [item for item in absence_store.absences(tx.connection, tenant, after=at) if item.id == absence]
            if not current or not absence_store.end_absence(tx.connection, tenant, absence, who.principal.id, at):
                raise NotFound(f"You have no absence {absence!r}.")
            _absence_record(tx, who, current[0], "back", at)

        await self.db.write(unit)

    async def absences(self, who: SignedIn) -> list[Absence]:
        """Absences of the tenant that have not ended."""
        at = clock.now()
        return await self.db.read(lambda connection: absence_store.absences(connection, who.principal.tenant, after=at))

    async def pending_notifications(self, limit: int = 100) -> list[Notification]:
        """Closed requests whose runs have not been told, oldest first."""
        return await self.db.read(lambda connection: outbox_store.pending_notifications(connection, limit))

    async def mark_notified(self, notification: str) -> None:
        """The run has been told. Call it only after the engine acknowledged."""
        at = clock.now()
        await self.db.write(lambda tx: outbox_store.mark_notified(tx.connection, notification, at))

    def _verdict(
        self,
        tx: Transaction,
        approval: str,
        who: SignedIn,
        approve: bool,
        digest: str,
        comment: str,
        seconds_taken: float | None,
        at: datetime,
        instead: dict[str, Any] | None = None,
    ) -> ApprovalRequest | ChargehandError:
        """Returns, instead of raising, what must not undo the expiry that this transaction may have recorded."""
        request = self._pending(tx, approval, who.principal.tenant, at)
        if isinstance(request, ChargehandError):
            return request
        if digest != request.digest:
            return Conflict(
                "The request changed after you opened it.", way_out="Open it again and look at what will run."
            )
        may = self._eligibility(tx, request, who.principal.id, at)
        if not may.may:
            return Forbidden(may.why_not)
        if approve and may.only_deny:
            return Conflict(may.why_not, way_out="Deny it if it must not run; your approval would change nothing.")
        if instead == request.arguments:
            return BadInput("This is what was asked for.", field="instead", way_out="Approve it, or change something.")
        verdict = Verdict(
            id=ids.new_id("ver"),
            approval=approval,
            person=who.principal.id,
            approve=approve,
            digest=digest,
            comment=comment,
            signed_in_by=who.method,
            at=at,
            seconds_taken=seconds_taken,
            on_behalf_of="" if may.authority == who.principal.id else may.authority,
            instead=instead,
        )
        store.add_verdict(tx.connection, request.tenant, verdict)
        detail: dict[str, Any] = {"verdict": verdict.id, "comment": comment, "seconds_taken": seconds_taken}
        if verdict.on_behalf_of:
            detail["on_behalf_of"] = verdict.on_behalf_of
        if instead is not None:
            detail["instead"] = instead
        decision = "approve" if approve else "deny"
        record(tx, request, "verdict", at, who=_who(who), decision=decision, detail=detail)
        request = replace(request, verdicts=(*request.verdicts, verdict))
        if not approve:
            return close(tx, request, "rejected", at, who=_who(who), comment=comment)
        if satisfied(request, self.roles):
            return close(tx, request, "approved", at, who=_who(who))
        return request

    def _pending(self, tx: Transaction, approval: str, tenant: str, at: datetime) -> ApprovalRequest | ChargehandError:
        request = store.get_request(tx.connection, tenant, approval, for_update=True)
        if request is None:
            raise NotFound(f"There is no approval request {approval!r}.")
        request = expire_if_due(tx, request, at)
        if request.state != "pending":
            return Conflict(f"This request is already {request.state}.", way_out="Nothing is left to answer.")
        return request

    def _eligibility(self, tx: Transaction, request: ApprovalRequest, person: str, at: datetime) -> Eligibility:
        away = absence_store.absences(tx.connection, request.tenant, after=at)
        return eligibility(request, self.roles, person, away, at)

    def _may_answer(self, tx: Transaction, request: ApprovalRequest, at: datetime) -> list[str]:
        roles = [role for role, _ in request.quorums]
        people = {person for role in roles for person in self.roles.holders_of(request.tenant, role)}
        return sorted(person for person in people if self._eligibility(tx, request, person, at).wanted)

    async def _change(
        self, approval: str, tenant: str, change: Callable[[Transaction, ApprovalRequest, datetime], ApprovalRequest]
    ) -> ApprovalRequest:
        at = clock.now()

        def unit(tx: Transaction) -> ApprovalRequest | ChargehandError:
            request = self._pending(tx, approval, tenant, at)
            return request if isinstance(request, ChargehandError) else change(tx, request, at)

        return _raised(await self.db.write(unit))

    async def _timer(
        self, approval: str, tenant: str, change: Callable[[Transaction, ApprovalRequest, datetime], ApprovalRequest]
    ) -> ApprovalRequest:
        at = clock.now()

        def unit(tx: Transaction) -> ApprovalRequest:
            request = store.get_request(tx.connection, tenant, approval, for_update=True)
            if request is None:
                raise NotFound(f"There is no approval request {approval!r}.")
            request = expire_if_due(tx, request, at)
            return change(tx, request, at) if request.state == "pending" else request

        return await self.db.write(unit)


def _raised(answer: T | ChargehandError) -> T:
    if isinstance(answer, ChargehandError):
        raise answer
    return answer


def _who(who: SignedIn) -> Who:
    return Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)


def _absence_record(tx: Transaction, who: SignedIn, absence: Absence, event: str, at: datetime) -> None:
    detail = {
        "event": event,
        "absence": absence.id,
        "to": absence.to,
        "since": clock.iso(absence.since),
        "until": clock.iso(absence.until),
    }
    log.append(
        tx,
        Record(
            id=ids.new_id("rec"),
            at=clock.iso(at),
            tenant=absence.tenant,
            kind="approval_requested",
            who=_who(who),
            detail=detail,
        ),
    )
