"""From records to what HTTP shows of them."""

from __future__ import annotations

from typing import Any

from chargehand import clock
from chargehand.audit.free_text import PUBLIC_KINDS
from chargehand.audit.service import Logged
from chargehand.audit.views import RecordRow


def row(logged: Logged) -> RecordRow:
    record = logged.record
    return RecordRow(
        seq=logged.seq,
        id=record.id,
        at=clock.parse(record.at),
        kind=record.kind,
        principal=record.who.principal,
        agent=record.who.agent,
        run=record.run,
        tool=record.tool,
        effect=record.effect,
        decision=record.decision,
        outcome=record.outcome,
        business_key=record.business_key,
        sentence=sentence(record.detail),
        message_id=record.detail.get("message_id", "") if record.kind in PUBLIC_KINDS else "",
        parameters=record.detail.get("parameters", {}) if record.kind in PUBLIC_KINDS else {},
        approval=record.approval,
        call_key=record.call_key,
    )


def sentence(detail: dict[str, Any]) -> str:
    """What the record says of itself in words, where it does."""
    for name in ("sentence", "reason", "why", "note", "event", "what"):
        if isinstance(found := detail.get(name), str) and found:
            return found
    return ""
