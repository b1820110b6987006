"""Once for each key, under every crash: at most one effect, and exactly one once an attempt gets through.

`Crash` stands for kill -9: it leaves the code without running its handlers for business errors.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargehand import clock
from chargehand.connectors import keyed
from chargehand.connectors.declare import Result
from chargehand.connectors.incoming import Incoming
from chargehand.connectors.keyed import KeyedEffects
from chargehand.errors import Ambiguous, ChargehandError, Conflict, Duplicate, Unavailable

KEY = "k" * 64
ARGUMENTS = {"to": "Li"}


class Made(Result):
    number: int


class Crash(BaseException):
    """The process dies here."""


class System:
    """A system without idempotency, that can be searched: each `create` is one effect, whatever the reply."""

    def __init__(self) -> None:
        self.made: list[Made] = []

    def attempt(self, fate: str) -> Made:
        if fate == "crash before":
            raise Crash
        if fate == "refused":
            raise Conflict("No.")
        if fate == "unreachable":
            raise Unavailable("Not sent.")
        if fate == "bug before":
            raise ZeroDivisionError
        self.made.append(Made(number=len(self.made) + 1))
        if fate == "crash after":
            raise Crash
        if fate == "no reply":
            raise Ambiguous("No reply.")
        if fate == "bug after":
            raise ZeroDivisionError
        return self.made[-1]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, as a list of one that a test may move."""
    time = [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: time[0])
    return time


FATES = ["fine", "crash before", "crash after", "no reply", "refused", "unreachable", "bug before", "bug after"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    attempts=st.lists(st.tuples(st.sampled_from(FATES), st.integers(0, 40), st.booleans()), max_size=6),
)
def test_remote_effects_happen_once(
    tmp_path_factory: pytest.TempPathFactory, at: list[datetime], attempts: list[tuple[str, int, bool]]
) -> None:
    file = tmp_path_factory.mktemp("keyed") / "keyed.db"
    system = System()
    # The last attempts are well-behaved and far enough apart, so the effect must be there in the end.
    for fate, seconds, blind in [*attempts, ("fine", 100, False), ("fine", 100, False)]:
        at[0] += timedelta(seconds=seconds)
        incoming = Incoming("crm.close", KEY, clock.now() + timedelta(seconds=10))

        async def lookup(blind: bool = blind) -> Made | None:
            if blind:
                raise Ambiguous("Can't tell.")
            return system.made[0] if system.made else None

        async def create(fate: str = fate) -> Made:
            return system.attempt(fate)

        effects = KeyedEffects(file)
        try:
            result = asyncio.run(effects.remote(incoming, ARGUMENTS, Made, lookup=lookup, create=create))
            assert result == system.made[0]
        except (Crash, ChargehandError, ZeroDivisionError):
            pass
        finally:
            effects.close()
        assert len(system.made) <= 1
    assert len(system.made) == 1


def test_a_clear_no_lets_the_next_attempt_create_at_once(tmp_path: Path, at: list[datetime]) -> None:
    effects, system = KeyedEffects(tmp_path / "k.db"), System()
    incoming = Incoming("crm.close", KEY, clock.now() + timedelta(seconds=10))

    async def lookup() -> Made | None:
        raise AssertionError("nothing was ever sent")

    async def run(fate: str) -> Made:
        async def create() -> Made:
            return system.attempt(fate)

        return await effects.remote(incoming, ARGUMENTS, Made, lookup=lookup, create=create)

    for fate in ("refused", "unreachable"):
        with pytest.raises(ChargehandError):
            asyncio.run(run(fate))
    assert asyncio.run(run("fine")) == Made(number=1)
    effects.close()


def test_an_attempt_that_may_still_arrive_is_waited_for(tmp_path: Path, at: list[datetime]) -> None:
    effects, system = KeyedEffects(tmp_path / "k.db"), System()

    async def run(fate: str) -> Made:
        incoming = Incoming("crm.close", KEY, clock.now() + timedelta(seconds=10))

        async def lookup() -> Made | None:
            return None  # the message is still on its way

        async def create() -> Made:
            return system.attempt(fate)

        return await effects.remote(incoming, ARGUMENTS, Made, lookup=lookup, create=create)

    with pytest.raises(Crash):
        asyncio.run(run("crash before"))
    at[0] += timedelta(seconds=10)
    with pytest.raises(Ambiguous, match="under way"):
        asyncio.run(run("fine"))
    at[0] += keyed.GRACE
    assert asyncio.run(run("fine")) == Made(number=1)
    effects.close()


@pytest.fixture
def effects(tmp_path: Path) -> Iterator[KeyedEffects]:
    made = KeyedEffects(tmp_path / "k.db")
    yield made
    made.close()


def insert(connection: sqlite3.Connection, *, then: BaseException | None = None) -> Made:
    connection.execute("CREATE TABLE IF NOT EXISTS done (number INTEGER)")
    connection.execute("INSERT INTO done SELECT count(*) + 1 FROM done")
    if then is not None:
        raise then
    return Made(number=connection.execute("SELECT count(*) FROM done").fetchone()[0])


@pytest.mark.parametrize("error", [Crash(), Conflict("No."), ZeroDivisionError()])
def test_a_local_effect_and_its_key_stand_or_fall_together(effects: KeyedEffects, error: BaseException) -> None:
    incoming = Incoming("crm.close", KEY)
    with pytest.raises(type(error)):
        effects.local(incoming, ARGUMENTS, Made, lambda connection: insert(connection, then=error))
    for _ in range(3):
        assert effects.local(incoming, ARGUMENTS, Made, insert) == Made(number=1)


def test_a_key_for_other_arguments_or_another_tool_is_a_duplicate(effects: KeyedEffects) -> None:
    effects.local(Incoming("crm.close", KEY), ARGUMENTS, Made, insert)
    for tool, arguments in (("crm.close", {"to": "Fay"}), ("crm.open", ARGUMENTS)):
        with pytest.raises(Duplicate):
            effects.local(Incoming(tool, KEY), arguments, Made, insert)
    assert effects.find(KEY, "crm.close", Made) == Made(number=1)
    assert effects.find(KEY, "crm.open", Made) is None


def test_after_the_deadline_nothing_new_happens(effects: KeyedEffects) -> None:
    late = Incoming("crm.close", KEY, clock.now() - timedelta(seconds=1))
    with pytest.raises(Unavailable):
        effects.local(late, ARGUMENTS, Made, insert)
    assert effects.local(Incoming("crm.close", KEY), ARGUMENTS, Made, insert) == Made(number=1)
    assert effects.local(late, ARGUMENTS, Made, insert) == Made(number=1), "what was done may be told at any time"


def test_standing_tells_where_a_key_is(tmp_path: Path, at: list[datetime]) -> None:
    effects = KeyedEffects(tmp_path / "k.db")
    incoming = Incoming("crm.close", KEY, clock.now() + timedelta(seconds=10))

    async def crash() -> Made:
        raise Crash

    async def nothing() -> None:
        return None

    assert effects.standing(KEY, "crm.close") == "unknown here"
    with pytest.raises(Crash):
        asyncio.run(effects.remote(incoming, ARGUMENTS, Made, lookup=nothing, create=crash))
    assert effects.standing(KEY, "crm.close") == "under way"
    at[0] += timedelta(seconds=60)
    assert effects.standing(KEY, "crm.close") == "stopped"
    effects.close()
