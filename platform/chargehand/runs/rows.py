"""From rows to the frozen types that leave this room, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from chargehand import clock
from chargehand.runs.model import HeldUp, PersonTask, RunDetail, RunEvent, RunFailure, RunSummary, Waiting


def summary(row: Mapping[str, Any]) -> RunSummary:
    return RunSummary(**_summary(row))


def detail(row: Mapping[str, Any], children: tuple[str, ...], retried_as: str) -> RunDetail:
    failure = loads(row["failure"])
    return RunDetail(
        **_summary(row),
        input=loads(row["input"]) or {},
        failure=RunFailure(**failure) if failure else None,
        chain=tuple(loads(row["chain"])),
        signed_in_by=row["signed_in_by"],
        parent=row["parent"],
        children=children,
        retry_of=row["retry_of"],
        retried_as=retried_as,
        events=row["events"],
        trace_id=row["trace_id"],
    )


def event(row: Mapping[str, Any]) -> RunEvent:
    return RunEvent(
        run=row["run"],
        seq=row["seq"],
        at=clock.parse(row["at"]),
        kind=row["kind"],
        step=row["step"],
        data=loads(row["data"]) or {},
    )


def events_on(found: Iterable[Mapping[str, Any]], after: int, *, gaps: bool) -> list[RunEvent]:
    """Events behind number `after` up to the first gap, unless `gaps` are for good.

    Two activities of one run may commit out of order; what is behind a gap comes with the next look.
    """
    events: list[RunEvent] = []
    for row in found:
        if row["seq"] != after + len(events) + 1 and not gaps:
            break
        events.append(event(row))
    return events


def task(row: Mapping[str, Any]) -> PersonTask:
    return PersonTask(
        id=row["id"],
        tenant=row["tenant"],
        run=row["run"],
        agent=row["agent"],
        node=row["node"],
        question=row["question"],
        title=row["title"],
        schema=loads(row["form"]) or {},
        to=row["to"],
        principal=row["principal"],
        asked_at=clock.parse(row["asked_at"]),
        expires_at=clock.parse(row["expires_at"]),
        state=row["state"],
        answer=loads(row["answer"]),
        answered_by=row["answered_by"],
        answered_at=clock.parse(row["answered_at"]) if row["answered_at"] else None,
    )


def dumps(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def loads(text: str) -> Any:
    return orjson.loads(text) if text else None


def _summary(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "tenant": row["tenant"],
        "agent": row["agent"],
        "result": loads(row["result"]),
        "agent_version": row["agent_version"],
        "title": row["title"],
        "business_key": row["business_key"],
        "state": row["state"],
        "principal": row["principal"],
        "created_at": clock.parse(row["created_at"]),
        "ended_at": clock.parse(row["ended_at"]) if row["ended_at"] else None,
        "held_up": held_up(row["held_up"]),
        "waiting": tuple(_waiting(one) for one in cast("list[dict[str, Any]]", loads(row["waiting"]) or [])),
    }


def held_up(text: str) -> HeldUp | None:
    found: dict[str, Any] | None = loads(text)
    if not found:
        return None
    since = clock.parse(found.pop("since"))
    return HeldUp(since=since, **found)


def _waiting(one: Mapping[str, Any]) -> Waiting:
    return Waiting(
        kind=one["kind"],
        id=one["id"],
        sentence=one["sentence"],
        node=one["node"],
        since=clock.parse(one["since"]),
        until=clock.parse(one["until"]) if one.get("until") else None,
        who=tuple(one.get("who") or ()),
    )
