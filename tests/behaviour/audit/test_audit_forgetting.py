"""Erasing a person, retiring what is old, holding what the law wants kept: proofs stay valid throughout."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand import clock
from chargehand.audit import projection
from chargehand.audit.model import Who
from chargehand.audit.personal import Personal
from chargehand.audit.retention import erase_subject, holds, lift_hold, place_hold, retire
from chargehand.audit.verifier import verify
from chargehand.errors import BadInput, NotFound
from fixtures.audit import TENANT, ActionLog

ROOT = Who(principal="person:root")
OLD = "2020-01-01T00:00:00.000000Z"
LIMIT = clock.parse("2021-01-01T00:00:00Z")
EMAIL = {"email": "li@example.com", "order": "SO-1"}
MARK = Personal("customer:42", ("arguments.email", "detail.letter.body"))


def add_personal(log: ActionLog, mark: Personal = MARK) -> str:
    return log.add_one(arguments=EMAIL, detail={"letter": {"body": ["Dear Li", 1]}}, personal=mark).id


async def test_sealed_fields_are_nowhere_in_plain_text(action_log: ActionLog, tmp_path: Path) -> None:
    id_ = add_personal(action_log)
    page = await action_log.service.query(TENANT)
    assert page.items[0].record.arguments == {"email": "(sealed)", "order": "SO-1"}
    opened = await action_log.service.record(TENANT, id_, personal=True)
    assert opened.record.arguments == EMAIL
    assert opened.record.detail == {"letter": {"body": ["Dear Li", 1]}}
    assert (await action_log.service.query(TENANT, "example")).items == ()
    assert len((await action_log.service.query(TENANT, "SO-1")).items) == 1
    for table in ("audit_leaf", "audit_record"):
        rows = action_log.db.read_now(lambda c, table=table: c.exec_driver_sql(f"SELECT * FROM {table}").all())
        assert "li@example" not in str([bytes(v) if isinstance(v, memoryview) else v for row in rows for v in row])


async def test_after_erasure_the_data_is_gone_and_every_proof_holds(action_log: ActionLog, tmp_path: Path) -> None:
    mine = add_personal(action_log)
    other = add_personal(action_log, Personal("customer:7", ("arguments.email",)))
    action_log.sign()
    before = action_log.prover.inclusion(0)
    assert erase_subject(action_log.db, TENANT, "customer:42", who=ROOT, reason="asked on 1 March") == 1
    erased = await action_log.service.record(TENANT, mine, personal=True)
    assert erased.record.arguments == {"email": "(erased)", "order": "SO-1"}
    assert (await action_log.service.record(TENANT, other, personal=True)).record.arguments == EMAIL
    keys = action_log.db.read_now(
        lambda c: c.exec_driver_sql("SELECT subject, key FROM audit_subject_key WHERE erased_at <> ''").all()
    )
    assert [tuple(row) for row in keys] == [(None, None)]
    act = (await action_log.service.query(TENANT, "kind:access")).items[0].record
    assert act.detail["act"] == "erase"
    assert "customer:42" not in str(act)
    assert action_log.prover.inclusion(0) == before
    action_log.sign()
    action_log.prover.write(tmp_path / "evidence.zip")
    assert verify(tmp_path / "evidence.zip", key=action_log.key).ok
    with pytest.raises(NotFound):
        erase_subject(action_log.db, TENANT, "customer:42", who=ROOT, reason="again")
    again = add_personal(action_log)  # new data gets a new key
    assert (await action_log.service.record(TENANT, again, personal=True)).record.arguments == EMAIL


async def test_a_sealed_field_cant_be_moved_to_another_place(sqlite_log: ActionLog) -> None:
    add_personal(sqlite_log)
    sqlite_log.sql("UPDATE audit_leaf SET leaf = CAST(replace(CAST(leaf AS text), '\"email\"', '\"phone\"') AS blob)")
    [item] = (await sqlite_log.service.query(TENANT, personal=True)).items
    assert item.record.arguments is not None
    assert item.record.arguments["phone"] == "(unreadable)"


@pytest.mark.parametrize("path", ["arguments", "arguments.nothing", "who.principal", "tool", "arguments.email.x", ""])
def test_a_path_that_the_record_lacks_is_refused(sqlite_log: ActionLog, path: str) -> None:
    with pytest.raises(BadInput, match="no such field"):
        sqlite_log.add_one(arguments=EMAIL, personal={"subject": "customer:42", "fields": [path]})
    assert sqlite_log.db.read_now(lambda c: c.exec_driver_sql("SELECT count(*) FROM audit_subject_key").scalar()) == 0


async def test_only_signed_old_records_without_a_hold_are_retired(action_log: ActionLog) -> None:
    action_log.add(10, at=OLD)
    action_log.add_one(at=OLD, business_key="SO-9")
    action_log.add(5)
    action_log.sign()
    action_log.add(3, at=OLD)  # not signed yet
    hold = place_hold(action_log.db, TENANT, "order:SO-9", who=ROOT, reason="case 7")
    assert retire(action_log.db, TENANT, LIMIT, who=ROOT) == 10
    assert retire(action_log.db, TENANT, LIMIT, who=ROOT) == 0
    left = [item.seq for item in (await action_log.service.query(TENANT, "kind:intent", limit=100)).items]
    assert sorted(left) == [10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert (await action_log.service.query(TENANT, "arguments.n = 3 at < 2021-01-01")).items == ()
    assert [h.id for h in action_log.db.read_now(lambda c: holds(c, TENANT))] == [hold.id]
    lift_hold(action_log.db, TENANT, hold.id, who=ROOT, reason="closed")
    with pytest.raises(NotFound):
        lift_hold(action_log.db, TENANT, hold.id, who=ROOT, reason="closed")
    action_log.sign()
    assert retire(action_log.db, TENANT, LIMIT, who=ROOT) == 4
    acts = [item.record.detail["act"] for item in (await action_log.service.query(TENANT, "kind:access")).items]
    assert acts == ["retire", "lift", "retire", "hold"]
    projection.rebuild(action_log.db, TENANT)
    assert len((await action_log.service.query(TENANT, "kind:intent", limit=100)).items) == 5


async def test_the_log_goes_on_after_retirement(sqlite_log: ActionLog) -> None:
    sqlite_log.add(300, at=OLD)
    sqlite_log.sign()
    retire(sqlite_log.db, TENANT, LIMIT, who=ROOT)
    sqlite_log.add(10)
    sqlite_log.sign()
    assert sqlite_log.prover.newest().checkpoint.size == 311
    with pytest.raises(NotFound):
        sqlite_log.prover.inclusion(5)
    with pytest.raises(NotFound, match="retired"):
        await sqlite_log.service.record(TENANT, "5")


def test_the_future_cant_be_retired(sqlite_log: ActionLog) -> None:
    with pytest.raises(BadInput, match="future"):
        retire(sqlite_log.db, TENANT, clock.parse("2100-01-01T00:00:00Z"), who=ROOT)


def test_a_hold_that_does_not_parse_is_refused(sqlite_log: ActionLog) -> None:
    with pytest.raises(BadInput):
        place_hold(sqlite_log.db, TENANT, "colour:red", who=ROOT, reason="x")
