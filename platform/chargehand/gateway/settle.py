"""Stage 9, settle: the answer and its digest are recorded in one transaction, or the call stays unclear.

What each answer means depends on whether an earlier message of the same call may have reached the system. A success
always settles. A refusal or a "not sent" speaks only for its own message, so it ends the call only when there was no
other one; everything unclear is repeated, looked up or left in doubt, never called failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from chargehand import clock, ids
from chargehand.approvals import mandates, outbox_store
from chargehand.approvals import store as approvals
from chargehand.approvals.model import Notification
from chargehand.audit.model import Who
from chargehand.database import Transaction
from chargehand.errors import Ambiguous, ChargehandError, ConnectorUnavailable, NotFound, Unavailable
from chargehand.gateway import budgets, log, store
from chargehand.gateway.desk import Case, Desk, Stop
from chargehand.gateway.dispatch import Answer
from chargehand.gateway.model import StoredCall
from chargehand.outcome import Failure, Outcome


def settle(tx: Transaction, desk: Desk, case: Case, answer: Answer) -> Stop:
    del desk
    known = store.get(tx.connection, case.call.tenant, case.call.key, for_update=True)
    if known is None:
        raise NotFound(f"The call {case.call.key} is not in the call table any more.")
    if answer.kind == "succeeded":
        return finish(tx, known, "succeeded", value=answer.value)
    if known.state != "dispatched" or known.fence != case.fence:
        return _theirs(known)
    if case.look_up:
        return _looked_up(tx, known, answer, case.at)
    if known.attempts > 1:
        return _repeated(tx, known, answer, case.at)
    failure = answer.failure or Failure(kind="policy", detail=answer.detail)
    if answer.kind == "failed":
        return finish(tx, known, "failed", failure=failure)
    if answer.kind == "quarantined":
        return finish(tx, known, "denied", failure=failure)
    if answer.kind == "not_sent":
        return reopen(tx, known, answer.detail)
    return _unclear(tx, known, answer)


def finish(
    tx: Transaction,
    known: StoredCall,
    outcome: str,
    *,
    value: Any = None,
    failure: Failure | None = None,
    states: Sequence[str] = ("dispatched", "in_doubt"),
    who: Who | None = None,
    detail: dict[str, Any] | None = None,
) -> Stop:
    """End the call, unless it has ended already: then the answer is the recorded one."""
    at = clock.now()
    result = orjson.dumps(value).decode() if outcome == "succeeded" else ""
    digest = sha256(result.encode()).hexdigest() if result else ""
    values = {
        "state": "done",
        "outcome": outcome,
        "result": result,
        "result_digest": digest,
        "failure": failure.model_dump_json(exclude_none=True) if failure else "",
        "settled_at": clock.iso(at),
        "lease_until": "",
    }
    if store.change(tx.connection, known.tenant, known.key, values, states=states):
        budgets.settle(tx, known, spent=outcome == "succeeded")
        facts = {"failure": failure.model_dump(exclude_none=True)} if failure else {}
        log.of_stored(
            tx, known, "outcome", who=who, outcome=outcome, result_digest=digest, detail={**facts, **(detail or {})}
        )
        if known.state == "in_doubt":
            _tell_run(tx, known, at)
        ended = {"state": outcome, "tool": known.tool, "call_key": known.key, "value": value, "failure": failure}
        return Stop(Outcome.model_validate(ended))
    return recorded(tx, known)


def doubt(tx: Transaction, known: StoredCall, why: str) -> Stop:
    """It may or may not have happened; a person finds out. The budget stays reserved."""
    failure = Failure(kind="unknown", detail=why, way_out="A person looks in the system and reconciles the call.")
    values = {"state": "in_doubt", "failure": failure.model_dump_json(exclude_none=True), "lease_until": ""}
    if store.change(tx.connection, known.tenant, known.key, values, states=("dispatched",)):
        log.of_stored(
            tx, known, "outcome", outcome="in_doubt", detail={"failure": failure.model_dump(exclude_none=True)}
        )
    return recorded(tx, known)


def reopen(tx: Transaction, known: StoredCall, why: str, *, finding: str = "") -> Stop:
    """No message of it reached the system: it may be sent afresh, with the authority that it had."""
    values = {
        "state": "proposed",
        "attempts": 0,
        "first_sent_at": "",
        "alive_until": "",
        "earlier_alive_until": "",
        "lease_until": "",
        "grant": "",
        "mandate": "",
    }
    if store.change(tx.connection, known.tenant, known.key, values, states=("dispatched",), fence=known.fence):
        if known.grant:
            approvals.return_grant(tx.connection, known.tenant, known.grant, call_key=known.key)
        if known.mandate:
            mandates.give_back(tx, known.tenant, known.mandate, known.key)
        budgets.settle(tx, known, spent=False)
        detail = {"event": "not_sent", "why": why}
        log.of_stored(tx, known, "lookup" if finding else "outcome", outcome=finding or "not_sent", detail=detail)
    return Stop(ConnectorUnavailable(why or f"{known.tool} was not reached.", way_out="Nothing was done; try again."))


def recorded(tx: Transaction, known: StoredCall) -> Stop:
    """The answer that the call table gives now."""
    now = store.get(tx.connection, known.tenant, known.key)
    if now is None or now.state not in ("done", "in_doubt"):
        return Stop(Unavailable(f"The call {known.key} is not settled yet.", way_out="Ask again in a moment."))
    return Stop(now.as_outcome())


def dead(known: StoredCall, at: datetime, *, but_the_last: bool = False) -> bool:
    """Whether no message of the call can still arrive (`but_the_last`: none of the earlier ones)."""
    until = known.earlier_alive_until if but_the_last else known.alive_until
    return until is None or at > until


def _theirs(known: StoredCall) -> Stop:
    """Another attempt took over after our lease lapsed: its word counts."""
    if known.state in ("done", "in_doubt"):
        return Stop(known.as_outcome())
    return Stop(Unavailable(f"The call {known.key} is being made elsewhere.", way_out="Ask again in a moment."))


def _repeated(tx: Transaction, known: StoredCall, answer: Answer, asked_at: datetime) -> Stop:
    """A no to a repetition says what became of all messages only for a keyed call whose others were dead by then."""
    if answer.kind == "failed" and answer.failure is not None:
        if known.effect == "read":
            return finish(tx, known, "failed", failure=answer.failure)
        if known.delivery == "keyed" and dead(known, asked_at, but_the_last=True):
            return finish(tx, known, "failed", failure=answer.failure)
        if known.delivery == "keyed":
            return _later(tx, known, "It was refused, but an earlier message of the call may still arrive.")
        return doubt(
            tx, known, f"An earlier message may have been done; the repetition was refused: {answer.failure.detail}"
        )
    if answer.kind == "quarantined":
        return doubt(tx, known, f"An earlier message may have been done, and now: {answer.detail}")
    if answer.kind == "not_sent":
        error = ConnectorUnavailable(answer.detail or f"{known.tool} was not reached.", way_out="Try again.")
        return _later(tx, known, answer.detail, error)
    return _unclear(tx, known, answer)


def _unclear(tx: Transaction, known: StoredCall, answer: Answer) -> Stop:
    if known.effect == "read" and answer.failure is not None:
        return finish(tx, known, "failed", failure=answer.failure)
    # Only what may be sent again, or asked by key, can become clear by trying again.
    if known.delivery == "once" and not answer.look_up_possible:
        return doubt(tx, known, answer.detail)
    return _later(tx, known, answer.detail)


def _looked_up(tx: Transaction, known: StoredCall, answer: Answer, asked_at: datetime) -> Stop:
    """No trace counts only if the question was asked when every message was dead, not just answered then."""
    if answer.kind == "found":
        found = answer.value or {}
        # What was found may be personal, so the log has its digest only, as of any result.
        said = {name: found[name] for name in ("found", "finished") if name in found}
        return finish(tx, known, "succeeded", value=answer.result, detail={"found_by_key": said})
    if not dead(known, asked_at):
        return _later(tx, known, "The system has no trace of it yet, and a message may still arrive.")
    if answer.kind == "absent":
        return reopen(tx, known, "The system was asked by key and has no trace of it.", finding="absent")
    return doubt(tx, known, f"The system was asked by key and could not tell: {answer.detail}")


def _later(tx: Transaction, known: StoredCall, why: str, error: ChargehandError | None = None) -> Stop:
    """Let go of the lease, so that the next attempt finds an orphan."""
    store.change(tx.connection, known.tenant, known.key, {"lease_until": ""}, states=("dispatched",), fence=known.fence)
    log.of_stored(tx, known, "outcome", outcome="unclear", detail={"why": why})
    return Stop(
        error or Ambiguous(why or f"No clear answer came from {known.tool}.", way_out="Ask again with its key.")
    )


def _tell_run(tx: Transaction, known: StoredCall, at: datetime) -> None:
    notification = Notification(ids.new_id("ntf"), known.tenant, known.run, known.key, "reconciled", at)
    outbox_store.add_notification(tx.connection, notification)
