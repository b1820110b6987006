"""A caller who gives up takes back what has not begun; everybody hears of their own unit, from any loop or thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from chargehand.database import Database, Transaction
from chargehand.errors import Conflict


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    database.write_now(lambda tx: tx.connection.execute(text("CREATE TABLE seen (n integer)")))
    yield database
    database.close()


def _note(tx: Transaction, n: int) -> int:
    tx.connection.execute(text("INSERT INTO seen VALUES (:n)"), {"n": n})
    return n


def _seen(db: Database) -> list[int]:
    return db.read_now(lambda connection: list(connection.execute(text("SELECT n FROM seen ORDER BY n")).scalars()))


async def test_a_unit_that_has_not_begun_is_taken_back_and_one_that_has_runs_to_its_end(db: Database) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> int:
        began.set()
        assert go_on.wait(10)
        return _note(tx, 1)

    running = asyncio.create_task(db.write(slow))
    await asyncio.to_thread(began.wait, 10)
    waiting = asyncio.create_task(db.write(lambda tx: _note(tx, 2)))
    other = asyncio.create_task(db.write(lambda tx: _note(tx, 3)))
    await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    go_on.set()
    assert await other == 3
    assert _seen(db) == [1, 3]


async def test_each_caller_hears_of_its_own_unit(db: Database) -> None:
    def fails(tx: Transaction) -> int:
        _note(tx, 99)
        raise Conflict("not this one")

    def elsewhere() -> list[int]:
        async def many() -> list[int]:
            return list(await asyncio.gather(*(db.write(lambda tx, n=n: _note(tx, n)) for n in range(10, 20))))

        return asyncio.run(many())

    here = asyncio.gather(*(db.write(lambda tx, n=n: _note(tx, n)) for n in range(10)))
    failing = asyncio.create_task(db.write(fails))
    assert await asyncio.to_thread(elsewhere) == list(range(10, 20))
    assert await here == list(range(10))
    with pytest.raises(Conflict):
        await failing
    assert await asyncio.to_thread(db.write_now, lambda tx: _note(tx, 20)) == 20
    assert await asyncio.to_thread(db.write_apart, lambda tx: _note(tx, 21)) == 21
    assert _seen(db) == list(range(22))


def test_an_answer_to_a_loop_that_is_gone_harms_nobody(db: Database) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> int:
        began.set()
        assert go_on.wait(10)
        return _note(tx, 1)

    async def give_up() -> None:
        task = asyncio.create_task(db.write(slow))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()

    asyncio.run(give_up())
    go_on.set()
    assert db.write_now(lambda tx: _note(tx, 2)) == 2
    assert _seen(db) == [1, 2]
