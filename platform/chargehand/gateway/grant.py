"""Stage 7, grant: the authority for this one dispatch is consumed in the transaction that marks the call as sent.

The digest is recomputed from the recorded bytes; pin, freeze and policy were checked again by the stages before. What
people approved must satisfy the rules in force now, and those people must still hold their roles.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chargehand import clock
from chargehand.approvals import mandates, requests
from chargehand.approvals.quorum import merged
from chargehand.database import Transaction
from chargehand.errors import ChargehandError, Conflict
from chargehand.gateway import budgets, log, store
from chargehand.gateway.desk import KEY_WINDOW, KEYED_SKEW, LEASE_MARGIN, MESSAGE_LIFE, Case, Desk, Stop
from chargehand.gateway.model import StoredCall
from chargehand.gateway.propose import digest_of
from chargehand.gateway.record import refuse
from chargehand.outcome import Failure


def grant(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    known = case.known
    assert known is not None  # noqa: S101  # `record` stands before
    if not case.digest == known.digest == digest_of(known.exact.encode()) or case.exact != known.exact:
        return refuse(tx, case, "denied", Failure(kind="policy", detail="It is not the call that was decided on."))
    if case.sent:
        return _send(tx, desk, case, known, {})
    used: dict[str, Any] = {}
    if case.approval is not None:
        why_not = _outgrown(desk, case)
        if not why_not:
            used["grant"], why_not = requests.consume_grant(
                tx, case.approval, desk.policy, call_key=known.key, digest=case.digest, at=case.at
            )
        if why_not:
            return refuse(tx, case, "denied", Failure(kind="policy", detail=why_not))
    elif case.mandate:
        mandates.use(tx, known.tenant, case.mandate, known.key, case.arguments, case.at)
        used["mandate"] = case.mandate
    elif case.decision is None or case.decision.verdict != "allow":
        return refuse(tx, case, "denied", Failure(kind="policy", detail="Nobody allowed this."))
    over = budgets.reserve(tx, known, case.arguments, desk.amounts_of(known.agent))
    if over:
        return refuse(tx, case, "denied", Failure(kind="policy", detail=over))
    return _send(tx, desk, case, known, used)


def _outgrown(desk: Desk, case: Case) -> str:
    """Why the approval does not cover what policy demands now, or empty."""
    request, decision = case.approval, case.decision
    if request is None or decision is None or decision.verdict == "allow":
        return ""
    if not set(decision.approval) <= set(request.rules):
        return "Policy now asks for another approval than the one that was given."
    try:
        demanded = dict(merged(desk.policy.approval_rule(request.tenant, name) for name in decision.approval))
    except ChargehandError as error:
        return f"The approval rule is gone: {error}"
    approved = dict(request.quorums)
    if any(approved.get(role, 0) < count for role, count in demanded.items()):
        return "Policy now asks for more approvals than were given."
    return ""


def _send(tx: Transaction, desk: Desk, case: Case, known: StoredCall, used: dict[str, Any]) -> Case | Stop:
    """Mark it as sent, under a lease that names this process, with the deadline that the message will carry."""
    first = known.first_sent_at or case.at
    deadline = case.at + desk.call_time
    keyed = known.delivery == "keyed"
    if keyed and not case.look_up:
        deadline = min(deadline, first + KEY_WINDOW)
    lease = clock.iso(deadline + LEASE_MARGIN)
    fence = known.fence + 1
    values: dict[str, Any] = {
        "state": "dispatched",
        "fence": fence,
        "holder": desk.holder,
        "lease_until": lease,
        **used,
    }
    if not case.look_up:  # a question by key is no further message of the call
        alive = [deadline + (KEYED_SKEW if keyed else MESSAGE_LIFE)]
        values |= {
            "attempts": known.attempts + 1,
            "first_sent_at": clock.iso(first),
            "alive_until": clock.iso(max([*alive, *filter(None, (known.alive_until,))])),
            "earlier_alive_until": clock.iso(known.alive_until) if known.alive_until else "",
        }
    states = ("dispatched",) if case.sent else ("proposed", "waiting")
    if not store.change(
        tx.connection, known.tenant, known.key, values, states=states, digest=case.digest, fence=known.fence
    ):
        raise Conflict(f"The call {known.key} was taken by somebody else.")
    case = replace(case, fence=fence, deadline=deadline)
    if not case.look_up:
        detail = {"attempt": known.attempts + 1, "deadline": clock.iso(deadline)}
        detail |= {name: value for name, value in used.items() if value}
        log.of_case(tx, case, "intent", approval=known.approval, detail=detail)
    return case
