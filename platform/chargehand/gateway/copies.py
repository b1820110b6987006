"""What the call table keeps of a person, and how it is emptied when that person is erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from chargehand.audit.erasure import parts
from chargehand.audit.personal import ERASED
from chargehand.gateway.store import CALLS
from chargehand.outcome import Failure
from chargehand.risk.signals import AMOUNT_FIELDS

EMPTIED = {"tool_call": ("exact", "sentence", "result", "failure", "finding", "counterparty")}
"""Columns by table; what else these tables hold are names of things, numbers and times."""

KEPT_ARGUMENTS = (*AMOUNT_FIELDS, "currency")
"""Policy's caps go on counting what was spent: a person's erasure must not free a budget."""


def open_calls(connection: Connection, tenant: str, runs: Sequence[str]) -> list[str]:
    """Runs of which a call has not ended."""
    found: set[str] = set()
    for some in parts(runs):
        query = select(CALLS.c.run).where(CALLS.c.tenant == tenant, CALLS.c.run.in_(some), CALLS.c.state != "done")
        found |= set(connection.execute(query.distinct()).scalars())
    return sorted(found)


def erase(connection: Connection, tenant: str, runs: Sequence[str]) -> int:
    """Empty the calls of these runs; how many. The digests stay: they are what the log has of the calls too."""
    done = 0
    for some in parts(runs):
        mine = (CALLS.c.tenant == tenant) & CALLS.c.run.in_(some)
        for row in connection.execute(
            select(CALLS.c.key, CALLS.c.exact, CALLS.c.failure, CALLS.c.finding).where(mine)
        ).all():
            values = {
                "exact": _amounts(row.exact),
                "sentence": ERASED,
                "result": "",
                "failure": _failure(row.failure),
                "finding": "",
                "counterparty": "",
            }
            one = (CALLS.c.tenant == tenant) & (CALLS.c.key == row.key)
            done += connection.execute(update(CALLS).where(one).values(**values)).rowcount
    return done


def _amounts(exact: str) -> str:
    if not exact:
        return ""
    given: dict[str, Any] = orjson.loads(exact)["arguments"]
    kept = {name: given[name] for name in KEPT_ARGUMENTS if isinstance(given.get(name), str | int)}
    return orjson.dumps({"arguments": kept}).decode()


def _failure(failure: str) -> str:
    return Failure(kind=Failure.model_validate_json(failure).kind, detail=ERASED).model_dump_json() if failure else ""
