"""Erasing a person, retiring what is old, holding what the law wants kept: proofs stay valid throughout."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand import clock
from chargehand.audit import projection
from chargehand.audit.erasure import derive_again, forget
from chargehand.audit.model import Who
from chargehand.audit.personal import Personal, runs_of
from chargehand.audit.retention import holds, lift_hold, place_hold, retire
from chargehand.audit.verifier import verify
from chargehand.database import Transaction
from chargehand.errors import BadInput, Conflict, NotFound, Unavailable
from fixtures.audit import TENANT, ActionLog

ROOT = Who(principal="person:root")
OLD = "2020-01-01T00:00:00.000000Z"
LIMIT = clock.parse("2021-01-01T00:00:00Z")
EMAIL = {"email": "li@example.com", "order": "SO-1"}
MARK = Personal("customer:42", ("arguments.email", "detail.letter.body"))


def add_personal(log: ActionLog, mark: Personal = MARK) -> str:
    return log.add_one(arguments=EMAIL, detail={"letter": {"body": ["Dear Li", 1]}}, personal=mark).id


def erase(log: ActionLog, subject: str) -> int:
    """The log's own part of erasing a person; the rest is in tests/behaviour/runs/test_erasure.py."""

    def unit(tx: Transaction) -> int:
        runs = runs_of(tx.connection, TENANT, subject)
        return forget(tx, TENANT, subject, runs, who=ROOT, reason="asked on 1 March")

    found = log.db.write_now(unit)
    derive_again(log.db, TENANT, [])
    return found


def test_a_hold_keeps_also_what_was_just_written(action_log: ActionLog) -> None:
    place_hold(action_log.db, TENANT, "arguments.order = SO-1", who=ROOT, reason="case 7")
    add_personal(action_log)
    with pytest.raises(Unavailable, match="just written"):
        erase(action_log, MARK.subject)
    projection.project(action_log.db, TENANT)
    with pytest.raises(Conflict, match="case 7"):
        erase(action_log, MARK.subject)


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
    assert erase(action_log, "customer:42") == 1
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
        erase(action_log, "customer:42")
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


async def test_what_people_say_is_sealed_without_a_mark(action_log: ActionLog) -> None:
    said = action_log.add_one(run="run_1", kind="verdict", detail={"comment": "Broken", "verdict": "ver_1"})
    rule = {"message_id": "rule.small", "sentence": "Small refunds are allowed."}
    action_log.add_one(run="run_1", kind="decision", detail={"reasons": [rule], "event": "decided"})
    frozen = action_log.add_one(kind="freeze", detail={"reason": "He shouted at Li", "scope": "agent"})
    public = action_log.add_one(kind="policy_change", detail={"reason": "The limit is too low"})
    hidden = (await action_log.service.record(TENANT, said.id)).record.detail
    assert hidden == {"comment": "(sealed)", "verdict": "ver_1"}
    assert (await action_log.service.record(TENANT, said.id, personal=True)).record.detail == said.detail
    assert (await action_log.service.record(TENANT, public.id)).record.detail == public.detail
    assert (await action_log.service.query(TENANT, "kind:decision")).items[0].record.detail["reasons"] == [rule]
    assert (await action_log.service.record(TENANT, frozen.id)).record.detail["reason"] == "(sealed)"
    assert erase(action_log, "run:run_1") == 1
    assert (await action_log.service.record(TENANT, said.id, personal=True)).record.detail["comment"] == "(erased)"
    assert (await action_log.service.record(TENANT, frozen.id, personal=True)).record.detail == frozen.detail
    assert erase(action_log, "person:amy") == 1, "outside of runs it is sealed as what its author said"
    assert (await action_log.service.record(TENANT, frozen.id, personal=True)).record.detail["reason"] == "(erased)"


async def test_who_may_see_what_is_sealed_finds_it_until_it_is_erased(action_log: ActionLog) -> None:
    action_log.add_one(run="run_1", detail={"comment": "The kettle leaks, 请退款"})
    action_log.add_one(run="run_2", detail={"comment": "All is well"})

    async def found(text: str, *, personal: bool = True) -> int:
        return len((await action_log.service.query(TENANT, text, personal=personal)).items)

    assert [await found(text) for text in ("kettle", '"kettle leaks"', "退款", "KETTLE tool:erp.*", "leaks well")] == [
        1, 1, 1, 1, 0,
    ]  # fmt: skip
    assert await found("kettle", personal=False) == 0
    assert await found("kett*") == 0, "documented: beginnings of words don't reach into what is sealed"
    assert await found("not kettle") == 1
    total = sum(bar.count for bar in await action_log.service.histogram(TENANT, "kettle", personal=True))
    assert total == 1
    words = action_log.db.read_now(lambda c: c.exec_driver_sql("SELECT words FROM audit_record").scalars().all())
    assert "kettle" not in " ".join(words)
    erase(action_log, "run:run_1")
    derive_again(action_log.db, TENANT, ["run_1"])
    assert await found("kettle") == 0
    assert await found("well") == 1
    projection.rebuild(action_log.db, TENANT)
    assert (await found("kettle"), await found("well")) == (0, 1)


async def test_what_only_looks_sealed_is_sealed(action_log: ActionLog) -> None:
    fake = {"sealed": {"by": "sub_x", "nonce": "kettle", "data": "kettle"}}
    said = action_log.add_one(run="run_1", kind="run", detail={"agent_says": fake})
    rows = action_log.db.read_now(lambda c: c.exec_driver_sql("SELECT leaf FROM audit_leaf").scalars().all())
    assert b"kettle" not in bytes(rows[0])
    seen = (await action_log.service.record(TENANT, said.id, personal=True)).record.detail["agent_says"]
    assert seen == fake


async def test_a_legal_hold_keeps_a_person_from_being_erased(action_log: ActionLog) -> None:
    action_log.add_one(
        run="run_1", business_key="SO-9", arguments=EMAIL, personal=Personal("customer:9", ("arguments.email",))
    )
    await action_log.service.query(TENANT)
    hold = place_hold(action_log.db, TENANT, "order:SO-9", who=ROOT, reason="case 7")
    with pytest.raises(Conflict, match="case 7"):
        erase(action_log, "customer:9")
    lift_hold(action_log.db, TENANT, hold.id, who=ROOT, reason="closed")
    assert erase(action_log, "customer:9") == 1
