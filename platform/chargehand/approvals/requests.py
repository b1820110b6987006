"""The life of an approval request inside somebody's transaction: opened, closed, its grant consumed.

The gateway calls these within its own unit, so that a call and its request, or a grant and its dispatch, are durable
together or not at all. Each change is in the action log in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from chargehand import clock, ids
from chargehand.approvals import outbox_store, store
from chargehand.approvals.model import ApprovalRequest, ApprovalState, Grant, Notification
from chargehand.approvals.quorum import Roles, merged, satisfied
from chargehand.audit import log
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.audit.personal import Personal
from chargehand.database import Transaction
from chargehand.policy.model import ApprovalRule

GRANT_LIFETIME = timedelta(hours=4)
"""How long after the last verdict the call may be dispatched; later it must be asked again."""

LOW_RISK = 0.3


@dataclass(frozen=True, slots=True)
class Question:
    """What the gateway knows of a call that policy asks people about. `detail` is shown to them as it is."""

    tenant: str
    run: str
    call_key: str
    digest: str
    tool: str
    arguments: Mapping[str, Any]
    sentence: str
    requester: str
    agent: str
    rules: tuple[ApprovalRule, ...]
    policy_revision: str
    why: tuple[dict[str, Any], ...]
    agent_owner: str = ""
    policy_authors: tuple[str, ...] = ()
    risk: float = 0.0
    counterparty: str = ""
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


def open_request(tx: Transaction, question: Question, at: datetime) -> ApprovalRequest:
    """Ask. The strictest deadline and the union of all exclusions of the rules apply."""
    rules = question.rules
    request = ApprovalRequest(
        id=ids.new_id("apr"),
        tenant=question.tenant,
        run=question.run,
        call_key=question.call_key,
        digest=question.digest,
        tool=question.tool,
        arguments=dict(question.arguments),
        sentence=question.sentence,
        requester=question.requester,
        agent=question.agent,
        rules=tuple(rule.name for rule in rules),
        quorums=merged(rules),
        policy_revision=question.policy_revision,
        created_at=at,
        expires_at=at + min(rule.deadline for rule in rules),
        state="pending",
        why=question.why,
        detail=question.detail,
        excluded=_excluded(question),
        risk=question.risk,
        batch=_batch(question),
        remind_at=_earliest(at, [rule.remind_after for rule in rules]),
        escalate_at=_earliest(at, [rule.escalate_after for rule in rules if rule.escalate_to]),
        escalate_to=next((rule.escalate_to for rule in rules if rule.escalate_to), ""),
    )
    store.add_request(tx.connection, request, question.counterparty)
    detail = {"quorums": request.quorums, "rules": request.rules, "expires_at": clock.iso(request.expires_at)}
    record(tx, request, "approval_requested", at, who=Who(principal=request.requester), detail=detail)
    return request


def close(
    tx: Transaction, request: ApprovalRequest, state: ApprovalState, at: datetime, *, who: Who, comment: str = ""
) -> ApprovalRequest:
    """End a pending request; an approved one yields a grant. The run is told through the outbox."""
    if not store.change_request(
        tx.connection, request.tenant, request.id, {"state": state, "closed_at": clock.iso(at)}
    ):
        return request
    closed = replace(request, state=state, closed_at=at)
    record(tx, closed, "approval_closed", at, who=who, outcome=state, detail={"comment": comment} if comment else {})
    if state == "approved":
        grant = Grant(ids.new_id("gra"), request.id, request.call_key, request.digest, at + GRANT_LIFETIME)
        store.add_grant(tx.connection, request.tenant, grant)
    outbox_store.add_notification(
        tx.connection, Notification(ids.new_id("ntf"), request.tenant, request.run, request.id, state, at)
    )
    return closed


def expire_if_due(tx: Transaction, request: ApprovalRequest, at: datetime) -> ApprovalRequest:
    """Close a pending request whose time is over. The deadline itself is already too late."""
    if request.state == "pending" and at >= request.expires_at:
        return close(tx, request, "expired", at, who=Who(principal="service:chargehand"))
    return request


def consume_grant(
    tx: Transaction, request: ApprovalRequest, roles: Roles, *, call_key: str, digest: str, at: datetime
) -> tuple[str, str]:
    """Use the request's grant for this very call. Returns (grant id, ""), or ("", why it gives no authority).

    Those who approved must still hold their roles: who lost one while the call waited gave nothing.
    """
    grant = store.grant_of(tx.connection, request.tenant, request.id)
    if request.state != "approved" or grant is None:
        return "", f"The approval request is {request.state}."
    if request.call_key != call_key or request.digest != digest:
        return "", "The approval is for another call."
    if any(verdict.digest != digest for verdict in request.verdicts):
        return "", "A verdict was given on something else."
    if not satisfied(request, roles):
        return "", "Somebody who approved may no longer do so."
    if not store.use_grant(tx.connection, request.tenant, grant.id, call_key=call_key, digest=digest, at=at):
        return "", "The grant was used already, or it is too old."
    record(tx, request, "grant", at, who=Who(principal=request.requester), detail={"grant": grant.id})
    return grant.id, ""


def record(
    tx: Transaction,
    request: ApprovalRequest,
    kind: RecordKind,
    at: datetime,
    *,
    who: Who,
    decision: str = "",
    outcome: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """One fact about `request` in the action log."""
    log.append(
        tx,
        Record(
            id=ids.new_id("rec"),
            at=clock.iso(at),
            tenant=request.tenant,
            kind=kind,
            who=who,
            run=request.run,
            call_key=request.call_key,
            tool=request.tool,
            pin=str(request.detail.get("pin", "")),
            effect=str(request.detail.get("effect", "")),
            digest=request.digest,
            decision=decision,
            rules=request.rules,
            policy_revision=request.policy_revision,
            approval=request.id,
            outcome=outcome,
            business_key=str(request.detail.get("business_key", "")),
            detail={"sentence": request.sentence, **(detail or {})},
        ),
        personal=[Personal(subject, ("detail.sentence",)) for subject in request.detail.get("about", ())] or None,
    )


def _excluded(question: Question) -> tuple[str, ...]:
    excluded: list[str] = []
    for rule in question.rules:
        if rule.not_requester:
            excluded.append(question.requester)
        if rule.not_agent_owner and question.agent_owner:
            excluded.append(question.agent_owner)
        if rule.not_policy_author:
            excluded += question.policy_authors
    return tuple(dict.fromkeys(excluded))


def _batch(question: Question) -> str:
    """Equal requests of low risk may be answered together: same agent, tool, rules and counterparty."""
    if question.risk > LOW_RISK or question.detail.get("effect") == "irreversible":
        return ""
    parts = (question.agent, question.tool, question.counterparty, *(rule.name for rule in question.rules))
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _earliest(at: datetime, after: Sequence[timedelta | None]) -> datetime | None:
    known = [delay for delay in after if delay is not None]
    return at + min(known) if known else None
