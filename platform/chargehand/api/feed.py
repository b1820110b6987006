"""The live stream's source: what is new in the action log, told to whoever may see it.

One reader a tenant looks at the log about once a second while somebody listens. A live event is never evidence: it
says what to look at again. Its id is a position in the log, so a stream resumes where it broke off.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from chargehand.api.views import Counts, LiveEvent, LiveKind
from chargehand.approvals.service import ApprovalService
from chargehand.audit.model import Record, RecordKind
from chargehand.audit.service import AuditService, Logged
from chargehand.errors import ChargehandError
from chargehand.gateway.service import CallService
from chargehand.identity.abilities import Ability
from chargehand.identity.model import SignedIn
from chargehand.risk.alerts import AlertService
from chargehand.risk.freeze import FreezeService
from chargehand.runs.model import OPEN
from chargehand.runs.service import RunService

log = logging.getLogger("chargehand.api.live")

LOOK_SECONDS = 0.7
KEPT = 500
MAX_COUNTED = 200
Can = Callable[[Ability], bool]

KINDS: dict[RecordKind, LiveKind] = {
    "run": "run",
    "person_task": "task",
    "decision": "call",
    "intent": "call",
    "outcome": "call",
    "reconciliation": "call",
    "approval_requested": "approval",
    "verdict": "approval",
    "approval_closed": "approval",
    "mandate": "mandate",
    "freeze": "freeze",
    "policy_change": "policy",
    "pin_change": "connector",
}


@dataclass(slots=True)
class _Tail:
    """The newest records of one tenant's log, oldest first, and whoever waits for more."""

    seq: int = -1
    records: deque[Logged] = field(default_factory=lambda: deque[Logged](maxlen=KEPT))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    reader: asyncio.Task[None] | None = None


class Feed:
    """Streams of live events. One a process; `close` ends all of them."""

    def __init__(
        self,
        audit: AuditService,
        approvals: ApprovalService,
        runs: RunService,
        calls: CallService,
        freezes: FreezeService,
        alerts: AlertService,
    ) -> None:
        self._audit = audit
        self._approvals = approvals
        self._runs = runs
        self._calls = calls
        self._freezes = freezes
        self._alerts = alerts
        self._tails: dict[str, _Tail] = {}

    async def events(self, who: SignedIn, can: Can, after: int | None) -> AsyncGenerator[tuple[int, LiveEvent]]:
        """(position, event) from `after` on; without it from now on. First come the counts.

        A gap that is too old to be told is one event `reset`: look at everything again.
        """
        tenant = who.principal.tenant
        tail = self._tails.setdefault(tenant, _Tail())
        tail.listeners += 1
        try:
            if tail.reader is None:
                await self._look(tenant, tail)
                tail.reader = asyncio.create_task(self._read(tenant, tail))
            position = tail.seq if after is None else after
            if position > tail.seq or (tail.records and position < tail.records[0].seq - 1):
                position = tail.seq
                yield position, LiveEvent(kind="reset", id="")
            counts: Counts | None = None
            while True:
                fresh = [logged for logged in tail.records if logged.seq > position]
                position = max(position, tail.seq)
                for logged in fresh:
                    if event := _event(logged.record, who, can):
                        yield logged.seq, event
                if (now := await self._counts(who, can)) != counts:
                    counts = now
                    yield position, LiveEvent(kind="counts", id="", counts=now)
                await tail.changed.wait()
        finally:
            tail.listeners -= 1
            if tail.listeners == 0 and tail.reader is not None:
                tail.reader.cancel()
                del self._tails[tenant]

    async def close(self) -> None:
        """End the readers; streams end with the connections."""
        for tail in self._tails.values():
            if tail.reader is not None:
                tail.reader.cancel()

    async def _read(self, tenant: str, tail: _Tail) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await self._look(tenant, tail):
                    tail.changed.set()
                    tail.changed = asyncio.Event()
            except ChargehandError as error:
                log.warning("the live stream could not look at the log: %s", error)

    async def _look(self, tenant: str, tail: _Tail) -> bool:
        """Take up what is new in the log; whether there was anything."""
        limit = KEPT if tail.seq >= 0 else 1
        page = await self._audit.query(tenant, limit=limit)
        fresh = [logged for logged in page.items if logged.seq > tail.seq]
        tail.records.extend(sorted(fresh, key=lambda logged: logged.seq))
        tail.seq = max((logged.seq for logged in fresh), default=tail.seq)
        return bool(fresh)

    async def _counts(self, who: SignedIn, can: Can) -> Counts:
        mine = await self._approvals.inbox(who, mine=True, limit=MAX_COUNTED) if can("give_verdict") else []
        tasks = await self._runs.tasks(who, mine=True)
        principal = "" if can("read_runs") else who.principal.id
        open_runs = await self._runs.list(who, states=OPEN, principal=principal, limit=MAX_COUNTED)
        doubts = len(await self._calls.in_doubt(who)) if can("read_runs") else 0
        alerts = await self._alerts.open(who) if can("handle_alerts") else []
        return Counts(
            approvals_waiting_for_me=len(mine),
            tasks_waiting_for_me=len(tasks),
            runs_open=len(open_runs.items),
            calls_in_doubt=doubts,
            alerts_open=len(alerts),
            frozen=len(await self._freezes.list(who)),
        )


def _event(record: Record, who: SignedIn, can: Can) -> LiveEvent | None:
    """The event for a record, for those who may see what it is about."""
    kind = KINDS.get(record.kind)
    if kind is None:
        return None
    mine = record.who.principal == who.principal.id or who.principal.id in record.who.chain
    seen = {
        "run": mine or can("read_runs"),
        "task": True,
        "call": mine or can("read_runs"),
        "approval": mine or can("give_verdict") or can("read_runs"),
        "mandate": True,
        "freeze": True,
        "policy": can("read_policy"),
        "connector": can("read_connectors"),
    }[kind]
    if not seen:
        return None
    about = {
        "run": record.run,
        "task": str(record.detail.get("task") or ""),
        "call": record.call_key,
        "approval": record.approval,
        "mandate": str(record.detail.get("mandate") or ""),
        "freeze": str(record.detail.get("freeze") or ""),
        "policy": str(record.detail.get("draft") or record.policy_revision),
        "connector": record.tool,
    }[kind]
    state = record.outcome or record.decision or str(record.detail.get("event") or "")
    return LiveEvent(kind=kind, id=about, run=record.run, state=state, tool=record.tool)
