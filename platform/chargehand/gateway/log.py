"""One call's facts in the action log: the fields that every record of a call shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chargehand import clock, ids, telemetry
from chargehand.audit import log
from chargehand.audit.free_text import is_free
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.audit.personal import Personal, of_run
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
        personal=personal_data(pin, case.arguments, call.run) if case.exact else (),
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


def personal_data(pin: Pin | None, arguments: Mapping[str, Any], run: str) -> tuple[Personal, ...]:
    """What is personal in the arguments, and of whom: what the review says, and without it whatever is free text.

    Of a tool that nobody has reviewed every text is.
    """
    reviewed = _reviewed(pin, arguments)
    known = {path for each in reviewed for path in each.fields}
    free = tuple(
        path
        for name, value in arguments.items()
        if (path := f"arguments.{name}") not in known and is_free("text" if pin is None else name, value)
    )
    return (*reviewed, Personal(of_run(run), free)) if free else reviewed


def said_of(pin: Pin | None, arguments: Mapping[str, Any], *fields: str) -> tuple[Personal, ...]:
    """`fields` of a record as personal data of the first person whom the call names: text made from arguments."""
    return tuple(Personal(each.subject, fields) for each in _reviewed(pin, arguments)[:1])


def _reviewed(pin: Pin | None, arguments: Mapping[str, Any]) -> tuple[Personal, ...]:
    found: dict[str, Personal] = {}
    for each in pin.personal if pin else ():
        if who := _subject(each, arguments):
            fields = tuple(
                path for name in each.fields if name in arguments and (path := f"arguments.{name}") not in found
            )
            found |= dict.fromkeys(fields, Personal(who, fields))
    return tuple(dict.fromkeys(found.values()))


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
