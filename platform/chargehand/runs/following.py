"""The one stream of a run: its events and what models write between them, in an order that never changes.

A reader asks again and again from where it is. Nothing costs anything while nobody reads; while a model writes, a
reader looks more often.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from chargehand.database import Database
from chargehand.errors import BadInput, NotFound
from chargehand.runs import rows, store, text_store
from chargehand.runs.model import ENDED, RunEvent, RunText

LOOK_SECONDS = 0.25
LOOK_CLOSELY_SECONDS = 0.1
CLOSELY_FOR_SECONDS = 2.0
BATCH = 500
LARGEST = 2**31 - 1
"""As a number of an event, which no run has: more is not to be asked of PostgreSQL."""

_PLACE = re.compile(r"(\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Behind event `seq`, and behind `part` pieces of text that follow it. Written `12`, or `12.3`."""

    seq: int = 0
    part: int = 0

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises BadInput."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise BadInput("a place in a run's stream is expected, e.g. 12 or 12.3", field="Last-Event-ID", value=text)
        return cls(*(min(int(number or 0), LARGEST) for number in found.groups()))

    def __str__(self) -> str:
        return f"{self.seq}.{self.part}" if self.part else str(self.seq)


def place_of(one: RunEvent | RunText) -> Place:
    return Place(one.seq) if isinstance(one, RunEvent) else Place(one.after, one.part)


async def follow(db: Database, tenant: str, run: str, after: Place) -> AsyncIterator[RunEvent | RunText]:
    """What follows `after`, as it comes, none twice, none left out; ends when the run has ended. Raises NotFound."""
    closely_until = 0.0
    while True:
        ended, found = await db.read(lambda connection, after=after: look(connection, tenant, run, after))
        for one in found:
            yield one
            after = place_of(one)
            if isinstance(one, RunText) or one.kind == "model.asked":
                closely_until = time.monotonic() + CLOSELY_FOR_SECONDS
        if found and (isinstance(found[-1], RunEvent) or len(found) >= BATCH):
            continue
        if ended and not found:
            return
        await asyncio.sleep(LOOK_CLOSELY_SECONDS if time.monotonic() < closely_until else LOOK_SECONDS)


def look(connection: Any, tenant: str, run: str, after: Place) -> tuple[bool, list[RunEvent | RunText]]:
    """Whether the run has ended, and what follows, of one moment."""
    state = store.state_of(connection, tenant, run)
    if state is None:
        raise NotFound(f"There is no run {run!r}.")
    ended = state in ENDED
    events = rows.events_on(store.read_events(connection, tenant, run, after.seq, BATCH), after.seq, gaps=ended)
    pieces = text_store.read_texts(connection, tenant, run, (after.seq, after.part), BATCH)
    texts = [RunText(**text_store.as_piece(row)) for row in pieces]
    # A piece behind events that are not there yet waits for them, and an event behind pieces that did not fit in, too.
    behind = events[-1].seq if events else after.seq
    found: list[RunEvent | RunText] = [*events, *(one for one in texts if one.after <= behind)]
    if len(texts) == BATCH:
        found = [one for one in found if place_of(one) <= place_of(texts[-1])]
    return ended, sorted(found, key=place_of)
