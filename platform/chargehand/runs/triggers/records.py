"""What is recorded of schedules, webhooks and intakes: what a person did to one, and what it did by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chargehand import clock, ids
from chargehand.audit.model import Record, Who
from chargehand.identity.model import SignedIn


def by_person(who: SignedIn, row: Mapping[str, Any]) -> Who:
    """Somebody set it up, changed it or stopped it."""
    person = who.principal.id
    return Who(principal=person, chain=(person,), agent=row["agent"], signed_in_by=who.method)


def by_itself(row: Mapping[str, Any], signed_in_by: str = "") -> Who:
    """Nobody was there: the one on whose behalf it starts."""
    return Who(principal=row["principal"], chain=(row["principal"],), agent=row["agent"], signed_in_by=signed_in_by)


def record(who: Who, row: Mapping[str, Any], detail: Mapping[str, Any], *, tool: str = "") -> Record:
    """The record of an event of the row; agent and principal are told with it."""
    return Record(
        id=ids.new_id("rec"),
        at=clock.iso(clock.now()),
        tenant=row["tenant"],
        kind="run",
        who=who,
        tool=tool,
        arguments=None,
        detail={**detail, "agent": row["agent"], "for": row["principal"]},
    )
