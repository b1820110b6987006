"""Recorded calls for a backtest, read from the action log: what was asked, what was decided, and what became of it."""

from __future__ import annotations

from chargehand import clock
from chargehand.audit.model import Record
from chargehand.audit.service import AuditService
from chargehand.policy.compare import PastDecision
from chargehand.policy.model import Effect, Verdict

EFFECTS: dict[str, Effect] = {"read": "read", "write": "write", "irreversible": "irreversible"}
VERDICTS: dict[str, Verdict] = {"allow": "allow", "ask": "ask", "deny": "deny"}
WITHOUT_EFFECT = frozenset({"denied", "rejected", "expired", "failed"})
PAGE = 1_000
RECORDS_A_CALL = 4
"""At most so many records of one call are read on average before a backtest makes do with fewer calls."""


async def recorded_calls(audit: AuditService, tenant: str, last: int) -> tuple[PastDecision, ...]:
    """The last calls that were decided, oldest first; each as it was decided the first time."""
    first: dict[str, tuple[int, Record]] = {}
    ended: dict[str, str] = {}
    after: str | None = None
    read = 0
    while read < last * RECORDS_A_CALL:
        page = await audit.query(tenant, "kind in (decision, intent, outcome)", limit=PAGE, after=after, personal=True)
        for logged in page.items:  # newest first: an earlier decision takes the place of a later one
            record = logged.record
            if record.kind == "outcome":
                ended.setdefault(record.call_key, record.outcome)
            elif record.call_key in first or len(first) < last:
                first[record.call_key] = (logged.seq, record)
        read += len(page.items)
        after = page.next
        if after is None:
            break
    calls = [_past(seq, record, ended.get(key, "")) for key, (seq, record) in first.items()]
    return tuple(sorted((call for call in calls if call is not None), key=lambda call: call.seq))


def _past(seq: int, record: Record, outcome: str) -> PastDecision | None:
    effect, verdict = EFFECTS.get(record.effect), VERDICTS.get(record.decision)
    if effect is None or verdict is None or not record.tool:
        return None
    return PastDecision(
        seq=seq,
        at=clock.parse(record.at),
        chain=record.who.chain or (record.who.principal,),
        tool=record.tool,
        effect=effect,
        arguments=record.arguments,
        verdict=verdict,
        run=record.run,
        counts=verdict != "deny" and outcome not in WITHOUT_EFFECT,
    )
