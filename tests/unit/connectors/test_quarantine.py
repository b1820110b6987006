"""Quarantine outlives the process, ends by a person who saw exactly what is accepted, and is on the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from chargehand import clock
from chargehand.audit.log import initialise
from chargehand.connectors.changes import compare
from chargehand.connectors.definition import digest
from chargehand.connectors.model import Connector, Pin, Review
from chargehand.connectors.pins import PinBook, load_pins, make_pin, write_pins
from chargehand.connectors.quarantine import DurableQuarantine
from chargehand.database import Database
from chargehand.errors import BadInput, Conflict, NotFound
from chargehand.identity.model import Principal, SignedIn

DEFINITION: dict[str, Any] = {"name": "close", "description": "Close a case.", "inputSchema": {"type": "object"}}
CHANGED = {**DEFINITION, "description": "Close a case and pay."}
RENAMED = {**DEFINITION, "name": "close_case"}
REVIEW = Review("crm.close", "close", "irreversible", "once")
CONNECTOR = Connector("crm", "CRM", "", (), command=("crm",), allowed=(REVIEW,))
ROOT = SignedIn(Principal("demo", "person:root", "Rita Root"), "password")
AGENT = SignedIn(Principal("demo", "agent:complaint-resolution", "Agent", "agent"), "token")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/q.db")
    database.create_schema()
    initialise(database)
    yield database
    database.close()


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    write_pins(tmp_path / "policies", CONNECTOR, [pin()])
    return tmp_path / "policies"


def pin() -> Pin:
    return make_pin(REVIEW, DEFINITION)


async def note(db: Database, live: dict[str, Any]) -> DurableQuarantine:
    quarantine = DurableQuarantine(db, "demo")
    await quarantine.note("crm", compare([pin()], live))
    return quarantine


def records(db: Database) -> list[dict[str, Any]]:
    leaves = db.read_now(lambda c: c.execute(text("SELECT leaf FROM audit_leaf ORDER BY seq")).scalars().all())
    return [orjson.loads(leaf) for leaf in leaves]


async def test_a_change_stays_quarantined_in_another_process_and_when_it_changes_back(db: Database) -> None:
    await note(db, {"close": CHANGED})
    later = DurableQuarantine(db, "demo")
    assert await later.blocked(pin())
    assert not compare([pin()], {"close": DEFINITION}), "the server is as pinned again"
    assert await later.blocked(pin())


async def test_the_same_change_is_recorded_once(db: Database) -> None:
    for _ in range(3):
        await note(db, {"close": CHANGED})
    quarantine = await note(db, {"close": CHANGED})
    await quarantine.note("crm", compare([pin()], {"close": CHANGED}))
    assert [record["kind"] for record in records(db)] == ["pin_change"]


async def test_other_tenants_are_not_touched(db: Database) -> None:
    await note(db, {"close": CHANGED})
    assert not await DurableQuarantine(db, "other").blocked(pin())
    assert await DurableQuarantine(db, "other").waiting() == []


async def test_a_person_accepts_what_they_saw_and_it_is_on_the_record(db: Database, policies: Path) -> None:
    quarantine = await note(db, {"close": CHANGED})
    (waiting,) = await quarantine.waiting()
    assert waiting.lines == ('description: "Close a case." → "Close a case and pay."',)
    book = PinBook(policies)
    new = await quarantine.accept(
        CONNECTOR, "crm.close", by=ROOT, live_digest=waiting.live_digest, pins=book, policies=policies
    )
    assert (new.digest, new.effect, new.delivery) == (digest(CHANGED), "irreversible", "once")
    assert book.get("crm.close") == new
    assert not await DurableQuarantine(db, "demo").blocked(new)
    record = records(db)[-1]
    assert record["kind"] == "pin_change"
    assert record["who"]["principal"] == "person:root"
    assert record["detail"]["change"] == "accepted"
    assert record["detail"]["was"] == pin().digest
    assert record["pin"] == new.digest


async def test_a_renamed_tool_keeps_its_review(db: Database, policies: Path) -> None:
    quarantine = await note(db, {"close_case": RENAMED})
    (waiting,) = await quarantine.waiting()
    assert waiting.kind == "renamed"
    await quarantine.accept(
        CONNECTOR, "crm.close", by=ROOT, live_digest=waiting.live_digest, pins=PinBook(policies), policies=policies
    )
    (accepted,) = load_pins(policies).values()
    assert (accepted.tool, accepted.wire_name, accepted.effect) == ("crm.close", "close_case", "irreversible")


@pytest.mark.parametrize("seen", ["", "sha256:" + "0" * 64, digest(DEFINITION)])
async def test_what_was_not_seen_is_not_accepted(db: Database, policies: Path, seen: str) -> None:
    quarantine = await note(db, {"close": CHANGED})
    with pytest.raises(Conflict):
        await quarantine.accept(
            CONNECTOR, "crm.close", by=ROOT, live_digest=seen, pins=PinBook(policies), policies=policies
        )
    assert load_pins(policies)["crm.close"] == pin()


async def test_a_vanished_tool_can_not_be_accepted(db: Database, policies: Path) -> None:
    quarantine = await note(db, {})
    with pytest.raises(Conflict):
        await quarantine.accept(
            CONNECTOR, "crm.close", by=ROOT, live_digest="", pins=PinBook(policies), policies=policies
        )


async def test_only_a_person_ends_a_quarantine(db: Database, policies: Path) -> None:
    quarantine = await note(db, {"close": CHANGED})
    with pytest.raises(BadInput):
        await quarantine.accept(
            CONNECTOR, "crm.close", by=AGENT, live_digest=digest(CHANGED), pins=PinBook(policies), policies=policies
        )
    assert await DurableQuarantine(db, "demo").blocked(pin())


async def test_nobody_accepts_twice_or_what_is_not_quarantined(db: Database, policies: Path) -> None:
    quarantine = await note(db, {"close": CHANGED})
    book = PinBook(policies)
    given = {"by": ROOT, "live_digest": digest(CHANGED), "pins": book, "policies": policies}
    await quarantine.accept(CONNECTOR, "crm.close", **given)
    with pytest.raises(NotFound):
        await quarantine.accept(CONNECTOR, "crm.close", **given)


async def test_a_dismissal_needs_the_server_to_be_as_pinned(db: Database, policies: Path) -> None:
    quarantine = await note(db, {"close": CHANGED})
    book = PinBook(policies)
    with pytest.raises(Conflict):
        await quarantine.dismiss("crm.close", by=ROOT, live_digest=digest(CHANGED), pins=book)
    await quarantine.dismiss("crm.close", by=ROOT, live_digest=digest(DEFINITION), pins=book)
    assert not await DurableQuarantine(db, "demo").blocked(pin())
    assert records(db)[-1]["detail"]["change"] == "dismissed"


async def test_a_pin_that_was_reviewed_after_the_change_ends_the_quarantine(db: Database) -> None:
    quarantine = await note(db, {"close": CHANGED})
    assert not await quarantine.blocked(make_pin(REVIEW, CHANGED))


async def test_first_seen_is_a_time(db: Database) -> None:
    (waiting,) = await (await note(db, {"close": CHANGED})).waiting()
    assert (clock.now() - waiting.first_seen).total_seconds() < 60
