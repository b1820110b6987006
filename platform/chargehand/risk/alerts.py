"""Alerts: what detectors find in the last day of the action log, until somebody has looked at it.

An alert's id is made from what it is about, so the same finding is the same alert however often it is looked for; only
how it was handled is kept. Who handled it stands in the action log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from chargehand import clock, ids
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.service import AuditService, Logged
from chargehand.database import Database, Transaction
from chargehand.errors import Conflict, NotFound
from chargehand.identity.model import SignedIn
from chargehand.risk.alert_store import HANDLED

AlertLevel = Literal["low", "medium", "high"]
AlertState = Literal["open", "acknowledged", "dismissed"]

LOOKED_AT = "last 24h kind in (decision, outcome, reconciliation, verdict, sign_in, pin_change)"
MAX_RECORDS = 5_000
PAGE = 1_000
FRESH_SECONDS = 5.0
DENIALS = 5
REFUSALS = 10
WITHIN = timedelta(hours=1)
HASTY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One finding. `records` are the log's numbers it was drawn from; `parameters` fill the translated sentence."""

    id: str
    level: AlertLevel
    detector: str
    sentence: str
    parameters: dict[str, str]
    raised_at: datetime
    records: tuple[int, ...]
    agent: str = ""
    tool: str = ""
    principal: str = ""
    run: str = ""
    state: AlertState = "open"
    handled_by: str = ""
    comment: str = ""


class AlertService:
    """Who may look is checked by the door (`handle_alerts`)."""

    def __init__(self, db: Database, audit: AuditService) -> None:
        self._db = db
        self._audit = audit
        self._found: dict[str, tuple[float, tuple[Alert, ...]]] = {}

    async def open(self, who: SignedIn) -> list[Alert]:
        """Alerts that nobody has handled, newest first."""
        return [alert for alert in await self.all(who) if alert.state == "open"]

    async def all(self, who: SignedIn) -> list[Alert]:
        """Alerts of the last day, newest first."""
        tenant = who.principal.tenant
        looked, found = self._found.get(tenant, (0.0, ()))
        if time.monotonic() - looked > FRESH_SECONDS:
            found = detect(await self._records(tenant))
            self._found[tenant] = (time.monotonic(), found)
        handled = await self._db.read(lambda connection: _handled(connection, tenant))
        known = [replace(alert, **handled.get(alert.id, {})) for alert in found]
        return sorted(known, key=lambda alert: alert.raised_at, reverse=True)

    async def handle(self, who: SignedIn, alert: str, *, dismiss: bool, comment: str) -> Alert:
        """Acknowledge or dismiss; recorded. Raises NotFound, Conflict when somebody was faster."""
        tenant, at = who.principal.tenant, clock.now()
        found = next((one for one in await self.all(who) if one.id == alert), None)
        if found is None:
            raise NotFound(f"There is no alert {alert!r}.", way_out="Alerts are about the last day.")
        if found.state != "open":
            raise Conflict(f"{found.handled_by} has handled it already: {found.state}.")
        state: AlertState = "dismissed" if dismiss else "acknowledged"
        row = {
            "tenant": tenant,
            "alert": alert,
            "state": state,
            "handled_by": who.principal.id,
            "comment": comment,
            "at": clock.iso(at),
        }
        record = Record(
            id=ids.new_id("rec"),
            at=clock.iso(at),
            tenant=tenant,
            kind="access",
            who=Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method),
            arguments=None,
            business_key="",
            detail={"act": f"alert {state}", "alert": alert, "sentence": found.sentence, "comment": comment},
        )

        def unit(tx: Transaction) -> None:
            if alert in _handled(tx.connection, tenant):
                raise Conflict("Somebody else was faster.", way_out="Look at it again.")
            tx.connection.execute(insert(HANDLED), row)
            append(tx, record)

        await self._db.write(unit)
        return replace(found, state=state, handled_by=who.principal.id, comment=comment)

    async def _records(self, tenant: str) -> list[Logged]:
        records: list[Logged] = []
        after: str | None = None
        while len(records) < MAX_RECORDS:
            page = await self._audit.query(tenant, LOOKED_AT, limit=PAGE, after=after)
            records += page.items
            after = page.next
            if after is None:
                break
        return records[::-1]


def detect(records: Sequence[Logged]) -> tuple[Alert, ...]:
    """Every detector over the records, oldest first. Pure."""
    return tuple(alert for detector in _DETECTORS for alert in detector(records))


def _denials(records: Sequence[Logged]) -> Iterable[Alert]:
    """One who is denied again and again tries something that it was not made for, or the policy does not fit."""
    by_actor: dict[str, list[Logged]] = {}
    for one in records:
        if one.record.kind == "decision" and one.record.decision == "deny":
            by_actor.setdefault(one.record.who.agent or one.record.who.principal, []).append(one)
    for actor, denied in by_actor.items():
        if burst := _burst(denied, DENIALS):
            tools = ", ".join(sorted({one.record.tool for one in burst}))
            yield _alert(
                "denials", "medium", f"{actor} was denied {len(burst)} times within an hour: {tools}.", burst,
                actor=actor, count=str(len(burst)), tools=tools,
            )  # fmt: skip


def _in_doubt(records: Sequence[Logged]) -> Iterable[Alert]:
    """Nobody knows whether it was done; a person must find out."""
    settled = {
        one.record.call_key
        for one in records
        if one.record.kind == "reconciliation" or (one.record.kind == "outcome" and one.record.outcome != "in_doubt")
    }
    for one in records:
        record = one.record
        if record.kind == "outcome" and record.outcome == "in_doubt" and record.call_key not in settled:
            yield _alert(
                "in_doubt", "high", f"Nobody knows whether {record.tool} was done.", [one],
                tool=record.tool, call=record.call_key,
            )  # fmt: skip


def _hasty(records: Sequence[Logged]) -> Iterable[Alert]:
    """An approval that was given faster than one can read."""
    for one in records:
        record, seconds = one.record, one.record.detail.get("seconds_taken")
        approved = record.kind == "verdict" and record.decision == "approve"
        if approved and isinstance(seconds, int | float) and seconds < HASTY_SECONDS:
            yield _alert(
                "hasty", "medium", f"{record.who.principal} approved {record.tool} after {seconds:.1f} seconds.",
                [one], person=record.who.principal, tool=record.tool, seconds=f"{seconds:.1f}",
            )  # fmt: skip


def _refusals(records: Sequence[Logged]) -> Iterable[Alert]:
    """Somebody guesses passwords."""
    refused = [one for one in records if one.record.kind == "sign_in" and one.record.detail.get("what") == "refused"]
    if burst := _burst(refused, REFUSALS):
        yield _alert("refusals", "high", f"{len(burst)} sign-ins failed within an hour.", burst, count=str(len(burst)))


def _quarantines(records: Sequence[Logged]) -> Iterable[Alert]:
    """A tool is not what was reviewed."""
    for one in records:
        if one.record.kind == "pin_change" and one.record.detail.get("change") == "quarantined":
            tool = one.record.tool
            yield _alert("quarantine", "medium", f"{tool} is not the tool that was reviewed.", [one], tool=tool)


_DETECTORS: tuple[Callable[[Sequence[Logged]], Iterable[Alert]], ...] = (
    _denials,
    _in_doubt,
    _hasty,
    _refusals,
    _quarantines,
)


def _burst(records: Sequence[Logged], least: int) -> list[Logged]:
    """The newest run of at least so many records within an hour, or nothing."""
    times = [clock.parse(one.record.at) for one in records]
    for end in range(len(records) - 1, least - 2, -1):
        begin = end
        while begin > 0 and times[end] - times[begin - 1] <= WITHIN:
            begin -= 1
        if end - begin + 1 >= least:
            return list(records[begin : end + 1])
    return []


def _alert(detector: str, level: AlertLevel, sentence: str, records: Sequence[Logged], **parameters: str) -> Alert:
    first, last = records[0].record, records[-1].record
    name = sha256(f"{detector}/{first.id}".encode()).hexdigest()[:20]
    return Alert(
        id=f"alr_{name}",
        level=level,
        detector=detector,
        sentence=sentence,
        parameters=parameters,
        raised_at=clock.parse(last.at),
        records=tuple(one.seq for one in records),
        agent=last.who.agent,
        tool=last.tool,
        principal=last.who.principal,
        run=last.run,
    )


def _handled(connection: Connection, tenant: str) -> dict[str, dict[str, Any]]:
    rows = connection.execute(select(HANDLED).where(HANDLED.c.tenant == tenant))
    return {row.alert: {"state": row.state, "handled_by": row.handled_by, "comment": row.comment} for row in rows}
