"""Whose a token is, for many requests in one read: a read costs a thread's turn, whatever it reads.

Nothing is kept: each request is answered by a read that began after it came, so a revoked token is refused at once.
"""

from __future__ import annotations

import asyncio
from functools import partial

from chargehand import clock
from chargehand.database import Database
from chargehand.identity import store
from chargehand.identity.model import ApiToken, User

Found = tuple[ApiToken, User] | None

AT_ONCE = 200


class TokenLookups:
    """Safe to use from one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[str, asyncio.Future[Found]]] = []
        self._reader: asyncio.Task[None] | None = None

    async def find(self, secret_hash: str) -> Found:
        """The token with this hash, and its owner. Raises DatabaseUnavailable."""
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((secret_hash, answer))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        return await answer

    async def _read(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                hashes = sorted({secret_hash for secret_hash, _ in some})
                try:
                    found = await self._db.read(partial(store.find_tokens, secret_hashes=hashes, now=clock.now()))
                except Exception as error:  # each that waits hears of it
                    for _, answer in some:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for secret_hash, answer in some:
                    if not answer.done():
                        answer.set_result(found.get(secret_hash))
        finally:
            self._reader = None
