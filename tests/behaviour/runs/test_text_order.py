"""Texts of models in a run's stream: one order, resumed at any place without gap or repeat, on SQLite and PostgreSQL.

Events and pieces are written here as the activities write them, in every order that two gateway workers may come to.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargehand import clock
from chargehand.database import Database
from chargehand.runs import store, text_store
from chargehand.runs.following import Place, follow, look, place_of
from chargehand.runs.model import RunEvent, RunText
from chargehand.runs.speech import Speech, kept_of
from chargehand.runs.store import RunRow
from chargehand.runs.text_store import Call, End, Words

RUN, TENANT = "run_1", "demo"
START = Place()
NUMBERS = itertools.count(2)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'x.db'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
def db(url: str) -> Generator[Database]:
    made = Database(url)
    made.create_schema()
    yield made
    made.close()


def a_run(db: Database, run: str = RUN) -> None:
    values = dict.fromkeys(("agent", "agent_version", "title", "business_key", "signed_in_by", "chain"), "")
    row = RunRow(**values, id=run, tenant=TENANT, request_key=run, principal="person:amy", state="running", input="{}")
    row.created_at = clock.iso(clock.now())
    db.write_now(lambda tx: store.insert_run(tx, row))


def tell(db: Database, numbers: list[int], *, kind: str = "note", run: str = RUN) -> None:
    at = clock.iso(clock.now())
    rows = [{"seq": seq, "at": at, "kind": kind, "step": "", "data": "{}"} for seq in numbers]

    def unit(tx: Any) -> None:
        store.add_events(tx, TENANT, run, rows)
        store.stand(tx, run, seq=numbers[-1], state="running", waiting="[]")

    db.write_now(unit)


def end(db: Database, run: str = RUN) -> None:
    db.write_now(lambda tx: store.set_state(tx, run, "succeeded", of=("running",)))


def call_at(position: int, asked: int = 0, run: str = RUN) -> Call:
    return Call(TENANT, run, position, "node", asked)


async def read(db: Database, after: Place = START, run: str = RUN) -> list[RunEvent | RunText]:
    return [one async for one in follow(db, TENANT, run, after)]


def texts(stream: list[RunEvent | RunText]) -> dict[int, tuple[int, str]]:
    """As a client puts them together: by position the newest attempt and its words."""
    found: dict[int, tuple[int, str]] = {}
    for one in stream:
        if isinstance(one, RunText):
            attempt, text = found.get(one.position, (0, ""))
            assert one.attempt >= attempt
            text = text if one.attempt == attempt else ""
            assert one.start == len(text), "neither a gap nor a repeat"
            found[one.position] = (one.attempt, text + one.text)
    return found


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("asked"), st.booleans()),
        st.tuples(st.just("late"), st.just(0)),
        st.tuples(st.just("says"), st.integers(0, 3), st.text(st.characters(codec="utf-8", exclude_characters="\0"))),
        st.tuples(st.just("anew"), st.integers(0, 3)),
        st.tuples(st.just("reads"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=ACTS)
def test_whatever_the_order_a_reader_at_any_place_gets_exactly_the_rest(db: Database, acts: list[Any]) -> None:
    run = f"run_{next(NUMBERS)}"
    a_run(db, run)
    told, put_off = 0, list[int]()
    calls: list[Call] = []
    ends: dict[int, End | None] = {}
    said: dict[int, str] = {}
    reader: list[RunEvent | RunText] = []

    def reads() -> None:
        after = place_of(reader[-1]) if reader else Place()
        reader.extend(db.read_now(lambda connection: look(connection, TENANT, run, after))[1])

    for act, *given_ in acts:
        if act == "asked":  # an activity tells its event, or another one does so later
            told += 1
            calls.append(call_at(len(calls), told, run))
            if given_[0]:
                tell(db, [told], kind="model.asked", run=run)
            else:
                put_off.append(told)
        elif act == "late" and put_off:
            tell(db, put_off, kind="model.asked", run=run)
            put_off = []
        elif act == "says" and given_[0] < len(calls):
            call, words = calls[given_[0]], Words(given_[1])
            before = ends.get(call.position)
            if before is None:
                ends[call.position] = db.write_now(lambda tx, call=call, words=words: text_store.begin(tx, call, words))
                said[call.position] = words.text
            elif words.text and before.length:
                ends[call.position] = db.write_now(
                    lambda tx, call=call, before=before, words=words: text_store.go_on(tx, call, before, words)
                )
                said[call.position] += words.text
        elif act == "anew" and given_[0] < len(calls):
            ends[calls[given_[0]].position] = None
        elif act == "reads":
            reads()
    if put_off:
        tell(db, put_off, kind="model.asked", run=run)
    end(db, run)
    whole = asyncio.run(read(db, run=run))
    assert [one.seq for one in whole if isinstance(one, RunEvent)] == list(range(1, told + 1))
    for one in whole:
        if isinstance(one, RunText):
            assert one.after >= calls[one.position].asked, "words come after the question"
    assert {position: text for position, (_, text) in texts(whole).items()} == said
    while (before := len(reader)) >= 0:  # whoever read on the way has missed nothing, and got nothing twice
        reads()
        if len(reader) == before:
            break
    assert reader == whole
    for cut in range(len(whole) + 1):
        after = place_of(whole[cut - 1]) if cut else Place()
        assert db.read_now(lambda connection, after=after: look(connection, TENANT, run, after))[1] == whole[cut:]


async def test_two_gateway_workers_and_a_reader_at_once(url: str) -> None:
    """On PostgreSQL they write at the same time; the row of the run puts them in one order."""
    workers = [Database(url) for _ in range(2 if url.startswith("postgresql") else 1)] * 2
    workers[0].create_schema()
    a_run(workers[0])
    number, lock, rounds = [0], threading.Lock(), 60

    def work(mine: int) -> None:
        db = workers[mine]
        end_: End | None = None
        for turn in range(rounds):
            with lock:  # numbers are given by the workflow, which is one
                number[0] += 1
                seq = number[0]
            tell(db, [seq])
            call, words = call_at(mine), Words(f"{turn},")
            if end_ is None:
                end_ = db.write_now(lambda tx, call=call, words=words: text_store.begin(tx, call, words))
            else:
                before = end_
                end_ = db.write_now(
                    lambda tx, call=call, words=words, before=before: text_store.go_on(tx, call, before, words)
                )
            assert end_ is not None

    reading = asyncio.create_task(read(workers[1]))
    await asyncio.gather(*(asyncio.to_thread(work, mine) for mine in range(2)))
    end(workers[0])
    live = await reading
    assert live == await read(workers[0])
    assert [one.seq for one in live if isinstance(one, RunEvent)] == list(range(1, 2 * rounds + 1))
    expected = "".join(f"{turn}," for turn in range(rounds))
    assert texts(live) == {0: (1, expected), 1: (1, expected)}
    for each in set(workers):
        each.close()


async def test_an_answer_that_was_kept_is_completed_and_another_one_begins_anew(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    call = call_at(0, 1)
    db.write_now(lambda tx: text_store.begin(tx, call, Words("Dear ")))  # and its worker was killed
    async with Speech(db, call) as speech:
        await speech.complete("Dear Li Wei")
    async with Speech(db, call) as speech:  # killed again before it returned
        await speech.complete("Dear Li Wei")
    async with Speech(db, call) as speech:
        await speech.complete("Sorry")
    async with Speech(db, call) as speech:  # a question to tools has no words
        await speech.complete("")
    end(db)
    found = [(one.attempt, one.start, one.text) for one in await read(db) if isinstance(one, RunText)]
    assert found == [(1, 0, "Dear "), (1, 5, "Li Wei"), (2, 0, "Sorry"), (3, 0, "")]


async def test_no_words_cost_no_row(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    async with Speech(db, call_at(0)) as speech:
        await speech.complete("")
    end(db)
    assert [type(one) for one in await read(db)] == [RunEvent]


async def test_many_words_are_few_commits_and_the_last_is_there_when_it_is_complete(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    async with Speech(db, call_at(0)) as speech:
        for number in range(1000):
            speech.tell(f"{number} ")
            if number % 100 == 0:
                await asyncio.sleep(0)
        await speech.complete("".join(f"{number} " for number in range(1000)))
        at_once = db.read_now(lambda connection: text_store.texts_of(connection, TENANT, RUN))
    assert at_once[0].words.text.endswith(" 999 ")
    end(db)
    pieces = [one for one in await read(db) if isinstance(one, RunText)]
    assert 1 <= len(pieces) <= 3
    assert texts(list(pieces)) == {0: (1, "".join(f"{number} " for number in range(1000)))}


async def test_whoever_was_taken_for_dead_says_nothing_any_more(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    call = call_at(0, 1)
    old = db.write_now(lambda tx: text_store.begin(tx, call, Words("I am")))
    new = db.write_now(lambda tx: text_store.begin(tx, call, Words("No, I")))
    assert old is not None
    assert new is not None
    assert db.write_now(lambda tx: text_store.go_on(tx, call, old, Words(" here"))) is None
    assert db.write_now(lambda tx: text_store.go_on(tx, call, new, Words(" am"))) is not None
    end(db)
    assert texts(await read(db)) == {0: (2, "No, I am")}


async def test_a_run_that_has_ended_says_no_more(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    end(db)
    async with Speech(db, call_at(0)) as speech:
        speech.tell("late")
        await speech.complete("late")
    assert texts(await read(db)) == {}


async def test_a_long_text_is_kept_up_to_its_bound_and_says_how_much_is_not(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    text = "\N{GRINNING FACE}" * 20_000
    async with Speech(db, call_at(0)) as speech:
        for start in range(0, len(text), 500):
            speech.tell(text[start : start + 500])
        await speech.complete(text)
    said = db.read_now(lambda connection: text_store.texts_of(connection, TENANT, RUN))[0]
    assert said.words == kept_of(text) == Words(text[: 64 * 256], 20_000 - 64 * 256)


async def test_halves_of_characters_and_zeros_are_kept_as_a_database_takes_them(db: Database) -> None:
    a_run(db)
    tell(db, [1])
    pieces = ["a\0 \ud83d", "\ude00", " b\ud83d"]
    async with Speech(db, call_at(0)) as speech:
        for piece in pieces:
            speech.tell(piece)
            await asyncio.sleep(0.02)
        await speech.complete("".join(pieces))
    said = db.read_now(lambda connection: text_store.texts_of(connection, TENANT, RUN))[0]
    assert (said.attempt, said.words.text) == (
        1,
        "a\N{REPLACEMENT CHARACTER} \N{GRINNING FACE} b\N{REPLACEMENT CHARACTER}",
    )
