"""Many starts at once: one run for each row, or none where a row has a problem. The same key starts no row twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from chargehand.agents.forms import problems
from chargehand.agents.model import AgentSpec
from chargehand.database import Transaction
from chargehand.errors import BadInput, Conflict, RuntimeUnavailable
from chargehand.identity.model import SignedIn
from chargehand.runs import store
from chargehand.runs.model import RunState
from chargehand.runs.service import RunService
from chargehand.runs.starts import may_start, may_use, new_row, write_start
from chargehand.runs.views import MAX_ROWS

CHUNK = 100
"""Rows a transaction: others write in between."""
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit. `row` counts from 0; `field` is a path in the row, empty for the row itself."""

    row: int
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Batch:
    """How far the runs of a batch are, in the order of its rows."""

    runs: tuple[str, ...]
    by_state: dict[RunState, int]


def check_rows(spec: AgentSpec, rows: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Every field of every row that does not fit the agent's input."""
    return [
        Problem(number, field, detail)
        for number, row in enumerate(rows)
        for field, detail in problems(dict(row), spec.input_schema)
    ]


async def start_rows(
    runs: RunService, who: SignedIn, agent: str, rows: Sequence[Mapping[str, Any]], key: str
) -> tuple[str, ...]:
    """Start one run for each row on behalf of `who`; ids in the order of the rows. Repeating it starts what is left.

    Raises:
        BadInput: a row does not fit; names the first row and field. Nothing was started.
        Forbidden: policy does not let `who` start the agent with one of the rows. Nothing was started.
        Conflict: the key was used for another row.
    """
    spec = runs.agents.find(agent)
    may_use(who, spec)
    if found := check_rows(spec, rows):
        first = found[0]
        raise BadInput(
            f"{first.detail} ({len({one.row for one in found})} rows have problems; nothing was started.)",
            field=f"rows.{first.row}.{first.field}".rstrip("."),
            way_out="Check the rows first; each problem names its row and field.",
        )
    tenant, person = who.principal.tenant, who.principal.id
    for row in rows:
        may_start(runs.policy, tenant, (person,), spec, row)
    made = [
        new_row(
            spec,
            row,
            tenant=tenant,
            chain=(person, spec.principal),
            principal=person,
            signed_in_by=who.method,
            request_key=_key(key, number),
        )
        for number, row in enumerate(rows)
    ]
    written: list[Mapping[str, Any]] = []
    for first_row in range(0, len(made), CHUNK):
        chunk = made[first_row : first_row + CHUNK]
        written += await runs.db.write(lambda tx, chunk=chunk, at=first_row: _write(tx, chunk, at))
    await _begin(runs, [row for row in written if row["state"] == "starting"])
    return tuple(row["id"] for row in written)


async def find(runs: RunService, who: SignedIn, key: str) -> Batch:
    """The runs that `who` started under a key. Empty where there are none."""
    tenant, person = who.principal.tenant, who.principal.id
    keys = [_key(key, number) for number in range(MAX_ROWS)]

    def query(connection: Connection) -> list[store.Row]:
        return store.find_by_keys(connection, tenant, keys)

    found = {row["request_key"]: row for row in await runs.db.read(query) if row["principal"] == person}
    rows = [found[one] for one in keys if one in found]
    return Batch(tuple(row["id"] for row in rows), dict(Counter(row["state"] for row in rows)))


def _key(key: str, number: int) -> str:
    return f"{key}:{number}"


def _write(tx: Transaction, rows: Sequence[store.RunRow], first: int) -> list[Mapping[str, Any]]:
    written: list[Mapping[str, Any]] = []
    for number, row in enumerate(rows, first):
        found = write_start(tx, row)
        if found["principal"] != row.principal:
            raise Conflict(f"Somebody else used the key for row {number + 1}.", way_out="Use a fresh key.")
        if (found["agent"], found["input"]) != (row.agent, row.input):
            raise Conflict(
                f"The key was used for another row {number + 1} ({found['id']}).", way_out="Use a fresh key."
            )
        written.append(found)
    return written


async def _begin(runs: RunService, rows: Sequence[Mapping[str, Any]]) -> None:
    """Have Temporal run them; where it does not answer, the outbox begins the rest."""
    waiting = list(reversed(rows))

    async def begin_some() -> None:
        while waiting:
            try:
                await runs.begin(waiting.pop())
            except RuntimeUnavailable:
                waiting.clear()

    await asyncio.gather(*(begin_some() for _ in range(AT_ONCE)))
