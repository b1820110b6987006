"""From rows of intakes to the frozen type that leaves this room, and to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chargehand import clock
from chargehand.audit.model import Record
from chargehand.identity.model import SignedIn
from chargehand.runs.model import Intake
from chargehand.runs.triggers.records import by_itself, by_person, record


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
    who = by_itself(row, "message") if by is None else by_person(by, row)
    detail = {"event": event, "intake": row["id"], "tool_read": row["tool"], **more}
    return record(who, row, detail, tool=row["tool"])
