"""One call's facts in the action log: the fields that every record of a call shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chargehand import clock, ids, telemetry
from chargehand.audit import log
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.audit.personal import Personal
from chargehand.connectors.model import PersonalData, Pin
from chargehand.database import Transaction
from chargehand.gateway.desk import Case
from chargehand.gateway.model import StoredCall


def of_case(
    tx: Transaction,
    case: Case,
    kind: RecordKind,
    *,
    outcome: str = "",
    approval: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """A record of the case as it is decided now, with its arguments."""
    call, pin, decision = case.call, case.pin, case.decision
    _append(
        tx,
        call,
        kind,
        pin=pin.digest if pin else "",
        effect=pin.effect if pin else "",
        arguments=dict(case.arguments) if case.exact else None,
        digest=case.digest,
        decision=decision.verdict if decision else "",
        rules=decision.rules if decision else (),
        policy_revision=decision.policy_revision if decision else "",
        approval=approval,
        outcome=outcome,
        detail=detail or {},
        personal=personal_data(pin, case.arguments) if case.exact else (),
    )


def of_stored(
    tx: Transaction,
    stored: StoredCall,
    kind: RecordKind,
    *,
    who: Who | None = None,
    outcome: str = "",
    result_digest: str = "",
    detail: dict[str, Any] | None = None,
    personal: tuple[Personal, ...] = (),
) -> None:
    """A later record of a call; the arguments are in its intent, here their digest."""
    _append(
        tx,
        stored,
        kind,
        who=who,
        pin=stored.pin,
        effect=stored.effect,
        digest=stored.digest,
        decision=stored.verdict,
        rules=stored.rules,
        policy_revision=stored.policy_revision,
        approval=stored.approval,
        outcome=outcome,
        result_digest=result_digest,
        detail=detail or {},
        personal=personal,
    )


def personal_data(pin: Pin | None, arguments: Mapping[str, Any]) -> tuple[Personal, ...]:
    """Which arguments the review calls personal, and of whom; nothing where the call leaves the person out."""
    return tuple(
        Personal(who, tuple(f"arguments.{name}" for name in each.fields if name in arguments))
        for each in (pin.personal if pin else ())
        if (who := _subject(each, arguments))
    )


def said_of(pin: Pin | None, arguments: Mapping[str, Any], *fields: str) -> tuple[Personal, ...]:
    """`fields` of a record as personal data of the first person whom the call names: text made from arguments."""
    return tuple(Personal(each.subject, fields) for each in personal_data(pin, arguments)[:1])


def _subject(personal: PersonalData, arguments: Mapping[str, Any]) -> str:
    value = arguments.get(personal.subject)
    return f"{personal.kind}:{str(value).strip().casefold()}" if value not in (None, "") else ""


def _append(
    tx: Transaction,
    call: Any,
    kind: RecordKind,
    *,
    who: Who | None = None,
    personal: tuple[Personal, ...] = (),
    **fields: Any,
) -> None:
    log.append(
        tx,
        Record(
            id=ids.new_id("rec"),
            at=clock.iso(clock.now()),
            tenant=call.tenant,
            kind=kind,
            who=who
            or Who(principal=call.chain[0], chain=call.chain, agent=call.agent, agent_version=call.agent_version),
            run=call.run,
            step=call.step,
            call_key=call.key,
            tool=call.tool,
            business_key=call.business_key,
            trace_id=telemetry.trace_id(),
            **fields,
        ),
        personal=personal or None,
    )
