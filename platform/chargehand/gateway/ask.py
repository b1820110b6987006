"""Stage 6, ask: people decide where policy says so. Once asked, their answer counts, whatever policy says meanwhile.

What they are shown is rendered from the canonical bytes that the digest covers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from chargehand.approvals import mandates, requests
from chargehand.approvals import store as approvals
from chargehand.approvals.model import ApprovalRequest
from chargehand.database import Transaction
from chargehand.errors import ChargehandError
from chargehand.gateway import history, log, store
from chargehand.gateway.desk import Case, Desk, Stop
from chargehand.gateway.model import ApprovalNeeded, StoredCall
from chargehand.gateway.record import refuse, say
from chargehand.outcome import Failure
from chargehand.policy.model import ApprovalRule, Decision
from chargehand.risk.signals import counterparty_of


def ask(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    known, decision = case.known, case.decision
    assert known is not None and decision is not None  # noqa: S101, PT018  # recorded before people are asked
    if case.sent:
        return case
    if known.approval:
        return _answered(tx, case, known)
    if decision.verdict != "ask":
        return case
    try:
        rules = tuple(desk.policy.approval_rule(known.tenant, name) for name in decision.approval)
    except ChargehandError as error:
        rules = ()
        missing = f" ({error})"
    else:
        missing = ""
    if not rules or not all(rule.quorums for rule in rules):
        detail = f"Policy wants people to be asked, but names nobody who could answer{missing}."
        return refuse(tx, case, "denied", Failure(kind="policy", detail=detail))
    mandate = mandates.find(tx, desk.policy, known.tenant, _use(case), rules, case.at, desk.owner_of(known.agent))
    if mandate:
        return replace(case, mandate=mandate)
    request = requests.open_request(tx, _question(tx, desk, case, rules), case.at)
    changed = {"approval": request.id, "state": "waiting"}
    store.change(tx.connection, known.tenant, known.key, changed, states=("proposed",))
    return Stop(_needed(request))


def _use(case: Case) -> mandates.Use:
    call = case.call
    return mandates.Use(
        call_key=call.key,
        agent=call.agent,
        tool=call.tool,
        arguments=case.arguments,
        requester=call.chain[0],
    )


def _answered(tx: Transaction, case: Case, known: StoredCall) -> Case | Stop:
    request = approvals.get_request(tx.connection, known.tenant, known.approval, for_update=True)
    if request is None:
        return refuse(tx, case, "denied", Failure(kind="policy", detail="The approval request is gone."))
    request = requests.expire_if_due(tx, request, case.at)
    if request.state == "pending":
        return Stop(_needed(request))
    if request.state == "approved":
        return replace(case, approval=request)
    if request.state == "expired":
        detail = "Nobody approved in time."
        return refuse(tx, case, "expired", Failure(kind="people", detail=detail))
    instead = next((verdict.instead for verdict in request.verdicts if verdict.instead is not None), None)
    return refuse(tx, case, "rejected", Failure(kind="people", detail=_refusal(request), instead=instead))


def _refusal(request: ApprovalRequest) -> str:
    if request.state == "withdrawn":
        return "The request was withdrawn."
    against = [verdict for verdict in request.verdicts if not verdict.approve]
    comment = next((verdict.comment for verdict in against if verdict.comment), "")
    return f"A person said no: {comment}" if comment else "A person said no."


def _needed(request: ApprovalRequest) -> ApprovalNeeded:
    return ApprovalNeeded(
        approval=request.id,
        sentence=request.sentence,
        expires_at=request.expires_at,
        remind_at=request.remind_at,
        escalate_at=request.escalate_at,
    )


def _question(tx: Transaction, desk: Desk, case: Case, rules: tuple[ApprovalRule, ...]) -> requests.Question:
    call, decision, risk, pin = case.call, case.decision, case.risk, case.pin
    assert decision is not None and risk is not None and pin is not None  # noqa: S101, PT018  # `ask` comes of deciding
    counterparty = counterparty_of(case.arguments)
    sentence = say(case)
    detail = {
        "exact": case.exact,
        "pin": pin.digest,
        "effect": pin.effect,
        "agent_version": call.agent_version,
        "business_key": call.business_key,
        "signals": [
            {
                "level": signal.level,
                "sentence": signal.sentence,
                "message_id": signal.message_id,
                "parameters": signal.parameters,
            }
            for signal in risk.signals
        ],
        "earlier": _earlier(tx, call.tenant, call.tool, counterparty),
        "before": _before(tx, call.tenant, call.key, counterparty),
        "on_approve": f"{sentence.rstrip('.')}: once, exactly as shown.",
        "on_deny": "Nothing is sent. The agent is told that a person said no.",
        "undo": pin.compensated_by,
        "about": [each.subject for each in log.said_of(pin, case.arguments)],
    }
    return requests.Question(
        tenant=call.tenant,
        run=call.run,
        call_key=call.key,
        digest=case.digest,
        tool=call.tool,
        # From the digest's own bytes, not from the caller's object.
        arguments=orjson.loads(case.exact)["arguments"],
        sentence=sentence,
        requester=call.chain[0],
        agent=call.agent,
        rules=rules,
        policy_revision=decision.policy_revision,
        why=_why(decision),
        agent_owner=desk.owner_of(call.agent),
        policy_authors=desk.policy.authors_of(call.tenant, decision.policy_revision),
        risk=risk.risk,
        counterparty=counterparty,
        detail=detail,
    )


def _why(decision: Decision) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "rule": reason.rule,
            "principal": reason.principal,
            "sentence": reason.sentence,
            "message_id": reason.message_id,
            "parameters": dict(reason.parameters),
            "sentences": dict(reason.sentences),
        }
        for reason in decision.reasons
        if reason.verdict == "ask"
    )


def _earlier(tx: Transaction, tenant: str, tool: str, counterparty: str) -> dict[str, Any]:
    """What became of earlier requests for the same tool and counterparty."""
    if not counterparty:
        return {}
    found = approvals.list_requests(tx.connection, tenant, tool=tool, counterparty=counterparty, limit=20)
    seconds = sorted(
        (request.closed_at - request.created_at).total_seconds()
        for request in found
        if request.closed_at is not None and request.state in ("approved", "rejected")
    )
    return {
        "approved": sum(request.state == "approved" for request in found),
        "rejected": sum(request.state == "rejected" for request in found),
        "median_seconds": seconds[len(seconds) // 2] if seconds else None,
        "last": [request.id for request in found[:5]],
    }


def _before(tx: Transaction, tenant: str, key: str, counterparty: str) -> list[dict[str, str]]:
    """The newest writes that concern the same counterparty."""
    return [
        {"sentence": call.sentence, "outcome": call.outcome or call.state, "at": call.proposed_at.isoformat()}
        for call in history.with_counterparty(tx.connection, tenant, key, counterparty)
    ]
