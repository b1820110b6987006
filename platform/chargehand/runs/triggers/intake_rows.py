"""From rows of intakes to the frozen type that leaves this room, and to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chargehand import clock, ids
from chargehand.audit.model import Record, Who
from chargehand.identity.model import SignedIn
from chargehand.runs.model import Intake


def intake_of(row: Mapping[str, Any]) -> Intake:
    names = ("id", "tenant", "name", "agent", "principal", "made_by", "tool", "every_seconds", "state", "cursor")
    return Intake(
        **{name: row[name] for name in (*names, "started", "last_run", "last_problem")},
        arguments=orjson.loads(row["arguments"]),
        mapping=orjson.loads(row["mapping"]),
        next_at=clock.parse(row["next_at"]) if row["state"] == "active" else None,
        last_at=clock.parse(row["last_at"]) if row["last_at"] else None,
        created_at=clock.parse(row["created_at"]),
    )


def record_of(row: Mapping[str, Any], event: str, *, by: SignedIn | None = None, **more: Any) -> Record:
    """What happened to an intake, or what a person did to it."""
    if by is None:
        who = Who(principal=row["principal"], chain=(row["principal"],), agent=row["agent"], signed_in_by="message")
    else:
        person = by.principal.id
        who = Who(principal=person, chain=(person,), agent=row["agent"], signed_in_by=by.method)
    detail = {"event": event, "intake": row["id"], "agent": row["agent"], "tool_read": row["tool"], **more}
    return Record(
        id=ids.new_id("rec"),
        at=clock.iso(clock.now()),
        tenant=row["tenant"],
        kind="run",
        who=who,
        tool=row["tool"],
        arguments=None,
        detail={**detail, "for": row["principal"]},
    )
