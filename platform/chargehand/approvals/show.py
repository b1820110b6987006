"""From approval requests to what HTTP shows of them; what is shown comes from the bytes the digest covers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, cast

from chargehand import clock
from chargehand.approvals.mandates import Mandate
from chargehand.approvals.model import ApprovalRequest
from chargehand.approvals.quorum import Roles, given, voters
from chargehand.approvals.service import InboxItem
from chargehand.approvals.standing import Proposal
from chargehand.approvals.views import (
    Approval,
    ApprovalSummary,
    Argument,
    Change,
    Earlier,
    GivenVerdict,
    MandateProposal,
    MandateView,
    Quorum,
    RiskLevel,
    Signal,
    Why,
)

MEDIUM_RISK = 0.3
HIGH_RISK = 0.7
MONEY_WORDS = ("amount", "total", "sum", "price")

Names = Mapping[str, str]


def risk_level(risk: float) -> RiskLevel:
    return "high" if risk >= HIGH_RISK else "medium" if risk >= MEDIUM_RISK else "low"


def people_in(request: ApprovalRequest) -> set[str]:
    """Everyone whose name a view of this request shows."""
    return {request.requester, *(verdict.person for verdict in request.verdicts)}


def summary(item: InboxItem, roles: Roles, names: Names) -> ApprovalSummary:
    return ApprovalSummary(**_summary(item, roles, names))


def approval(item: InboxItem, roles: Roles, names: Names, input_schema: dict[str, Any] | None = None) -> Approval:
    request = item.request
    detail = request.detail
    return Approval(
        **_summary(item, roles, names),
        agent_version=detail.get("agent_version", ""),
        call_key=request.call_key,
        connector=request.tool.partition(".")[0],
        arguments=list(arguments(request.arguments)),
        exact=detail.get("exact") or json.dumps(request.arguments, ensure_ascii=False, sort_keys=True),
        policy_revision=request.policy_revision,
        why=_whys(request.why),
        signals=[Signal.model_validate(_known(Signal, signal)) for signal in detail.get("signals", ())],
        changes=[Change.model_validate(_known(Change, change)) for change in detail.get("changes", ())],
        earlier=_earlier(detail.get("earlier") or {}),
        on_approve=detail.get("on_approve", ""),
        on_deny=detail.get("on_deny", ""),
        verdicts=[
            GivenVerdict(
                person=verdict.person,
                name=names.get(verdict.person, verdict.person),
                approve=verdict.approve,
                comment=verdict.comment,
                at=verdict.at,
                signed_in_by=verdict.signed_in_by,
                seconds_taken=verdict.seconds_taken,
                on_behalf_of=verdict.on_behalf_of,
                instead=list(arguments(verdict.instead or {})),
            )
            for verdict in request.verdicts
        ],
        remind_at=request.remind_at,
        escalate_at=request.escalate_at,
        delegated_to=sorted({to for _, to in request.handed_over}),
        input_schema=input_schema or {},
    )


def mandate(found: Mandate, names: Names) -> MandateView:
    return MandateView(
        id=found.id,
        agent=found.agent,
        tool=found.tool,
        calls=found.calls,
        calls_used=found.calls_used,
        field=found.field,
        total=_decimal(found.total),
        total_used=str(found.total_used),
        each=_decimal(found.each),
        currency=found.currency,
        until=found.until,
        given_by=found.given_by,
        given_by_name=names.get(found.given_by, found.given_by),
        given_at=found.given_at,
        reason=found.reason,
        state=found.state(clock.now()),
    )


def proposal(found: Proposal) -> MandateProposal:
    return MandateProposal(
        id=found.id,
        agent=found.agent,
        tool=found.tool,
        sentence=found.sentence,
        rules=list(found.rules),
        calls=found.calls,
        field=found.field,
        total=_decimal(found.total),
        each=_decimal(found.each),
        currency=found.currency,
        days=found.days,
        approved=found.approved,
        rejected=found.rejected,
        evidence=list(found.evidence),
    )


def _decimal(amount: Decimal | None) -> str:
    return "" if amount is None else str(amount)


def arguments(value: Any, path: str = "", *, emphasised: str | None = None) -> Iterator[Argument]:
    """The arguments as leaves with their paths, in the order they have; the amount is emphasised, else the first."""
    leaves = list(_leaves(value, path))
    if emphasised is None:
        amounts = [where for where, _ in leaves if any(word in where.lower() for word in MONEY_WORDS)]
        emphasised = (amounts or [where for where, _ in leaves] or [""])[0]
    for where, leaf in leaves:
        yield Argument(path=where, label=_label(where), text=_text(leaf), value=leaf, emphasis=where == emphasised)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _leaves(inner, f"{path}.{index}" if path else str(index))
    else:
        yield path, value


def _label(path: str) -> str:
    return path.replace("_", " ").replace(".", " › ").capitalize()


def _text(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whys(reasons: Iterable[Mapping[str, Any]]) -> list[Why]:
    """Each reason once: person and agent are decided separately, and often the same rule matches both."""
    found: list[Why] = []
    for why in map(_why, reasons):
        if why not in found:
            found.append(why)
    return found


def _why(reason: Mapping[str, Any]) -> Why:
    return Why(
        rule=reason.get("rule", ""),
        sentence=reason.get("sentence", ""),
        fact=reason.get("fact", ""),
        message_id=reason.get("message_id", ""),
        parameters=dict(reason.get("parameters") or {}),
        sentences=dict(reason.get("sentences") or {}),
    )


def _earlier(found: Mapping[str, Any]) -> Earlier:
    return Earlier(
        approved=int(found.get("approved", 0)),
        rejected=int(found.get("rejected", 0)),
        median_seconds=found.get("median_seconds"),
        last=list(found.get("last", ())),
    )


def _known(model: type[Signal] | type[Change], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in model.model_fields}


def _summary(item: InboxItem, roles: Roles, names: Names) -> dict[str, Any]:
    request = item.request
    counted = given(request.quorums, voters(request, roles))
    return {
        "id": request.id,
        "state": request.state,
        "sentence": request.sentence,
        "digest": request.digest,
        "tool": request.tool,
        "effect": request.detail.get("effect", "write"),
        "agent": request.agent,
        "run": request.run,
        "requester": request.requester,
        "requester_name": names.get(request.requester, request.requester),
        "risk": risk_level(request.risk),
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "quorums": [Quorum(role=role, needed=count, given=counted.get(role, 0)) for role, count in request.quorums],
        "i_may_answer": item.eligibility.may,
        "i_may_only_deny": item.eligibility.only_deny,
        "why_not": item.eligibility.why_not,
        "batch": request.batch,
    }
