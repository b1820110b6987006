"""Table of what models write while they answer: pieces of text, in one order with the run's events.

Whoever writes a piece first takes the run's row, which the writer of events takes too. So the order of commits, also
of several gateway processes, is the order of (`after`, `part`): what a reader has passed never gets anything before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Text, select, tuple_
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.database import Transaction, quick
from chargehand.runs.model import ENDED
from chargehand.runs.store import Row, table


class RunTextRow(SQLModel, table=True):
    """A piece. `start` counts the characters of its attempt before it, `left_out` those that are not kept after it.

    `after` is the number of the run's event after which it comes, `part` its own number there, from 1.
    """

    __tablename__: Any = "run_text"

    run: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    start: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    tenant: str
    after: int = Field(sa_column=Column(Integer, nullable=False))
    part: int = Field(sa_column=Column(Integer, nullable=False))
    step: str
    at: str
    left_out: int = Field(sa_column=Column(Integer, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))


TEXT = table(RunTextRow)
Index("ux_run_text_order", TEXT.c.run, TEXT.c.after, TEXT.c.part, unique=True)

_TAKE = "SELECT events, state FROM run WHERE id = ? AND tenant = ?"
_NEWEST = (
    "SELECT attempt, start, text, left_out FROM run_text WHERE run = ? AND position = ? AND tenant = ? "
    "ORDER BY attempt DESC, start DESC LIMIT 1"
)
_LAST_PART = "SELECT max(part) FROM run_text WHERE run = ? AND after = ? AND tenant = ?"
_INSERT = (
    "INSERT INTO run_text (run, position, attempt, start, tenant, after, part, step, at, left_out, text) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Call:
    """The model call that a text answers. `asked` is the number of the event that tells of it."""

    tenant: str
    run: str
    position: int
    step: str
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """What is kept of a text, and how many characters of it are not."""

    text: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """How far the newest attempt of a call has come: `length` characters are kept."""

    attempt: int = 0
    length: int = 0
    closed: bool = False


def begin(tx: Transaction, call: Call, words: Words) -> End | None:
    """Write the first piece of a new attempt; None, and nothing is written, if the run has ended."""
    events = _take(tx, call)
    if events is None:
        return None
    newest = _newest(tx.connection, call)
    return _add(tx, call, events, End(newest.attempt + 1), words)


def go_on(tx: Transaction, call: Call, end: End, words: Words) -> End | None:
    """Write a piece after `end`; None, and nothing is written, if the run has ended or somebody else went on."""
    events = _take(tx, call)
    if events is None or _newest(tx.connection, call) != end:
        return None
    return _add(tx, call, events, end, words)


def complete(tx: Transaction, call: Call, words: Words) -> None:
    """See to it that the newest attempt says exactly this: the rest of it is added, or all of it as a new attempt."""
    events = _take(tx, call)
    if events is None:
        return
    newest = _newest(tx.connection, call)
    there = texts_of(tx.connection, call.tenant, call.run, [call.position]).get(call.position)
    said = there.words if there else Words()
    if said == words:
        return
    if said.text and not newest.closed and words.text.startswith(said.text):
        _add(tx, call, events, newest, Words(words.text[len(said.text) :], words.left_out))
        return
    _add(tx, call, events, End(newest.attempt + 1), words)


def has_text(connection: Connection, call: Call) -> bool:
    """Whether an attempt at this call has written anything."""
    return _newest(connection, call).attempt > 0


def read_texts(connection: Connection, tenant: str, run: str, after: tuple[int, int], limit: int) -> list[Row]:
    """Pieces behind (`after`, `part`), in their order."""
    query = (
        select(TEXT)
        .where(TEXT.c.run == run, TEXT.c.tenant == tenant, tuple_(TEXT.c.after, TEXT.c.part) > after)
        .order_by(TEXT.c.after, TEXT.c.part)
        .limit(limit)
    )
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Said:
    """The newest attempt at a call, as far as it is written."""

    attempt: int
    words: Words


def texts_of(connection: Connection, tenant: str, run: str, positions: Iterable[int] = ()) -> dict[int, Said]:
    """By position, what was written last; of all calls of the run if none is named."""
    query = select(TEXT.c.position, TEXT.c.attempt, TEXT.c.text, TEXT.c.left_out).where(
        TEXT.c.run == run, TEXT.c.tenant == tenant
    )
    if wanted := tuple(positions):
        query = query.where(TEXT.c.position.in_(wanted))
    found: dict[int, Said] = {}
    pieces: dict[int, list[str]] = {}
    for position, attempt, text, left_out in connection.execute(
        query.order_by(TEXT.c.position, TEXT.c.attempt, TEXT.c.start)
    ):
        if position not in found or found[position].attempt != attempt:
            pieces[position] = []
        pieces[position].append(text)
        found[position] = Said(attempt, Words("", left_out))
    return {
        position: Said(said.attempt, Words("".join(pieces[position]), said.words.left_out))
        for position, said in found.items()
    }


def _take(tx: Transaction, call: Call) -> int | None:
    """Hold the run's row until the commit; the number of its newest event, or None if it has ended."""
    # SQLite has one writer, and it is this transaction.
    lock = "" if tx.connection.dialect.name == "sqlite" else " FOR NO KEY UPDATE"
    row: Any = quick(tx.connection, _TAKE + lock, (call.run, call.tenant)).fetchone()
    return None if row is None or row[1] in ENDED else int(row[0])


def _newest(connection: Connection, call: Call) -> End:
    row: Any = quick(connection, _NEWEST, (call.run, call.position, call.tenant)).fetchone()
    return End() if row is None else End(row[0], row[1] + len(row[2]), row[3] > 0)


def _add(tx: Transaction, call: Call, events: int, end: End, words: Words) -> End:
    # Another activity of the run may be the one that tells that this call was asked, and be late with it.
    after = max(events, call.asked)
    part: Any = quick(tx.connection, _LAST_PART, (call.run, after, call.tenant)).fetchone()[0]
    row = (
        call.run,
        call.position,
        end.attempt,
        end.length,
        call.tenant,
        after,
        (part or 0) + 1,
        call.step,
        clock.iso(clock.now()),
        words.left_out,
        words.text,
    )
    quick(tx.connection, _INSERT, row)
    return End(end.attempt, end.length + len(words.text), words.left_out > 0)


def as_piece(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row by the names of `model.RunText`."""
    names = ("run", "position", "attempt", "start", "after", "part", "step", "left_out", "text")
    return {**{name: row[name] for name in names}, "at": clock.parse(row["at"])}
