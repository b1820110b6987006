"""A new signing key takes over under the old one: whoever holds the first key can follow, and no other key counts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chargehand.audit import keys, siem, verifier
from chargehand.audit.chain import KeyChain, announce
from chargehand.audit.format import Checkpoint, Note, VerifierKey, sign
from chargehand.audit.log import append, initialise
from chargehand.audit.model import Who
from chargehand.audit.published import PublishedLog
from chargehand.audit.rotation import rotate
from chargehand.audit.verifier import Report, verify
from chargehand.database import Database
from chargehand.errors import AuditUnavailable, Conflict
from fixtures.audit import TENANT, ActionLog, make_record

OPERATOR = Who(principal="service:operator.test", signed_in_by="local")
Parts = dict[str, bytes]


def change_key(log: ActionLog) -> Ed25519PrivateKey:
    """Announce a new key and let the integrator take it over; returns the old private key, as a thief would have it."""
    old = keys.load_or_create(log.state / "keys" / keys.LOG_KEY)
    rotate(log.db, log.state, who=OPERATOR, reason="yearly")
    log.sign()
    return old


@pytest.fixture
def first_key(sqlite_log: ActionLog) -> VerifierKey:
    sqlite_log.add(20)
    sqlite_log.sign()
    return sqlite_log.key


@pytest.fixture
def rotated(sqlite_log: ActionLog, first_key: VerifierKey) -> ActionLog:
    """20 records and the announcement under the first key, 10 and another announcement under the second, 5 more."""
    change_key(sqlite_log)
    sqlite_log.add(10)
    sqlite_log.sign()
    change_key(sqlite_log)
    sqlite_log.add(5)
    sqlite_log.sign()
    return sqlite_log


def evidence(log: ActionLog, tmp_path: Path, **given: Any) -> Path:
    target = tmp_path / "evidence.zip"
    log.prover.write(target, **given)
    return target


def changed(path: Path, tamper: Callable[[Parts], None]) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    tamper(parts)
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


def note_by(private: Ed25519PrivateKey, name: str, size: int, root: bytes) -> str:
    text = Checkpoint(name, size, root).text()
    return str(Note(text, (sign(private, name, text),)))


def add_note(parts: Parts, note: str) -> None:
    parts["checkpoints.jsonl"] += json.dumps({"at": "2026-11-24T00:00:00Z", "note": note}).encode() + b"\n"


def test_the_log_goes_on_under_the_new_key_on_both_databases(action_log: ActionLog, tmp_path: Path) -> None:
    action_log.add(20)
    action_log.sign()
    first = action_log.key
    change_key(action_log)
    action_log.add(10)
    action_log.sign()
    assert action_log.key != first
    signed = action_log.prover.newest()
    assert signed.checkpoint.size == 31
    assert Note.parse(signed.note).signed_by(action_log.key)
    assert not (action_log.state / "keys" / keys.NEXT_KEY).exists()
    report = verify(evidence(action_log, tmp_path), key=first)
    assert report.ok, report.problems
    assert (report.rotations, report.warnings) == (1, [])
    assert "and 1 that followed it" in "\n".join(report.lines())


def test_the_announcement_is_covered_by_the_old_key_and_says_who_and_why(rotated: ActionLog) -> None:
    published = PublishedLog(rotated.folder)
    rotation = published.rotations()[0]
    chain = published.chain()
    assert chain is not None
    assert (rotation["index"], rotation["size"], chain.announced) == (20, 21, {20, 31})
    assert Note.parse(rotation["checkpoint"]).signed_by(chain.first)
    row = rotated.sql("SELECT leaf FROM audit_leaf WHERE seq = ?", 20).scalar()
    said = json.loads(row)
    assert (said["kind"], said["who"]["principal"], said["detail"]["reason"]) == (
        "checkpoint_key",
        "service:operator.test",
        "yearly",
    )
    assert (said["detail"]["old"], said["detail"]["new"]) == (str(chain.first), str(chain.key_for(22)))


def test_each_checkpoint_counts_only_by_the_key_whose_turn_it_was(rotated: ActionLog) -> None:
    chain = PublishedLog(rotated.folder).chain()
    assert chain is not None
    sizes = [chain.open(note).size for _, note in PublishedLog(rotated.folder).history()]
    assert sizes == [20, 21, 31, 32, 37]
    assert [chain.key_for(size) == chain.first for size in (0, 1, 21, 22)] == [True, True, True, False]
    assert chain.key_for(32) != chain.key_for(33) == chain.tip


def test_any_key_of_the_chain_that_somebody_holds_is_good(rotated: ActionLog, tmp_path: Path) -> None:
    file, chain = evidence(rotated, tmp_path), rotated.prover.chain
    for size, skipped in ((1, 0), (22, 2), (33, 4)):
        report = verify(file, key=chain.key_for(size))
        assert report.ok, report.problems
        assert sum("older than the key" in warning for warning in report.warnings) == skipped
    assert verify(file).key == str(chain.first)


def test_part_of_a_log_after_the_rotation_and_one_record_are_proven_from_the_first_key(
    rotated: ActionLog, tmp_path: Path
) -> None:
    first = rotated.prover.key
    report = verify(evidence(rotated, tmp_path, first=33), key=first)
    assert report.ok, report.problems
    proof = tmp_path / "proof.json"
    for index in (3, 20, 25, 35):
        proof.write_text(json.dumps(rotated.prover.inclusion(index)))
        assert verify(proof, key=first).ok
        assert verify(proof).ok
    stripped = json.loads(proof.read_text()) | {"rotations": []}
    proof.write_text(json.dumps(stripped))
    assert [one.kind for one in verify(proof, key=first).problems] == ["bad signature"]


def problems(report: Report) -> list[tuple[str, int | None]]:
    return [(one.kind, one.record) for one in report.problems]


def test_a_stranger_before_and_after_the_rotation_is_named(rotated: ActionLog, tmp_path: Path) -> None:
    file, first = evidence(rotated, tmp_path), rotated.prover.key
    for size in (15, 25):
        forged = note_by(Ed25519PrivateKey.generate(), first.name, size, b"\x01" * 32)
        report = verify(changed(file, lambda parts, n=forged: add_note(parts, n)), key=first)
        assert problems(report) == [("bad signature", size - 1)]
        assert "no other key that the log announced" in report.problems[0].detail


def test_a_retired_key_beyond_its_range_is_named(sqlite_log: ActionLog, first_key: VerifierKey, tmp_path: Path) -> None:
    stolen = change_key(sqlite_log)
    sqlite_log.add(10)
    sqlite_log.sign()
    file = evidence(sqlite_log, tmp_path)
    forged = note_by(stolen, first_key.name, 25, b"\x01" * 32)
    report = verify(changed(file, lambda parts: add_note(parts, forged)), key=first_key)
    assert problems(report) == [("bad signature", 24)]
    assert "record 20 retired" in report.problems[0].detail
    given = verify(file, key=first_key, checkpoints=[note_by(stolen, first_key.name, 99, b"\x01" * 32)])
    assert problems(given) == [("bad signature", 98)]


def test_a_key_that_was_announced_only_later_is_named(
    sqlite_log: ActionLog, first_key: VerifierKey, tmp_path: Path
) -> None:
    change_key(sqlite_log)
    following = keys.load_or_create(sqlite_log.state / "keys" / keys.LOG_KEY)
    file = evidence(sqlite_log, tmp_path)
    forged = note_by(following, first_key.name, 10, b"\x01" * 32)
    report = verify(changed(file, lambda parts: add_note(parts, forged)), key=first_key)
    assert problems(report) == [("bad signature", 9)]
    assert "only record 20 announces" in report.problems[0].detail


def rotation_lines(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Parts], None]:
    def tamper(parts: Parts) -> None:
        found = [json.loads(line) for line in parts["rotations.jsonl"].splitlines()]
        change(found)
        parts["rotations.jsonl"] = "".join(json.dumps(one) + "\n" for one in found).encode()

    return tamper


@pytest.mark.parametrize(
    ("what", "change", "kind", "record"),
    [
        ("both gone", lambda r: r.clear(), "bad key", 20),
        ("the second gone", lambda r: r.pop(), "bad key", 31),
        ("the first gone", lambda r: r.pop(0), "bad key", 20),
        ("swapped", lambda r: r.reverse(), "bad key", 31),
        ("another place", lambda r: r[0].update(index=19, size=20), "bad key", 19),
        ("another path", lambda r: r[0].update(path=["00" * 32]), "bad key", 20),
        ("a later checkpoint", lambda r: r[0].update(checkpoint=r[1]["checkpoint"]), "bad key", 20),
        ("another leaf", lambda r: r[1].update(leaf=r[0]["leaf"]), "bad key", 31),
    ],
)
def test_a_rotation_that_was_tampered_with_is_named(
    rotated: ActionLog, tmp_path: Path, what: str, change: Any, kind: str, record: int
) -> None:
    report = verify(changed(evidence(rotated, tmp_path), rotation_lines(change)), key=rotated.prover.key)
    assert not report.ok, what
    first = next(one for one in report.problems if one.kind == kind)
    assert first.record == record


def test_an_announcement_that_the_old_key_did_not_sign_has_no_force_and_is_named(
    sqlite_log: ActionLog, first_key: VerifierKey, tmp_path: Path
) -> None:
    """What somebody with the database, but without the key, could do: the log goes on under its own key."""
    thief = Ed25519PrivateKey.generate()
    theirs = keys.verifier_key(thief, first_key.name)
    said = announce(first_key.name, first_key, theirs)
    note = Note(said, (sign(thief, first_key.name, said),))
    sqlite_log.add_one(kind="checkpoint_key", detail={"act": "rotate", "note": str(note)})
    sqlite_log.add(5)
    sqlite_log.sign()
    assert Note.parse(sqlite_log.prover.newest().note).signed_by(first_key)
    report = verify(evidence(sqlite_log, tmp_path), key=first_key)
    assert problems(report) == [("bad key", 20)]


def test_records_changed_on_either_side_of_the_rotation_are_named(rotated: ActionLog, tmp_path: Path) -> None:
    file, first = evidence(rotated, tmp_path), rotated.prover.key
    for index in (5, 20, 25, 36):

        def edit(parts: Parts, at: int = index) -> None:
            records = parts["records.jsonl"].split(b"\n")
            records[at] = records[at].replace(b'"demo"', b'"dome"')
            parts["records.jsonl"] = b"\n".join(records)

        assert problems(verify(changed(file, edit), key=first)) == [("edited", index)]


def test_two_rotations_at_once_announce_one_key(action_log: ActionLog, tmp_path: Path) -> None:
    """Two real processes; whoever is second is told that one is under way."""
    action_log.add(3)
    action_log.sign()
    first = action_log.key
    program = (
        "import sys; from pathlib import Path\n"
        "from chargehand.audit.model import Who\n"
        "from chargehand.audit.rotation import rotate\n"
        "from chargehand.database import Database\n"
        "from chargehand.errors import Conflict\n"
        "db = Database(sys.argv[1]); sys.stdin.readline()\n"
        "try: rotate(db, Path(sys.argv[2]), who=Who(principal='service:x'), reason='at once'); print('done')\n"
        "except Conflict: print('under way')\n"
    )
    command = [sys.executable, "-c", program, action_log.db.url, str(action_log.state)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = sorted(one.communicate(timeout=60)[0].strip() for one in both)
    assert said == ["done", "under way"]
    action_log.sign()
    assert action_log.prover.chain.announced == {3}
    assert verify(evidence(action_log, tmp_path), key=first).ok


def test_a_second_rotation_waits_for_the_first(rotated: ActionLog) -> None:
    rotate(rotated.db, rotated.state, who=OPERATOR, reason="once")
    with pytest.raises(Conflict, match="under way"):
        rotate(rotated.db, rotated.state, who=OPERATOR, reason="twice")
    rotated.sign()
    rotate(rotated.db, rotated.state, who=OPERATOR, reason="now")


def test_every_tenants_log_is_told_also_one_that_was_opened_meanwhile(sqlite_log: ActionLog) -> None:
    def to(tenant: str) -> None:
        sqlite_log.db.write_now(lambda tx: append(tx, make_record(tenant=tenant)))

    to("a")
    to("b")
    sqlite_log.sign()
    done = rotate(sqlite_log.db, sqlite_log.state, who=OPERATOR, reason="all")
    assert done.tenants == ("a", "b")
    to("late")
    sqlite_log.sign()
    sqlite_log.sign()
    chains = {tenant: PublishedLog(keys.folder(sqlite_log.state, tenant)).chain() for tenant in ("a", "b", "late")}
    assert {
        tenant: chain.tip.public.hex() == done.public for tenant, chain in chains.items() if chain
    } == dict.fromkeys(("a", "b", "late"), True)
    to("newer")
    sqlite_log.sign()
    newer = PublishedLog(keys.folder(sqlite_log.state, "newer")).chain()
    assert newer is not None
    assert (newer.first.public.hex(), newer.announced) == (done.public, frozenset())


def test_a_halted_log_keeps_the_old_key_until_it_goes_on(rotated: ActionLog) -> None:
    before = rotated.key
    rotated.db.write_now(lambda tx: append(tx, make_record(tenant="other")))
    rotated.sign()
    rotated.sql("UPDATE audit_head SET halted = 'looked at' WHERE tenant = ?", TENANT)
    assert rotate(rotated.db, rotated.state, who=OPERATOR, reason="yearly").tenants == ("other",)
    rotated.sign()
    assert rotated.key == before
    rotated.sql("UPDATE audit_head SET halted = '' WHERE tenant = ?", TENANT)
    rotated.sign()
    rotated.sign()
    assert rotated.key != before
    assert len(rotated.prover.chain.announced) == 3


def test_the_published_log_is_made_again_with_all_its_keys(rotated: ActionLog, tmp_path: Path) -> None:
    first, before = rotated.prover.key, PublishedLog(rotated.folder).rotations()
    shutil.rmtree(rotated.folder)
    rotated.add(4)
    rotated.sign()
    assert PublishedLog(rotated.folder).rotations() == before
    report = verify(evidence(rotated, tmp_path), key=first)
    assert report.ok, report.problems


def test_an_older_copy_of_the_published_log_catches_up(
    sqlite_log: ActionLog, first_key: VerifierKey, tmp_path: Path
) -> None:
    shutil.copytree(sqlite_log.folder, tmp_path / "backup")
    change_key(sqlite_log)
    sqlite_log.add(10)
    sqlite_log.sign()
    shutil.rmtree(sqlite_log.folder)
    shutil.copytree(tmp_path / "backup", sqlite_log.folder)
    sqlite_log.add(4)
    sqlite_log.sign()
    report = verify(evidence(sqlite_log, tmp_path), key=first_key)
    assert report.ok, report.problems
    assert report.rotations == 1


def test_when_the_new_private_key_is_lost_nothing_is_signed_and_nothing_called(rotated: ActionLog) -> None:
    rotate(rotated.db, rotated.state, who=OPERATOR, reason="yearly")
    (rotated.state / "keys" / keys.NEXT_KEY).unlink()
    rotated.add(2)
    rotated.sign()
    with pytest.raises(AuditUnavailable, match="the private key of"):
        rotated.add_one()


def test_without_a_key_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/empty.db")
    db.create_schema()
    initialise(db)
    with pytest.raises(AuditUnavailable, match="no signing key"):
        rotate(db, tmp_path / "state", who=OPERATOR, reason="none")
    db.close()


def test_a_retired_key_never_comes_back(rotated: ActionLog) -> None:
    """Announced again, it would judge later checkpoints by a key that may have been stolen."""
    rotations = PublishedLog(rotated.folder).rotations()
    chain = KeyChain.from_pinned(rotated.prover.key, [*rotations, rotations[0]])
    assert chain.broken is not None
    assert chain.broken[0] == 20


def test_the_verifiers_command_line_follows_the_chain(
    rotated: ActionLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = evidence(rotated, tmp_path)
    assert verifier.main([str(file), "--key", str(rotated.prover.key), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rotations"] == 2


def test_a_siem_sees_the_announcements_in_their_place_and_no_gap(rotated: ActionLog) -> None:
    seen: list[tuple[int, str]] = []

    class Sink:
        """A fake receiver: keeps what it is sent."""

        def send(self, batch: list[siem.Sent]) -> None:
            seen.extend((one.seq, json.loads(one.event["raw_data"])["kind"]) for one in batch)

        def close(self) -> None: ...

    siem.SiemStream(rotated.db, rotated.state, TENANT, Sink()).send_pending()
    assert [seq for seq, _ in seen] == list(range(37))
    assert [seq for seq, kind in seen if kind == "checkpoint_key"] == [20, 31]
