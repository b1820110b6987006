"""One database, durable group commit, snapshot reads. SQLite or PostgreSQL.

The Database owns one writer thread and the engine; slices own their tables and queries. A *unit* is a function of a
`Transaction`: it only talks to the database and returns quickly. While one commit is being synced, the units that
arrive meanwhile wait and share the next one, each in its own savepoint, so that a unit which raises undoes only itself.

What many units append to (the action log) is deferred and flushed once a batch, just before the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import SQLModel, create_engine

from chargehand.errors import DatabaseUnavailable

T = TypeVar("T")
Flush = Callable[[Connection, list[Any]], None]

MAX_BATCH = 512
SQLITE_BUSY_SECONDS = 15
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Transaction:
    """What a unit sees: the connection, and the list of what is flushed once before the commit.

    The unit's savepoint is set when it first takes the connection: a unit that only defers costs no round trip.
    """

    __slots__ = ("_connection", "deferred", "touched")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.deferred: list[tuple[Flush, Any]] = []
        self.touched = False

    @property
    def connection(self) -> Connection:
        """The connection, inside the unit's savepoint."""
        if not self.touched:
            self._connection.exec_driver_sql("SAVEPOINT unit")
            self.touched = True
        return self._connection

    def defer(self, flush: Flush, item: Any) -> None:
        """Have `flush(connection, items)` called once for the batch, with the items of all units that succeeded."""
        self.deferred.append((flush, item))


@dataclass(slots=True)
class _Work:
    """A unit that waits. Whoever empties `free` first has it: the writer, to run it, or its caller, to take it back."""

    unit: Callable[[Transaction], Any]
    answer: Future[Any] | asyncio.Future[Any]
    # A unit sees its caller's context variables, as if it ran in place: the trace, for one.
    context: contextvars.Context
    free: list[None] = field(default_factory=lambda: [None])

    def taken(self) -> bool:
        """Take it; False if somebody was faster. Popping a list is atomic."""
        try:
            self.free.pop()
        except IndexError:
            return False
        return True


_Result = tuple[_Work, Any, Exception | None]


class Database:
    """Reads and durable writes. Safe to use from any thread or event loop; `close` when done."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine: Engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url, pool_size)
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="chargehand-writer", daemon=True)
        self._writer.start()

    def create_schema(self) -> None:
        """Create every table that is imported, for tests; an installation migrates instead."""
        SQLModel.metadata.create_all(self.engine)

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run `unit` and return its result once it is on disk.

        Raises:
            DatabaseUnavailable: the commit failed, or its fate is unknown: repeat a unit that is idempotent.
            Whatever the unit raises; then nothing of it was written.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        work = self._submit(unit, answer)
        try:
            return await answer
        except asyncio.CancelledError:
            work.taken()
            raise

    def write_now(self, unit: Callable[[Transaction], T]) -> T:
        """`write`, for callers without an event loop."""
        answer: Future[T] = Future()
        self._submit(unit, answer)
        return answer.result()

    def write_apart(self, unit: Callable[[Transaction], T]) -> T:
        """`write_now` beside the group commit where the database lets two write at once, so that nobody waits for it.

        For long work on rows that nobody else writes. On SQLite, which has one writer, it waits its turn.
        """
        if self.is_sqlite:
            return self.write_now(unit)
        answer: Future[T] = Future()
        self._commit([_Work(unit, answer, contextvars.copy_context())])
        return answer.result()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a snapshot, off the event loop."""
        return await asyncio.to_thread(self.read_now, query)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """`read`, for callers without an event loop. Raises DatabaseUnavailable."""
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN" if self.is_sqlite else _SNAPSHOT)
                try:
                    return query(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except (OperationalError, DBAPIError) as error:
            raise DatabaseUnavailable(f"The database could not be read: {error.orig}.") from error

    def scrub(self) -> bool:
        """Leave nothing of what was overwritten in the database's files; False: a reader holds on to some of it still.

        SQLite: the write-ahead log is written back and emptied; in the file itself what is deleted is zeroed at once.
        PostgreSQL: dead rows go with the next vacuum, which is the server's own business.
        """
        if not self.is_sqlite:
            return True
        with self.engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not busy

    def close(self) -> None:
        """Finish the queued units and let go of the connections."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._writer.join()
            self.engine.dispose()

    def _submit(self, unit: Callable[[Transaction], T], answer: Future[T] | asyncio.Future[T]) -> _Work:
        if self._closed:
            raise DatabaseUnavailable("The database is closed.")
        work = _Work(unit, answer, contextvars.copy_context())
        self._queue.put(work)
        return work

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, more = [first], True
            while more and len(batch) < MAX_BATCH:
                try:
                    work = self._queue.get_nowait()
                except Empty:
                    break
                if work is None:
                    more = False
                else:
                    batch.append(work)
            # A caller who was cancelled while its unit waited takes it back; from here on a unit runs to its end.
            self._commit([work for work in batch if work.taken()])
            if not more:
                return

    def _commit(self, batch: list[_Work]) -> None:
        if not batch:
            return
        results: list[_Result] = []
        committing = False
        try:
            with self.engine.connect() as connection:
                try:
                    connection.exec_driver_sql("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
                    flushes: dict[Flush, list[Any]] = {}
                    results = [self._apply(connection, work, flushes) for work in batch]
                    for flush, items in flushes.items():
                        flush(connection, items)
                    committing = True
                    connection.exec_driver_sql("COMMIT")
                except Exception:
                    connection.invalidate()  # never hand an open or broken transaction back to the pool
                    raise
        except Exception as error:  # the batch is lost whole: every caller must hear of it
            # Before COMMIT was sent nothing can have been kept, so the units may be tried one by one: one unit's lock
            # or constraint must not fail the others. After it, their fate is unknown and only the callers may repeat.
            if len(batch) > 1 and not committing:
                for work in batch:
                    self._commit([work])
                return
            if isinstance(error, DBAPIError):
                error = DatabaseUnavailable(f"The database could not be written: {error.orig}.")
            results = [(work, None, error) for work in batch]
        _answer(results)

    @staticmethod
    def _apply(connection: Connection, work: _Work, flushes: dict[Flush, list[Any]]) -> _Result:
        transaction = Transaction(connection)
        try:
            result = work.context.run(work.unit, transaction)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            if transaction.touched:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
            return work, None, error
        if transaction.touched:
            connection.exec_driver_sql("RELEASE SAVEPOINT unit")
        for flush, item in transaction.deferred:
            flushes.setdefault(flush, []).append(item)
        return work, result, None


def _answer(results: Sequence[_Result]) -> None:
    """Tell every caller, each event loop once: waking a loop for each record would cost more than the record."""
    loops: dict[asyncio.AbstractEventLoop, list[_Result]] = {}
    for one in results:
        waiting = one[0].answer
        if isinstance(waiting, asyncio.Future):
            loops.setdefault(waiting.get_loop(), []).append(one)
        else:
            _tell([one])
    for loop, some in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, some)


def _tell(results: Sequence[_Result]) -> None:
    for work, result, failure in results:
        if work.answer.done():  # its caller was cancelled meanwhile
            continue
        if failure is None:
            work.answer.set_result(result)
        else:
            work.answer.set_exception(failure)


def quick(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> Any:
    """Run one statement on the driver itself, for hot paths: SQLAlchemy costs ten times as much as SQLite does.

    `?` marks a parameter whatever the database, and stands for nothing else. Returns the driver's cursor: rows are
    tuples, `rowcount` is what an update changed.

    Raises:
        DatabaseUnavailable: the statement failed.
    """
    raw: Any = connection.connection.driver_connection
    try:
        return raw.execute(statement if connection.dialect.name == "sqlite" else _percent(statement), parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise DatabaseUnavailable(f"The database refused: {error}.") from error


@lru_cache(maxsize=1024)
def _percent(statement: str) -> str:
    return statement.replace("?", "%s")


def _sqlite_engine(url: str) -> Engine:
    path = url.removeprefix("sqlite:///")
    if path and path != url:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Autocommit in the driver: BEGIN IMMEDIATE and COMMIT are ours, so that a writer never upgrades a read lock.
    engine = create_engine(url, connect_args={"check_same_thread": False, "isolation_level": None}, pool_size=8)

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={SQLITE_BUSY_SECONDS * 1000}",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", prepare)
    return engine


def _postgres_engine(url: str, pool_size: int) -> Engine:
    # Autocommit in the driver here too: one spelling of BEGIN and COMMIT for both databases.
    engine = create_engine(url, pool_size=pool_size, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def prepare(connection: Any, _record: object) -> None:
        connection.adapters.register_dumper(str, _dumper())

    event.listen(engine, "connect", prepare)
    return engine


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """PostgreSQL keeps no U+0000 in a text. What a mail or a model says may hold one, and would be refused for ever."""
    from psycopg.types.string import StrDumperUnknown

    class Text(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    return Text
