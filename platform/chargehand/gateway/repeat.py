"""Stage 5, repeat: a call that was sent, of which no answer is recorded. Never twice, never silently lost.

`safe` repeats, unless a later write to the system came between; `keyed` repeats under the same key while the key lives;
otherwise the system is asked by key, and where it can't be, a person is.
"""

from __future__ import annotations

from dataclasses import replace

from chargehand.database import Transaction
from chargehand.gateway import store
from chargehand.gateway.desk import KEY_WINDOW, Case, Desk, Stop
from chargehand.gateway.model import StoredCall
from chargehand.gateway.settle import doubt, finish
from chargehand.outcome import Failure


def repeat(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    known = case.known
    if known is None or not case.sent:
        return case
    if _repeatable(tx, known, case):
        return case
    lookup = case.pin.lookup if case.pin else ""
    if lookup and desk.pins.get(lookup) is not None:
        return replace(case, look_up=True)
    return doubt(tx, known, "No answer came, the call may not be repeated, and the system can't be asked.")


def no_repeat(tx: Transaction, case: Case, why: str) -> Stop:
    """It may not be sent again now. A read changed nothing and is refused; a write may have been done."""
    known = case.known
    assert known is not None  # noqa: S101  # only what was sent comes here
    if known.effect == "read":
        failure = Failure(kind="policy", detail=why)
        return finish(tx, known, "denied", failure=failure, states=("dispatched",))
    return doubt(tx, known, f"No answer came, and the call may not be repeated: {why}")


def _repeatable(tx: Transaction, known: StoredCall, case: Case) -> bool:
    if known.delivery == "safe":
        return known.effect == "read" or not store.later_write(tx.connection, known)
    if known.delivery == "keyed":
        return known.first_sent_at is not None and case.at < known.first_sent_at + KEY_WINDOW
    return False
