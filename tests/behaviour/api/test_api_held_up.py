"""A run that is held up says so over HTTP, in the list and alone; the log's sentences come with their parameters."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database
from chargehand.ids import new_id
from chargehand.runs import held_up_store, store
from chargehand.runs.rows import dumps

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
FOUND = {
    "kind": "no_release",
    "sentence": "No agents worker of its release v1 takes its next step.",
    "way_out": "Start one.",
    "since": "2026-11-24T08:00:00.000000Z",
    "node": "refund",
    "line": "",
    "parameters": {"release": "v1"},
}


async def _held(amy: httpx.AsyncClient, db: Database) -> str:
    body = {"agent": "complaint-resolution", "input": {"text": "broken"}}
    run = (await amy.post("/api/runs", json=body)).json()["id"]
    assert (await amy.get(f"/api/runs/{run}")).json()["held_up"] is None
    row = db.read_now(lambda connection: held_up_store.find(connection, "demo", run))
    assert row is not None
    assert db.write_now(lambda tx: held_up_store.note(tx, row, dumps(FOUND)))
    return run


async def test_it_says_why_and_what_to_do_until_it_moves(amy: httpx.AsyncClient, db: Database) -> None:
    run = await _held(amy, db)
    shown = (await amy.get(f"/api/runs/{run}")).json()["held_up"]
    assert datetime.fromisoformat(shown.pop("since")) == AT
    assert shown == {name: value for name, value in FOUND.items() if name != "since"}
    (item,) = [one for one in (await amy.get("/api/runs")).json()["items"] if one["id"] == run]
    assert item["held_up"]["sentence"] == FOUND["sentence"]
    db.write_now(lambda tx: store.stand(tx, run, seq=1, state="running", waiting="[]"))
    assert (await amy.get(f"/api/runs/{run}")).json()["held_up"] is None


async def test_what_was_found_of_a_run_that_has_moved_is_not_written(amy: httpx.AsyncClient, db: Database) -> None:
    run = await _held(amy, db)
    stale = db.read_now(lambda connection: held_up_store.find(connection, "demo", run))
    assert stale is not None
    db.write_now(lambda tx: store.stand(tx, run, seq=1, state="waiting", waiting="[]"))
    assert not db.write_now(lambda tx: held_up_store.note(tx, stale, dumps(FOUND)))
    assert (await amy.get(f"/api/runs/{run}")).json()["held_up"] is None


async def test_a_sentence_of_the_log_can_be_translated(ada: httpx.AsyncClient, db: Database) -> None:
    detail = {"sentence": "New runs begin on v2.", "message_id": "release.current", "parameters": {"current": "v2"}}
    record = Record(
        id=new_id("rec"),
        at="2026-11-24T08:00:00.000000Z",
        tenant="demo",
        kind="release_change",
        who=Who(principal="service:chargehand"),
        detail=detail,
    )
    db.write_now(lambda tx: log.append(tx, record))
    (row,) = (await ada.get("/api/log", params={"q": "kind:release_change"})).json()["items"]
    assert {name: row[name] for name in detail} == detail
