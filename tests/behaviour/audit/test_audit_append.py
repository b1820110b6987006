"""Appending: inside the caller's transaction, gap-free, fail closed."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from chargehand.audit.format import leaf_hash
from chargehand.audit.leaf import MAX_LEAF_BYTES, decode
from chargehand.audit.log import append, initialise, prepare
from chargehand.audit.model import Record
from chargehand.database import Database, Transaction
from chargehand.errors import AuditUnavailable, BadInput, ChargehandError
from fixtures.audit import TENANT, ActionLog, make_record


def leaves(log: ActionLog, tenant: str = TENANT) -> list[tuple[int, bytes]]:
    query = text("SELECT seq, leaf FROM audit_leaf WHERE tenant = :tenant ORDER BY seq")
    return [(row.seq, bytes(row.leaf)) for row in log.db.read_now(lambda c: c.execute(query, {"tenant": tenant}).all())]


def test_a_record_comes_back_as_it_went_in(action_log: ActionLog) -> None:
    made = action_log.add_one(
        arguments={"客户": "李伟", "amount": "12.50"}, rules=("a", "b"), detail={"n": [1, None, 2.5]}
    )
    [(seq, leaf)] = leaves(action_log)
    assert seq == 0
    assert decode(leaf) == made


def test_numbers_are_gap_free_under_many_callers(action_log: ActionLog) -> None:
    def one(n: int) -> None:
        def unit(tx: Transaction) -> None:
            append(tx, make_record(arguments={"n": n}))
            if n % 5 == 0:
                raise ValueError("changed its mind")

        action_log.db.write_now(unit)

    with ThreadPoolExecutor(16) as pool:
        failures = [f.exception() for f in [pool.submit(one, n) for n in range(200)]]
    assert sum(failure is not None for failure in failures) == 40
    found = leaves(action_log)
    assert [seq for seq, _ in found] == list(range(160))
    kept = {decode(leaf).arguments["n"] for _, leaf in found}  # type: ignore[index]  # each has arguments
    assert kept == {n for n in range(200) if n % 5}


def test_a_prepared_record_has_the_same_bytes(action_log: ActionLog) -> None:
    made = make_record()
    action_log.db.write_now(lambda tx: append(tx, prepare(made)))
    action_log.db.write_now(lambda tx: append(tx, made))
    (_, first), (_, second) = leaves(action_log)
    assert leaf_hash(first) == leaf_hash(second)


def test_each_tenant_has_a_log_of_its_own(action_log: ActionLog) -> None:
    action_log.db.write_now(lambda tx: [append(tx, make_record(tenant=t)) for t in ("b", "a", "b")])
    assert [seq for seq, _ in leaves(action_log, "a")] == [0]
    assert [seq for seq, _ in leaves(action_log, "b")] == [0, 1]


def test_before_it_is_initialised_nothing_is_kept(audit_url: str) -> None:
    db = Database(audit_url)
    db.create_schema()

    def unit(tx: Transaction) -> None:
        tx.connection.execute(text("CREATE TABLE effect (n int)"))
        append(tx, make_record())

    with pytest.raises(AuditUnavailable, match="not initialised"):
        db.write_now(unit)
    with pytest.raises(ChargehandError):
        db.read_now(lambda c: c.execute(text("SELECT * FROM effect")).all())
    initialise(db)
    initialise(db)
    db.write_now(unit)
    assert db.read_now(lambda c: c.execute(text("SELECT count(*) FROM effect")).scalar()) == 0
    db.close()


def test_a_halted_log_refuses_and_names_the_reason(action_log: ActionLog) -> None:
    action_log.add_one()
    action_log.sql("UPDATE audit_head SET halted = ?", "the disk was swapped")
    with pytest.raises(AuditUnavailable, match="the disk was swapped"):
        action_log.add_one()
    with ThreadPoolExecutor(4) as pool:  # another tenant in the same batch is not held up
        other = [pool.submit(action_log.add_one, tenant="other") for _ in range(8)]
        here = [pool.submit(action_log.add_one) for _ in range(8)]
    assert all(isinstance(future.exception(), AuditUnavailable) for future in here)
    assert not any(future.exception() for future in other)
    assert len(leaves(action_log)) == 1


def test_when_the_log_cant_be_written_the_unit_is_undone(action_log: ActionLog) -> None:
    action_log.sql("CREATE TABLE effect (n int)")
    action_log.sql("DROP TABLE audit_leaf")

    def unit(tx: Transaction) -> None:
        tx.connection.execute(text("INSERT INTO effect VALUES (1)"))
        append(tx, make_record())

    with pytest.raises(AuditUnavailable, match="could not be written"):
        action_log.db.write_now(unit)
    assert action_log.db.read_now(lambda c: c.execute(text("SELECT count(*) FROM effect")).scalar()) == 0


def test_a_full_disk_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    db = Database(f"sqlite:///{path}")
    db.create_schema()
    initialise(db)
    pages = sqlite3.connect(path).execute("PRAGMA page_count").fetchone()[0]
    db.write_now(lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 40}"))
    kept = 0
    failure: ChargehandError | None = None
    while failure is None and kept < 1_000:
        try:
            db.write_now(lambda tx: append(tx, make_record(detail={"pad": "x" * 2_000})))
            kept += 1
        except ChargehandError as error:
            failure = error
    assert "full" in str(failure)
    count = "SELECT (SELECT count(*) FROM audit_leaf), (SELECT size FROM audit_head)"
    assert db.read_now(lambda c: c.exec_driver_sql(count).one()) == (kept, kept)
    db.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detail": {"pad": "x" * MAX_LEAF_BYTES}}, "over the limit"),
        ({"detail": {"n": 2**80}}, "64-bit"),
    ],
)
def test_what_cant_be_a_leaf_is_refused(sqlite_log: ActionLog, given: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sqlite_log.add_one(**given)
    assert leaves(sqlite_log) == []


def test_a_record_of_the_first_schema_reads_for_ever() -> None:
    frozen = (
        b'{"schema_version":1,"id":"rec_01M86DCQHA72E1QASD2QMZFN9K","at":"2026-11-24T09:15:05.130686Z","tenant":"demo",'
        b'"kind":"intent","who":{"principal":"person:amy","chain":["person:amy"],"agent":"","agent_version":"",'
        b'"signed_in_by":""},"tool":"erp.x","arguments":{"amount":"5"},"decision":"allow","rules":["r1","r2"]}'
    )
    found: Record = decode(frozen)
    assert (found.id, found.kind, found.rules) == ("rec_01M86DCQHA72E1QASD2QMZFN9K", "intent", ("r1", "r2"))
    assert leaf_hash(frozen).hex() == "ae0a6608308ed01b2c69b3e7392e11499ed17943e9d614a6b4a636e77e473d4f"
