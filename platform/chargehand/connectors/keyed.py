"""Once for each key: the bookkeeping of connectors whose system does not deduplicate by itself.

`local` is for an effect that is written to the same SQLite file: dedup row and effect share one transaction, so it is
exactly-once. `remote` is for an effect elsewhere: the row is durable before anything leaves; a later attempt first
looks whether the earlier one took effect, and creates only when it certainly did not.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson
import rfc8785
from pydantic import BaseModel

from chargehand import clock
from chargehand.connectors.incoming import Incoming
from chargehand.errors import Ambiguous, ChargehandError, Duplicate

R = TypeVar("R", bound=BaseModel)

Standing = Literal["unknown here", "under way", "stopped", "done"]

DEFAULT_LEASE = timedelta(seconds=60)
GRACE = timedelta(seconds=5)
"""How long after its deadline a request that had left may still arrive at the system."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keyed_effect (
  key TEXT PRIMARY KEY,
  tool TEXT NOT NULL,
  arguments_digest TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('started', 'done')),
  lease_until TEXT NOT NULL,
  result TEXT
) STRICT
"""


class KeyedEffects:
    """One SQLite file of keys and results. Several processes may share it; `close` when done."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=15, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        self._connection.close()

    def local(
        self,
        incoming: Incoming,
        arguments: Mapping[str, Any],
        result_type: type[R],
        effect: Callable[[sqlite3.Connection], R],
    ) -> R:
        """Run `effect` at most once for the key, in the transaction that records it.

        Raises:
            Duplicate: the key was used with other arguments.
            Unavailable: the deadline has passed; nothing was done.
        """
        with self._transaction() as connection:
            known = self._known(incoming, arguments)
            if known is not None:
                return result_type.model_validate_json(known["result"])
            incoming.check_deadline()
            result = effect(connection)
            self._insert(incoming, arguments, "done", clock.now(), result)
            return result

    async def remote(
        self,
        incoming: Incoming,
        arguments: Mapping[str, Any],
        result_type: type[R],
        *,
        lookup: Callable[[], Awaitable[R | None]],
        create: Callable[[], Awaitable[R]],
    ) -> R:
        """Have `create` take effect once for the key.

        `lookup` returns what an earlier attempt made, None when it certainly made nothing, and raises Ambiguous when
        it can't tell. `create` raises Ambiguous when its effect is unknown, any other error when it had none.

        Raises:
            Duplicate: the key was used with other arguments.
            Unavailable: the deadline has passed, and nothing was ever done under this key.
            Ambiguous: an earlier attempt may still be under way, or `lookup` or `create` can't tell; repeat later.
        """
        known = await asyncio.to_thread(self._claim, incoming, arguments)
        if known is not None and known["state"] == "done":
            return result_type.model_validate_json(known["result"])
        result = await lookup() if known is not None else None
        if result is None:
            try:
                incoming.check_deadline()
                result = await create()
            except Ambiguous:
                raise
            except ChargehandError:
                # A clear answer: it had no effect. Anything else leaves the row, and the next attempt looks.
                await asyncio.to_thread(self._release, incoming)
                raise
        await asyncio.to_thread(self._finish, incoming, result)
        return result

    def find(self, key: str, tool: str, result_type: type[R]) -> R | None:
        """What was done under `key`; None when nothing is known to have been done."""
        with self._lock:
            row = self._row(key)
        if row is None or row["tool"] != tool or row["state"] != "done":
            return None
        return result_type.model_validate_json(row["result"])

    def standing(self, key: str, tool: str) -> Standing:
        """Where the call with `key` stands: `under way` may still take effect, `stopped` may have taken it."""
        with self._lock:
            row = self._row(key)
        if row is None or row["tool"] != tool:
            return "unknown here"
        if row["state"] == "done":
            return "done"
        return "under way" if clock.parse(row["lease_until"]) > clock.now() else "stopped"

    def _claim(self, incoming: Incoming, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take the lease. Returns the row of an earlier attempt, None for the first."""
        with self._transaction() as connection:
            known = self._known(incoming, arguments)
            if known is None:
                self._insert(incoming, arguments, "started", _lease(incoming), None)
                return None
            if known["state"] == "started":
                if clock.parse(known["lease_until"]) > clock.now():
                    raise Ambiguous(f"Another attempt at {incoming.tool} under this key may still be under way.")
                connection.execute(
                    "UPDATE keyed_effect SET lease_until = ? WHERE key = ?",
                    (clock.iso(_lease(incoming)), incoming.key),
                )
            return known

    def _known(self, incoming: Incoming, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        row = self._row(incoming.key)
        if row is not None and (row["tool"], row["arguments_digest"]) != (incoming.tool, _digest(arguments)):
            raise Duplicate(f"The key of this call was used for another {row['tool']} call.")
        return row

    def _row(self, key: str) -> dict[str, Any] | None:
        cursor = self._connection.execute("SELECT * FROM keyed_effect WHERE key = ?", (key,))
        row = cursor.fetchone()
        return None if row is None else dict(zip((column[0] for column in cursor.description), row, strict=True))

    def _insert(
        self, incoming: Incoming, arguments: Mapping[str, Any], state: str, until: datetime, result: BaseModel | None
    ) -> None:
        self._connection.execute(
            "INSERT INTO keyed_effect VALUES (?, ?, ?, ?, ?, ?)",
            (incoming.key, incoming.tool, _digest(arguments), state, clock.iso(until), _json(result)),
        )

    def _finish(self, incoming: Incoming, result: BaseModel) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE keyed_effect SET state = 'done', result = ? WHERE key = ?", (_json(result), incoming.key)
            )

    def _release(self, incoming: Incoming) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM keyed_effect WHERE key = ? AND state = 'started'", (incoming.key,))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _lease(incoming: Incoming) -> datetime:
    return clock.now() + DEFAULT_LEASE if incoming.deadline is None else incoming.deadline + GRACE


def _digest(arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(arguments))).hexdigest()


def _json(result: BaseModel | None) -> str | None:
    return None if result is None else orjson.dumps(result.model_dump(mode="json")).decode()
