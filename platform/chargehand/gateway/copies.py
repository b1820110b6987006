"""What the call table keeps of a person, and how it is emptied when that person is erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

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
    return sum(_empty(connection, tenant, CALLS.c.run.in_(some)) for some in parts(runs))


def forget_results(connection: Connection, tenant: str, keys: Sequence[str]) -> None:
    """Empty what these reads answered, once it has been used and nobody will ask for it by their keys again."""
    ended = (CALLS.c.tenant == tenant) & CALLS.c.key.in_(keys) & (CALLS.c.effect == "read") & (CALLS.c.state == "done")
    connection.execute(update(CALLS).where(ended, CALLS.c.result != "").values(result=""))


def erase_reads(connection: Connection, tenant: str, within: str, name: str) -> int:
    """Empty reads that no run did and whose answer is still kept, or that name `name`; how many.

    `within` begins what they were done for. Nobody asks for their answers again, so those are emptied whoever they
    speak of; what is under way is left.
    """
    said = (CALLS.c.exact, CALLS.c.sentence, CALLS.c.failure)
    named = [func.lower(column).contains(name.casefold(), autoescape=True) for column in said] if name else []
    reads = CALLS.c.run.startswith(within, autoescape=True) & (CALLS.c.effect == "read") & (CALLS.c.state == "done")
    return _empty(connection, tenant, reads & or_(CALLS.c.result != "", *named))


def _empty(connection: Connection, tenant: str, which: ColumnElement[bool]) -> int:
    done = 0
    columns = (CALLS.c.key, CALLS.c.exact, CALLS.c.failure)
    for row in connection.execute(select(*columns).where(CALLS.c.tenant == tenant, which)).all():
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
