"""Stage 2, recall: a key that is known already. What ended gives its answer again; what is unclear is never just sent.

| state | here |
|---|---|
| none | a new call goes on |
| other digest | refused with a conflict, and recorded |
| done, in doubt | the recorded answer |
| proposed, waiting | goes on, to be decided again |
| dispatched, somebody's lease | busy: try again |
| dispatched, orphaned | goes on, to be repeated, looked up or left in doubt |
"""

from __future__ import annotations

from dataclasses import replace

from chargehand.database import Transaction
from chargehand.errors import Conflict, Unavailable
from chargehand.gateway import log, store
from chargehand.gateway.desk import Case, Desk, Stop
from chargehand.gateway.model import StoredCall
from chargehand.gateway.propose import canonical


def recall(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    known = store.get(tx.connection, case.call.tenant, case.call.key, for_update=True)
    if known is None:
        return case
    if not _same_request(case, known):
        detail = {"event": "key_reused", "recorded_digest": known.digest, "recorded_tool": known.tool}
        log.of_case(tx, case, "decision", outcome="conflict", detail=detail)
        return Stop(
            Conflict(
                f"The key {known.key} belongs to another call of {known.tool}.",
                way_out="A key names one tool, one run and one set of arguments for ever.",
            )
        )
    if known.state in ("done", "in_doubt"):
        return Stop(known.as_outcome())
    if known.state == "dispatched" and _leased(desk, known, case):
        return Stop(Unavailable(f"The call {known.key} is being made now.", way_out="Ask again in a moment."))
    return replace(case, known=known)


def _same_request(case: Case, known: StoredCall) -> bool:
    """The same bytes under the pin that was recorded: a pin that changed since is for later stages to refuse."""
    if not known.exact or not case.exact:
        return known.exact == case.exact and (known.tool, known.run) == (case.call.tool, case.call.run)
    same = case.digest == known.digest or canonical(case.call, known.pin).decode() == known.exact
    return same and known.chain == case.call.chain


def _leased(desk: Desk, known: StoredCall, case: Case) -> bool:
    """Whether somebody else works on it. Our own leases don't count: this process makes one attempt a key at a time."""
    return known.holder != desk.holder and known.lease_until is not None and known.lease_until > case.at
