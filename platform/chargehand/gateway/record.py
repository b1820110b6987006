"""Stage 4, record: the call and its decision are written in the transaction that comes before any byte leaves.

A denial ends here. Where a message may already have reached the system, a denial can't end the call: it stops the
repetition, and what became of the first message is for `lookup` or a person to find out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chargehand import clock
from chargehand.approvals import requests
from chargehand.approvals import store as approvals
from chargehand.audit.model import Who
from chargehand.connectors.sentence import sentence
from chargehand.database import Transaction
from chargehand.errors import BadInput
from chargehand.gateway import log, store
from chargehand.gateway.desk import Case, Desk, Stop
from chargehand.gateway.repeat import no_repeat
from chargehand.gateway.settle import finish
from chargehand.outcome import Failure
from chargehand.policy.model import Decision
from chargehand.risk.signals import counterparty_of


def record(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    del desk
    decision = case.decision
    assert decision is not None  # noqa: S101  # `decide` always decides
    if case.sent:
        return no_repeat(tx, case, _why(decision)) if decision.verdict == "deny" else case
    if case.known is None:
        case = replace(case, known=store.add(tx.connection, _row(case, decision)))
        if decision.verdict != "allow":
            log.of_case(tx, case, "decision", detail=_reasons(decision))
    if decision.verdict != "deny":
        return case
    if case.problem is not None:
        return refuse(tx, case, "failed" if case.problem.kind == "invalid" else "denied", case.problem)
    return refuse(tx, case, "denied", Failure(kind="policy", detail=_why(decision)))


def refuse(tx: Transaction, case: Case, outcome: str, failure: Failure) -> Stop:
    """End a call of which nothing was sent; what it still asks of people is withdrawn."""
    known = case.known
    assert known is not None  # noqa: S101  # refusals come after the call is recorded
    if known.approval:
        request = approvals.get_request(tx.connection, known.tenant, known.approval, for_update=True)
        if request is not None and request.state == "pending":
            who = Who(principal="service:chargehand")
            requests.close(tx, request, "withdrawn", case.at, who=who, comment=failure.detail)
    return finish(tx, known, outcome, failure=failure, states=("proposed", "waiting"))


def say(case: Case) -> str:
    """The sentence that people read, from the arguments in the digest's own bytes."""
    template = case.pin.says if case.pin else ""
    try:
        return sentence(template, case.arguments, tool=case.call.tool)
    except (BadInput, ValueError):
        return sentence("", case.arguments, tool=case.call.tool)


def _row(case: Case, decision: Decision) -> dict[str, Any]:
    call, pin = case.call, case.pin
    agents = [link for link in call.chain if link.startswith("agent:")]
    return {
        "tenant": call.tenant,
        "key": call.key,
        "run": call.run,
        "chain": approvals.to_json(call.chain),
        "person": call.chain[0],
        "acting_agent": agents[-1] if agents else "",
        "agent": call.agent,
        "agent_version": call.agent_version,
        "step": call.step,
        "business_key": call.business_key,
        "tool": call.tool,
        "effect": pin.effect if pin else "irreversible",
        "delivery": pin.delivery if pin else "once",
        "pin": pin.digest if pin else "",
        "exact": case.exact,
        "digest": case.digest,
        "counterparty": counterparty_of(case.arguments),
        "sentence": say(case),
        "verdict": decision.verdict,
        "rules": approvals.to_json(decision.rules),
        "policy_revision": decision.policy_revision,
        "state": "proposed",
        "proposed_at": clock.iso(case.at),
    }


def _why(decision: Decision) -> str:
    return " ".join(reason.sentence for reason in decision.reasons) or "No rule allows this."


def _reasons(decision: Decision) -> dict[str, Any]:
    return {
        "reasons": [
            {
                "rule": reason.rule,
                "principal": reason.principal,
                "verdict": reason.verdict,
                "sentence": reason.sentence,
                "message_id": reason.message_id,
                **({"sentences": {"zh": chinese}} if (chinese := reason.sentences.get("zh")) else {}),
            }
            for reason in decision.reasons
        ]
    }
