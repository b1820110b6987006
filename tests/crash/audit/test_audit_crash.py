"""The integrator dies at every step and the next one goes on; several processes write one gap-free log."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chargehand.audit import integrator as integrator_module
from chargehand.audit import published as published_module
from chargehand.audit import tree as tree_module
from chargehand.audit.format import Note, open_checkpoint, verify_consistency
from chargehand.audit.integrator import Integrator, resume
from chargehand.audit.leaf import decode
from chargehand.audit.log import initialise
from chargehand.audit.verifier import verify
from chargehand.database import Database
from chargehand.errors import AuditUnavailable, ChargehandError
from fixtures.audit import TENANT, ActionLog
from fixtures.postgres import PostgresCluster


class Crash(BaseException):
    """The process is gone: nothing may catch this."""


def crash_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, call: int = 1) -> None:
    """Let the `call`-th call of a function not happen."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Crash(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


STEPS = [
    (tree_module, "write_durably", 1),
    (tree_module, "write_durably", 2),
    (tree_module, "sync_folder", 1),
    (tree_module.TileTree, "flush", 1),
    (integrator_module, "sign", 1),
    (published_module.PublishedLog, "publish", 1),
    (published_module, "write_durably", 1),
    (published_module, "sync_folder", 1),
    (published_module.PublishedLog, "remember", 1),
    (Integrator, "_copy", 1),
    (tree_module.TileTree, "prune", 1),
]


@pytest.mark.parametrize(("owner", "name", "call"), STEPS, ids=[f"{s[1]}-{s[2]}" for s in STEPS])
@pytest.mark.parametrize("signed_before", [0, 300])
def test_after_a_crash_at_any_step_the_next_one_goes_on(
    sqlite_log: ActionLog, tmp_path: Path, owner: Any, name: str, call: int, signed_before: int
) -> None:
    if signed_before:
        sqlite_log.add(signed_before)
        sqlite_log.sign()
    sqlite_log.add(300)
    with pytest.MonkeyPatch.context() as patch:
        crash_before(patch, owner, name, call=call)
        with pytest.raises(Crash):
            sqlite_log.sign()
    sqlite_log.add(7)
    sqlite_log.sign()
    assert sqlite_log.prover.newest().checkpoint.size == signed_before + 307
    sqlite_log.prover.write(tmp_path / "evidence.zip")
    report = verify(tmp_path / "evidence.zip", key=sqlite_log.key)
    assert report.ok, report.problems
    notes = [open_checkpoint(note, sqlite_log.key) for _, note in _prover_history(sqlite_log)]
    tree = published_module.PublishedLog(sqlite_log.folder).tree(notes[-1].size)
    for old, new in pairwise(notes):
        proof = tree.consistency(old.size, new.size)
        assert verify_consistency(old.size, new.size, old.root, new.root, proof)


def _prover_history(log: ActionLog) -> list[tuple[str, str]]:
    return list(published_module.PublishedLog(log.folder).history())


def halted(log: ActionLog) -> str:
    return log.db.read_now(lambda c: c.exec_driver_sql("SELECT halted FROM audit_head").scalar_one())


TAMPERS: dict[str, tuple[str, str]] = {
    "shrunk": ("UPDATE audit_head SET size = 200", "holds 200 records, but 300 were signed"),
    "gap": ("DELETE FROM audit_leaf WHERE seq = 305", "record 305 is missing"),
    "other checkpoint": ("UPDATE audit_checkpoint SET note = replace(note, '300', '301')", "not signed by"),
}


@pytest.mark.parametrize("what", TAMPERS)
def test_a_log_that_contradicts_what_was_signed_is_halted_not_signed(sqlite_log: ActionLog, what: str) -> None:
    sqlite_log.add(300)
    sqlite_log.sign()
    before = sqlite_log.prover.newest()
    sqlite_log.add(20)
    statement, reason = TAMPERS[what]
    sqlite_log.sql(statement)
    sqlite_log.sign()
    assert reason in halted(sqlite_log)
    assert sqlite_log.prover.newest() == before
    with pytest.raises(AuditUnavailable, match="halted"):
        sqlite_log.add_one()


def test_tiles_that_were_changed_are_noticed_before_signing(sqlite_log: ActionLog) -> None:
    sqlite_log.add(300)
    sqlite_log.sign()
    tile = sqlite_log.folder / "tile/0/000"
    content = bytearray(tile.read_bytes())
    content[40] ^= 1
    tile.write_bytes(bytes(content))
    (sqlite_log.folder / "tile/1/000.p/1").unlink()
    sqlite_log.add(1)
    sqlite_log.sign()
    assert halted(sqlite_log)


def test_a_restored_older_database_is_noticed(sqlite_log: ActionLog) -> None:
    sqlite_log.add(100)
    sqlite_log.sign()
    sqlite_log.add(100)
    sqlite_log.sign()
    sqlite_log.sql("DELETE FROM audit_leaf WHERE seq >= 100")
    sqlite_log.sql("DELETE FROM audit_checkpoint WHERE size > 100")
    sqlite_log.sql("UPDATE audit_head SET size = 100")
    sqlite_log.sign()
    assert "200 were signed" in halted(sqlite_log)
    resume(sqlite_log.db, TENANT)
    sqlite_log.add(200)  # other records under the same numbers
    sqlite_log.sign()
    sqlite_log.prover.write(sqlite_log.state / "evidence.zip")
    assert not verify(sqlite_log.state / "evidence.zip", key=sqlite_log.key).ok


def test_lost_files_are_made_again_from_the_leaves(sqlite_log: ActionLog, tmp_path: Path) -> None:
    sqlite_log.add(300)
    sqlite_log.sign()
    before = sqlite_log.prover.newest().checkpoint
    shutil.rmtree(sqlite_log.folder)
    sqlite_log.add(10)
    sqlite_log.sign()
    assert sqlite_log.prover.newest().checkpoint.size == 310
    assert open_checkpoint(_prover_history(sqlite_log)[0][1], sqlite_log.key) == before
    shutil.rmtree(sqlite_log.folder)
    sqlite_log.sql("UPDATE audit_leaf SET leaf = (SELECT leaf FROM audit_leaf WHERE seq = 7) WHERE seq = 150")
    sqlite_log.sign()
    assert "do not give the root" in halted(sqlite_log)


def test_only_one_integrator_at_a_time(action_log: ActionLog) -> None:
    action_log.add(3)
    first = Integrator(action_log.db, action_log.state)
    second = Integrator(action_log.db, action_log.state)
    assert first.tick()
    assert not second.tick()
    first.close()
    assert second.tick()
    second.close()


def test_an_unwritable_folder_signs_nothing_and_stops_nothing(
    sqlite_log: ActionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_log.add(3)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tree_module, "write_durably", full)
        with pytest.raises(OSError, match="No space"):
            sqlite_log.sign()
    sqlite_log.add(3)
    sqlite_log.sign()
    assert sqlite_log.prover.newest().checkpoint.size == 6


def test_the_key_is_its_owners_alone(sqlite_log: ActionLog) -> None:
    sqlite_log.add(1)
    sqlite_log.sign()
    path = sqlite_log.state / "keys/log-signing.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(AuditUnavailable, match="chmod 600"):
        Integrator(sqlite_log.db, sqlite_log.state)


WRITER = """
import os
import sys
from chargehand.audit.log import append
from chargehand.database import Database
from concurrent.futures import ThreadPoolExecutor
from fixtures.audit import make_record
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = Database(url)
print("ready", flush=True)
def one(n):
    db.write_now(lambda tx: append(tx, make_record(run=name, arguments={"n": n})))
    os.write(1, f"{n}\\n".encode())
with ThreadPoolExecutor(8) as pool:
    list(pool.map(one, range(count)))
db.close()
"""


def writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    here = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": here}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(count)], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_several_processes_write_one_gap_free_log_and_one_is_killed(action_log: ActionLog, tmp_path: Path) -> None:
    processes = [writer(action_log.db.url, f"run_{n}", 5_000 if n == 0 else 150) for n in range(4)]
    victim = processes[0]
    assert victim.stdout is not None
    acknowledged = [victim.stdout.readline() for _ in range(40)][1:]
    action_log.sign()  # a checkpoint while they write
    victim.send_signal(signal.SIGKILL)
    acknowledged += victim.stdout.readlines()
    deadline = time.monotonic() + 60
    while any(process.poll() is None for process in processes):
        action_log.sign()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [process.wait() for process in processes[1:]] == [0, 0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    rows = action_log.db.read_now(lambda c: c.exec_driver_sql("SELECT seq, leaf FROM audit_leaf ORDER BY seq").all())
    size = action_log.db.read_now(lambda c: c.exec_driver_sql("SELECT size FROM audit_head").scalar_one())
    assert [row.seq for row in rows] == list(range(size))
    found: dict[str, set[int]] = {}
    for row in rows:
        record = decode(bytes(row.leaf))
        assert record.arguments is not None
        assert record.arguments["n"] not in found.setdefault(record.run, set())
        found[record.run].add(record.arguments["n"])
    assert all(found[f"run_{n}"] == set(range(150)) for n in (1, 2, 3))
    assert {int(line) for line in acknowledged if line.strip().isdecimal()} <= found["run_0"]  # nothing lost
    action_log.sign()
    action_log.prover.write(tmp_path / "evidence.zip")
    report = verify(tmp_path / "evidence.zip", key=action_log.key)
    assert report.ok, report.problems
    assert report.checkpoints >= 2


@pytest.mark.postgres
def test_postgresql_may_crash_under_the_log(tmp_path: Path) -> None:
    cluster = PostgresCluster()
    try:
        db = Database(cluster.create_database("log"))
        db.create_schema()
        initialise(db)
        log = ActionLog(db, tmp_path / "state")
        log.add(50)
        log.sign()
        holder = Integrator(db, tmp_path / "state")
        assert holder.tick()
        cluster.restart()
        deadline = time.monotonic() + 30
        while not _ticks(holder):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        holder.close()
        log.add(50)
        log.sign()
        rows = db.read_now(lambda c: c.exec_driver_sql("SELECT count(*), max(seq) + 1 FROM audit_leaf").one())
        assert rows[0] == rows[1] >= 100
        log.prover.write(tmp_path / "evidence.zip")
        assert verify(tmp_path / "evidence.zip", key=log.key).ok
        db.close()
    finally:
        cluster.stop()


def _ticks(holder: Integrator) -> bool:
    try:
        return holder.tick()
    except ChargehandError:
        return False


def test_the_history_survives_a_torn_line(sqlite_log: ActionLog) -> None:
    sqlite_log.add(5)
    sqlite_log.sign()
    [file] = (sqlite_log.folder / "checkpoints").glob("*.jsonl")
    with file.open("a") as torn:
        torn.write('{"at": "2026')
    [(at, note)] = _prover_history(sqlite_log)
    assert json.dumps(at)
    assert Note.parse(note).signed_by(sqlite_log.key)
