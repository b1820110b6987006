"""A run's events are written in pieces, once, whatever is in them, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chargehand import migrations
from chargehand.database import Database, Transaction
from chargehand.runs import store
from chargehand.runs.following import Place, look

MANY = 450
ODD = '{"x": "100 % of ? and %s"}'


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = request.getfixturevalue("postgres") if request.param == "postgres" else f"sqlite:///{tmp_path}/x.db"
    migrations.metadata()
    made = Database(url)
    made.create_schema()
    yield made
    made.close()


def a_run(state: str) -> store.RunRow:
    row = {"id": "run_1", "tenant": "demo", "request_key": "k", "agent": "a", "agent_version": "v1", "title": "t"}
    more = {"business_key": "", "principal": "p", "chain": "[]", "signed_in_by": "local", "input": "{}"}
    return store.RunRow(**row, **more, state=state, created_at="2026-11-24T12:00:00.000000Z")


def tell(tx: Transaction) -> None:
    at = "2026-11-24T12:00:00.000000Z"
    events = [{"seq": seq, "at": at, "kind": "note", "step": "a", "data": ODD} for seq in range(1, MANY + 1)]
    store.add_events(tx, "demo", "run_1", events)
    store.stand(tx, "run_1", seq=MANY, state="waiting", waiting="[]")


@pytest.mark.parametrize(
    ("before", "after"),
    [("running", "waiting"), ("paused", "paused"), ("stopping", "stopping"), ("succeeded", "succeeded")],
)
def test_told_twice_is_told_once(database: Database, before: str, after: str) -> None:
    database.write_now(lambda tx: store.insert_run(tx, a_run(before)))
    for _ in range(2):
        database.write_now(tell)
    found = database.read_now(lambda connection: store.read_events(connection, "demo", "run_1", 0, MANY * 2))
    assert [one["seq"] for one in found] == list(range(1, MANY + 1))
    assert {one["data"] for one in found} == {ODD}
    run = database.read_now(lambda connection: store.find_run(connection, "run_1"))
    assert run is not None
    assert (run["state"], run["events"]) == (after, 0 if before == "succeeded" else MANY)


def test_a_run_has_the_version_on_which_it_began(database: Database) -> None:
    database.write_now(lambda tx: store.insert_run(tx, a_run("running")))
    database.write_now(lambda tx: store.set_version(tx, "run_1", "v2"))
    run = database.read_now(lambda connection: store.find_run(connection, "run_1"))
    assert run is not None
    assert run["agent_version"] == "v2"


def test_what_holds_a_zero_is_kept_and_found(database: Database) -> None:
    made = a_run("running")
    made.title, made.business_key = "Complaint \0 7", "SO\0-7"
    database.write_now(lambda tx: store.insert_run(tx, made))
    for wanted in ({"business_key": "SO\0-7"}, {"text": "t \0 7"}):
        found = database.read_now(lambda connection, wanted=wanted: store.list_runs(connection, "demo", **wanted))
        assert [one["id"] for one in found] == ["run_1"], wanted


def test_a_place_behind_all_events_is_no_error(database: Database) -> None:
    database.write_now(lambda tx: store.insert_run(tx, a_run("succeeded")))
    database.write_now(tell)
    far = Place.parse("999999999999999999.999999999999999999")
    assert database.read_now(lambda connection: look(connection, "demo", "run_1", far)) == (True, [])
