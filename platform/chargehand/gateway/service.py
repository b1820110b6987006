"""Single calls as people see them: in flight, in doubt, their life; reconciled by a person; a read tried by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from chargehand import clock, ids
from chargehand.approvals import store as approvals
from chargehand.approvals.model import ApprovalRequest
from chargehand.audit.model import Who
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound
from chargehand.gateway import log, store
from chargehand.gateway.desk import Case
from chargehand.gateway.dispatch import look_up
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import CallState, StoredCall, ToolCall
from chargehand.gateway.settle import dead, finish
from chargehand.identity.model import SignedIn
from chargehand.outcome import Failure, Outcome

Where = Literal["in_flight", "in_doubt", "waiting", "done", "all"]

STATES: Mapping[Where, tuple[CallState, ...]] = {
    "in_flight": ("proposed", "dispatched"),
    "in_doubt": ("in_doubt",),
    "waiting": ("waiting",),
    "done": ("done",),
    "all": (),
}


@dataclass(frozen=True, slots=True)
class CallLife:
    """A call and the approval it waited for, if it did. Its records are in the action log under its key."""

    call: StoredCall
    approval: ApprovalRequest | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a system knows of a call's key: `found`, `absent` or `unknown`.

    `certain` is false for an absence while a message of the call may still arrive.
    """

    kind: str
    value: Any
    detail: str
    certain: bool


class CallService:
    """Reads of the call table, and what a person may do about one call. The door checks who may."""

    def __init__(self, db: Database, gateway: Gateway) -> None:
        self.db = db
        self.gateway = gateway

    async def calls(
        self,
        who: SignedIn,
        *,
        where: Where = "all",
        run: str = "",
        agent: str = "",
        tool: str = "",
        connector: str = "",
        before: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[StoredCall]:
        """Calls of the tenant of `who`, newest first; `before` is (proposed_at as RFC 3339, key) of the last seen."""
        tenant = who.principal.tenant
        return await self.db.read(
            lambda connection: store.list_calls(
                connection,
                tenant,
                states=STATES[where],
                run=run,
                agent=agent,
                tool=tool,
                connector=connector,
                before=before,
                limit=limit,
            )
        )

    async def in_doubt(self, who: SignedIn) -> Sequence[StoredCall]:
        """Calls that a person must reconcile, newest first."""
        return await self.calls(who, where="in_doubt", limit=1000)

    async def get(self, who: SignedIn, key: str) -> CallLife:
        """One call. Raises NotFound."""
        tenant = who.principal.tenant

        def query(connection: Connection) -> CallLife:
            call = store.get(connection, tenant, key)
            if call is None:
                raise NotFound(f"There is no call {key!r}.")
            asked = approvals.get_request(connection, tenant, call.approval) if call.approval else None
            return CallLife(call, asked)

        return await self.db.read(query)

    async def reconcile(
        self,
        key: str,
        who: SignedIn,
        *,
        happened: bool,
        evidence: str,
        comment: str = "",
        result: Any = None,
    ) -> StoredCall:
        """Say what became of a call in doubt. Only once no message of it can still arrive; the run is told.

        Raises:
            NotFound: there is no such call.
            Conflict: it is not in doubt, or a message of it may still arrive; says until when.
            BadInput: no evidence.
        """
        if not evidence.strip():
            raise BadInput("Say how you know, for example a document number.", field="evidence")
        tenant = who.principal.tenant

        def unit(tx: Transaction) -> StoredCall:
            known = store.get(tx.connection, tenant, key, for_update=True)
            if known is None:
                raise NotFound(f"There is no call {key!r}.")
            if known.state != "in_doubt":
                raise Conflict(f"This call is not in doubt: it is {known.outcome or known.state}.")
            if not dead(known, clock.now()) and known.alive_until is not None:
                raise Conflict(
                    f"A message of this call may still arrive until {clock.iso(known.alive_until)}.",
                    way_out="Look again after that.",
                )
            person = Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)
            outcome = "succeeded" if happened else "failed"
            detail = {"happened": happened, "evidence": evidence, "comment": comment}
            log.of_stored(tx, known, "reconciliation", who=person, outcome=outcome, detail=detail)
            if happened:
                finish(tx, known, "succeeded", value=result, states=("in_doubt",), who=person)
            else:
                failure = Failure(kind="people", detail=f"A person found that it was not done: {evidence}")
                finish(tx, known, "failed", failure=failure, states=("in_doubt",), who=person)
            settled = store.get(tx.connection, tenant, key)
            assert settled is not None  # noqa: S101  # written a line ago, in this transaction
            return settled

        return await self.db.write(unit)

    async def look_up(self, key: str, who: SignedIn) -> Finding:
        """Ask the system itself what it knows of a call, as evidence for `reconcile`. Recorded; settles nothing.

        Raises:
            NotFound: there is no such call.
            BadInput: the tool's system can't be asked by key.
        """
        call = (await self.get(who, key)).call
        desk = self.gateway.desk
        pin = desk.pins.get(call.tool)
        if pin is None or not pin.lookup:
            raise BadInput(f"{call.tool} can't be looked up by key.", field="key", way_out="Look in the system itself.")
        at = clock.now()
        case = Case(call=call.as_call(), at=at, pin=pin, look_up=True, deadline=at + desk.call_time)
        answer = await look_up(desk, case)
        certain = answer.kind == "found" or (answer.kind == "absent" and dead(call, at))
        finding = Finding(answer.kind, answer.value, answer.detail, certain)
        person = Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)
        detail = {"found": answer.value, "why": answer.detail, "certain": certain}
        personal = log.said_of(pin, case.call.arguments, "detail.found")
        await self.db.write(
            lambda tx: log.of_stored(
                tx, call, "lookup", who=person, outcome=answer.kind, detail=detail, personal=personal
            )
        )
        return finding

    async def try_tool(self, who: SignedIn, tool: str, arguments: dict[str, Any]) -> tuple[Outcome, float]:
        """Call a read tool by hand, as oneself, through the same gateway. Returns the outcome and seconds taken.

        Raises:
            Forbidden: the tool is not a reviewed read.
            What `Gateway.call` raises.
        """
        pin = self.gateway.desk.pins.get(tool)
        if pin is None or pin.effect != "read":
            raise Forbidden(f"{tool} is not a reviewed read.", way_out="Writes are made by agents only.")
        run = ids.new_id("try")
        call = ToolCall(
            tenant=who.principal.tenant,
            run=run,
            key=run,
            chain=(who.principal.id,),
            tool=tool,
            arguments=arguments,
            step="try",
        )
        began = time.monotonic()
        answer = await self.gateway.call(call)
        if not isinstance(answer, Outcome):
            answer = await self.gateway.give_up(call)
        return answer, time.monotonic() - began
