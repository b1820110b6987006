"""What runs keep of a person, and how it is emptied when that person is erased."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Table, delete, func, or_, select, update

from chargehand import clock
from chargehand.approvals.mandates import MANDATES
from chargehand.audit.erasure import Mention, empty, parts
from chargehand.audit.personal import ERASED
from chargehand.audit.store import HoldRow, SavedQueryRow
from chargehand.gateway.store import CALLS
from chargehand.risk.alert_store import HANDLED
from chargehand.risk.store import FREEZES
from chargehand.runs.errand_store import ERRAND
from chargehand.runs.model import ENDED, RunFailure
from chargehand.runs.pause_store import PAUSE
from chargehand.runs.saved_store import SAVED
from chargehand.runs.store import EVENT, RUN, TASK, table
from chargehand.runs.text_store import TEXT
from chargehand.runs.triggers.hook_store import DELIVERY
from chargehand.runs.triggers.intake_store import INTAKE
from chargehand.runs.triggers.schedule_store import SCHEDULE

EMPTIED = {
    "run": ("input", "result", "failure", "waiting", "held_up"),
    "run_event": ("data",),
    "person_task": ("question", "title", "form", "answer"),
    "run_pause": ("reason",),
    "run_saved": ("state",),
    "run_text": ("text",),
    "hook_delivery": ("message", "why"),
    "errand": ("request", "answer"),
}
"""Columns by table; what else these tables hold are names of things, numbers and times."""

KEPT_IN_EVENTS = frozenset(
    {
        "agent", "approval", "attempt", "attempts", "by", "call_key", "cost", "currency", "decision", "id", "kind",
        "milliseconds", "model", "node", "parent", "position", "retry_of", "reused", "run", "seconds", "state", "step",
        "task", "tier", "to", "tokens_in", "tokens_out", "tool", "undoes", "until", "version",
    }
)  # fmt: skip
"""What tells a run's story without anybody's words."""

MAY_MENTION: tuple[tuple[Table, str, tuple[str, ...]], ...] = (
    (RUN, "id", ("input", "business_key")),
    (CALLS, "key", ("exact", "result", "counterparty")),
    (DELIVERY, "id", ("message", "why")),
    (SCHEDULE, "id", ("input", "last_problem")),
    (INTAKE, "id", ("arguments", "last_problem")),
    (table(SavedQueryRow), "name", ("filter",)),
    (table(HoldRow), "id", ("filter", "reason")),
    (FREEZES, "id", ("name", "reason", "lifted_reason")),
    (HANDLED, "alert", ("comment",)),
    (MANDATES, "id", ("reason", "revoked_reason")),
)
"""Texts that belong to no run of the person: they are searched for the name, and a person looks at what is found."""

ERRAND_LIFE = timedelta(minutes=2)
SHORTEST_NAME = 2
MOST_MENTIONS = 100
_PLAIN = re.compile(r"[A-Za-z0-9_.:/+=,-]{0,200}")


def related(connection: Connection, tenant: str, runs: Sequence[str]) -> tuple[str, ...]:
    """`runs`, with the runs that started them or that they started, and repetitions: they share what they know."""
    found, fresh = set(runs), list(runs)
    while fresh:
        near: set[str] = set()
        for some in parts(fresh):
            mine = (RUN.c.tenant == tenant) & or_(RUN.c.id.in_(some), RUN.c.parent.in_(some), RUN.c.retry_of.in_(some))
            for row in connection.execute(select(RUN.c.id, RUN.c.parent, RUN.c.retry_of).where(mine)):
                near |= {row.id, row.parent, row.retry_of} - {""}
        fresh = sorted(near - found)
        found |= near
    return tuple(sorted(found))


def known(connection: Connection, tenant: str, run: str) -> bool:
    return connection.execute(select(RUN.c.id).where(RUN.c.tenant == tenant, RUN.c.id == run)).first() is not None


def open_runs(connection: Connection, tenant: str, runs: Sequence[str]) -> list[str]:
    """Those that have not ended."""
    found: list[str] = []
    for some in parts(runs):
        going = (RUN.c.tenant == tenant) & RUN.c.id.in_(some) & RUN.c.state.not_in(ENDED)
        found += connection.execute(select(RUN.c.id).where(going)).scalars()
    return sorted(found)


def erase(connection: Connection, tenant: str, runs: Sequence[str]) -> None:
    """Empty these runs, their events, texts of models, questions and deliveries."""
    for some in parts(runs):
        mine = (RUN.c.tenant == tenant) & RUN.c.id.in_(some)
        failures = connection.execute(select(RUN.c.id, RUN.c.failure).where(mine, RUN.c.failure != "")).all()
        empty(connection, RUN, mine, {"input": "{}", "result": "", "waiting": "[]", "held_up": ""})
        for row in failures:
            empty(connection, RUN, RUN.c.id == row.id, {"failure": _failure(row.failure)})
        told = (EVENT.c.tenant == tenant) & EVENT.c.run.in_(some)
        for row in connection.execute(select(EVENT.c.run, EVENT.c.seq, EVENT.c.data).where(told)).all():
            one = (EVENT.c.run == row.run) & (EVENT.c.seq == row.seq)
            connection.execute(update(EVENT).where(one).values(data=_event(row.data)))
        asked = (TASK.c.tenant == tenant) & TASK.c.run.in_(some)
        empty(connection, TASK, asked, {"question": ERASED, "title": ERASED, "form": "{}", "answer": ""})
        paused = (PAUSE.c.tenant == tenant) & PAUSE.c.run.in_(some)
        empty(connection, PAUSE, paused & (PAUSE.c.reason != ""), {"reason": ERASED})
        came = (DELIVERY.c.tenant == tenant) & DELIVERY.c.run.in_(some)
        empty(connection, DELIVERY, came, {"message": "", "why": ""})
        connection.execute(delete(SAVED).where(SAVED.c.tenant == tenant, SAVED.c.run.in_(some)))
        connection.execute(delete(TEXT).where(TEXT.c.tenant == tenant, TEXT.c.run.in_(some)))


def forget_errands(connection: Connection, tenant: str) -> None:
    """Delete what an API that died never read; nothing that is under way is that old."""
    left = clock.iso(clock.now() - ERRAND_LIFE)
    connection.execute(ERRAND.delete().where(ERRAND.c.tenant == tenant, ERRAND.c.asked_at < left))


def name_of(subject: str) -> str:
    """The name by which texts may speak of a subject; empty if it has none, or one too short to look for."""
    name = subject.partition(":")[2].strip()
    return "" if len(name) < SHORTEST_NAME or subject.startswith("run:") else name


def mentions(connection: Connection, tenant: str, subject: str, but: Sequence[str]) -> tuple[Mention, ...]:
    """Where the name still stands outside of `but`, the runs that were emptied; MOST_MENTIONS at most."""
    name = name_of(subject).casefold()
    if not name:
        return ()
    emptied, found = set(but), list[Mention]()
    for where, key, columns in MAY_MENTION:
        holds = or_(*(func.lower(where.c[column]).contains(name, autoescape=True) for column in columns))
        query = select(where.c[key]).where(where.c.tenant == tenant, holds).limit(MOST_MENTIONS)
        for (id_,) in connection.execute(query):
            if id_ not in emptied:
                found.append(Mention(where.name, str(id_)))
    return tuple(found[:MOST_MENTIONS])


def _failure(failure: str) -> str:
    was: dict[str, Any] = orjson.loads(failure)
    kept = RunFailure(detail=ERASED, **{name: was.get(name, "") for name in ("node", "line", "kind")})
    return orjson.dumps(asdict(kept)).decode()


def _event(data: str) -> str:
    was: Mapping[str, Any] = orjson.loads(data) if data else {}
    kept = {name: value for name, value in was.items() if name in KEPT_IN_EVENTS and _is_plain(value)}
    return orjson.dumps(kept).decode()


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return _PLAIN.fullmatch(value) is not None
    if isinstance(value, list | dict):
        return False
    return value is None or isinstance(value, bool | int | float)
