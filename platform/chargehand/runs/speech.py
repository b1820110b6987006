"""What a model says while it answers, written in pieces as it comes: one commit every tenth of a second at most.

Owned by the activity that asks. Listening never waits for the database; only `complete` does, so that the text is
durable before the run hears of the answer. A piece that can't be written is no reason to lose an answer that is being
paid for: the words wait for the next piece.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from types import TracebackType
from typing import Self

from chargehand.database import Database
from chargehand.errors import Unavailable
from chargehand.models.words import ends_in_half, fit
from chargehand.runs import text_store
from chargehand.runs.sizes import LARGEST_TOLD_BYTES
from chargehand.runs.text_store import Call, End, Words, has_text

EVERY_SECONDS = 0.1

logger = logging.getLogger("chargehand.runs")


class Speech:
    """One attempt at one model call. Use it as a context manager; `tell` is the model's listener."""

    def __init__(self, db: Database, call: Call) -> None:
        self.db = db
        self.call = call
        self._heard: list[str] = []
        self._size = 0
        self._said = ""
        self._end: End | None = None
        self._silent = False
        self._more = asyncio.Event()
        self._over = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What was heard of an answer that broke off is written too; one that nobody waits for any more is dropped."""
        if kind is not None and issubclass(kind, asyncio.CancelledError) and self._writing is not None:
            self._writing.cancel()
        with suppress(asyncio.CancelledError):
            await self._pause()

    def tell(self, text: str) -> None:
        """Hear the next words."""
        if self._size > LARGEST_TOLD_BYTES:
            return
        self._size += len(text.encode("utf-8", "surrogatepass"))
        self._heard.append(text)
        self._more.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_as_it_comes())

    async def complete(self, text: str) -> None:
        """The answer is this: what is written says so, whatever was heard of it. Raises DatabaseUnavailable."""
        await self._pause()
        if self._silent:
            return
        words = kept_of(text)
        if self._end is not None and not self._heard and self._said == words.text and not words.left_out:
            return
        if not text and self._end is None and not await self.db.read(lambda reader: has_text(reader, self.call)):
            return
        await self.db.write(lambda tx: text_store.complete(tx, self.call, words))

    async def _pause(self) -> None:
        """Stop listening; what was heard until now is written, if it can be."""
        self._over.set()
        self._more.set()
        if self._writing is not None:
            await self._writing

    async def _write_as_it_comes(self) -> None:
        while not self._silent:
            await self._more.wait()
            self._more.clear()
            await self._write()
            if self._over.is_set() and not self._more.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), EVERY_SECONDS)

    async def _write(self) -> None:
        fresh = "".join(self._heard)
        half = fresh[-1:] if ends_in_half(fresh) and not self._over.is_set() else ""
        self._heard = [half] if half else []
        words = kept_of(self._said + fit(fresh.removesuffix(half)))
        if words.text == self._said:
            return
        end, said = self._end, self._said
        self._said = words.text
        try:
            if end is None:
                written = await self.db.write(lambda tx: text_store.begin(tx, self.call, Words(words.text)))
            else:
                rest = Words(words.text.removeprefix(said))
                written = await self.db.write(lambda tx: text_store.go_on(tx, self.call, end, rest))
        except Unavailable as error:
            # Nobody knows whether it is there. What follows is a new attempt, and says all of it.
            logger.warning("What a model says could not be written; it is tried again: %s", error)
            self._end = None
            return
        self._end, self._silent = written, written is None


def kept_of(text: str) -> Words:
    """As much of a text as a run's story keeps."""
    text = fit(text)
    if len(text) * 4 <= LARGEST_TOLD_BYTES:
        return Words(text)
    kept = text.encode()[:LARGEST_TOLD_BYTES].decode(errors="ignore")
    return Words(kept, len(text) - len(kept))
