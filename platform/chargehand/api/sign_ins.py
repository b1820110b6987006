"""Sign-ins, tokens and changes of people, as records of the action log."""

from __future__ import annotations

from typing import Any

from chargehand import clock
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.database import Transaction
from chargehand.identity.model import SignInEvent
from chargehand.ids import new_id


def record_sign_in(tx: Transaction, event: SignInEvent) -> None:
    """Append the event as part of `tx`. Raises AuditUnavailable; then the sign-in does not happen either."""
    append(
        tx,
        Record(
            id=new_id("rec"),
            at=clock.iso(event.at),
            tenant=event.tenant,
            kind="sign_in",
            who=Who(
                principal=event.principal,
                chain=(event.principal,) if event.principal else (),
                signed_in_by=event.method,
            ),
            arguments=None,
            business_key="",
            outcome="denied" if event.what == "refused" else "succeeded",
            detail={"what": event.what, "address": event.address, "note": event.detail} | _attributes(event),
        ),
    )


def _attributes(event: SignInEvent) -> dict[str, Any]:
    changes = {one.name: {"before": one.before, "after": one.after} for one in event.attributes}
    return {"attributes": changes} if changes else {}
