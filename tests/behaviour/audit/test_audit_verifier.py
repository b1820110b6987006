"""Whoever changes the log, the evidence or the checkpoints is found out, and the first bad record is named."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chargehand import clock
from chargehand.audit import keys, verifier
from chargehand.audit.format import Checkpoint, Note, VerifierKey, leaf_hash, root_of, sign
from chargehand.audit.integrator import resume
from chargehand.audit.model import Who
from chargehand.audit.retention import retire
from chargehand.audit.verifier import NotEvidence, Report, verify
from fixtures.audit import TENANT, ActionLog

ROOT = Path(__file__).parents[3]
Parts = dict[str, bytes]
Tamper = Callable[[Parts], None]


@pytest.fixture
def signed(sqlite_log: ActionLog) -> ActionLog:
    """300 records, signed at 100, 200 and 300."""
    for _ in range(3):
        sqlite_log.add(100)
        sqlite_log.sign()
    return sqlite_log


@pytest.fixture
def evidence(signed: ActionLog, tmp_path: Path) -> Path:
    target = tmp_path / "evidence.zip"
    signed.prover.write(target)
    return target


def changed(path: Path, tamper: Tamper) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    tamper(parts)
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


def lines(parts: Parts, change: Callable[[list[bytes]], None]) -> None:
    records = parts["records.jsonl"].split(b"\n")[:-1]
    change(records)
    parts["records.jsonl"] = b"".join(line + b"\n" for line in records)


def with_hashes(parts: Parts) -> None:
    """A careful forger makes the hashes fit the records again."""
    records = parts["records.jsonl"].split(b"\n")[:-1]
    parts["hashes.bin"] = b"".join(leaf_hash(line) for line in records)


def manifest(parts: Parts, **given: object) -> None:
    parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | given).encode()


def edit(parts: Parts) -> None:
    lines(parts, lambda r: r.__setitem__(150, r[150].replace(b'"allow"', b'"deny"')))


def delete(parts: Parts) -> None:
    lines(parts, lambda r: r.pop(150))


def delete_last(parts: Parts) -> None:
    lines(parts, lambda r: r.pop())


def blank(parts: Parts) -> None:
    lines(parts, lambda r: r.__setitem__(150, b""))


def swap(parts: Parts) -> None:
    lines(parts, lambda r: r.__setitem__(slice(150, 152), [r[151], r[150]]))


def swap_far(parts: Parts) -> None:
    def change(records: list[bytes]) -> None:
        records[150], records[250] = records[250], records[150]

    lines(parts, change)


def insert(parts: Parts) -> None:
    lines(parts, lambda r: r.insert(150, r[0].replace(b'"n":0', b'"n":9')))


def repeat(parts: Parts) -> None:
    lines(parts, lambda r: r.insert(150, r[149]))


def add(parts: Parts) -> None:
    lines(parts, lambda r: r.append(r[0]))


def truncate(parts: Parts) -> None:
    lines(parts, lambda r: r.__delitem__(slice(250, None)))


def edit_with_hashes(parts: Parts) -> None:
    edit(parts)
    with_hashes(parts)


def truncate_with_hashes(parts: Parts) -> None:
    truncate(parts)
    with_hashes(parts)
    manifest(parts, end=250)


def hash_only(parts: Parts) -> None:
    hashes = bytearray(parts["hashes.bin"])
    hashes[150 * 32] ^= 1
    parts["hashes.bin"] = bytes(hashes)


TAMPERS: dict[Tamper, tuple[str, int]] = {
    edit: ("edited", 150),
    delete: ("deleted", 150),
    delete_last: ("truncated", 299),
    blank: ("deleted", 150),
    swap: ("reordered", 150),
    swap_far: ("reordered", 150),
    insert: ("inserted", 150),
    repeat: ("reordered", 150),
    add: ("inserted", 300),
    truncate: ("truncated", 250),
    edit_with_hashes: ("edited", 100),  # the root signed at 200 fails: it is one of 100 to 199
    truncate_with_hashes: ("truncated", 249),
    hash_only: ("edited", 100),
}


def test_untouched_evidence_fits(signed: ActionLog, evidence: Path) -> None:
    report = verify(evidence, key=signed.key)
    assert (report.ok, report.exit_code, report.warnings) == (True, 0, [])
    assert (report.first, report.end, report.present, report.checkpoints) == (0, 300, 300, 3)


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_each_tamper_is_found_and_named(signed: ActionLog, evidence: Path, tamper: Tamper) -> None:
    report = verify(changed(evidence, tamper), key=signed.key)
    assert report.exit_code == 1
    first = report.problems[0]
    assert (first.kind, first.record) == TAMPERS[tamper]


def test_with_the_published_log_a_careful_forgery_is_named_exactly(signed: ActionLog, evidence: Path) -> None:
    report = verify(changed(evidence, edit_with_hashes), key=signed.key, log=signed.folder)
    assert [(p.kind, p.record) for p in report.problems] == [("edited", 150)]


@pytest.mark.parametrize(("record", "byte"), [(0, 5), (99, 20), (100, 30), (299, -1)])
def test_a_single_bit_anywhere_is_found(signed: ActionLog, evidence: Path, record: int, byte: int) -> None:
    def flip(parts: Parts) -> None:
        def change(records: list[bytes]) -> None:
            content = bytearray(records[record])
            content[byte] ^= 0x01
            records[record] = bytes(content)

        lines(parts, change)

    report = verify(changed(evidence, flip), key=signed.key)
    assert (report.problems[0].kind, report.problems[0].record) == ("edited", record)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (
            "UPDATE audit_leaf SET leaf = CAST(replace(CAST(leaf AS text), 'allow', 'deny') AS blob) WHERE seq = 150",
            "edited",
        ),
        ("DELETE FROM audit_leaf WHERE seq = 150", "deleted"),
        ("UPDATE audit_leaf SET leaf = NULL WHERE seq = 150", "deleted"),
        ("UPDATE audit_leaf SET leaf = (SELECT leaf FROM audit_leaf WHERE seq = 7) WHERE seq = 150", "reordered"),
    ],
)  # fmt: skip
def test_what_somebody_did_to_the_database_is_named(
    signed: ActionLog, tmp_path: Path, statement: str, kind: str
) -> None:
    signed.sql(statement)
    target = tmp_path / "evidence.zip"
    signed.prover.write(target)
    report = verify(target, key=signed.key)
    assert [(p.kind, p.record) for p in report.problems] == [(kind, 150)]


def test_another_key_is_refused(signed: ActionLog, evidence: Path) -> None:
    other = VerifierKey(signed.key.name, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    report = verify(evidence, key=other)
    assert report.exit_code == 1
    assert report.problems[0].kind in ("bad signature", "truncated")
    elsewhere = VerifierKey("elsewhere.example/demo", signed.key.public)
    assert verify(evidence, key=elsewhere).problems[0].kind == "wrong key"


def test_a_forger_with_a_key_of_his_own_fails_against_the_pinned_one(signed: ActionLog, evidence: Path) -> None:
    forger = Ed25519PrivateKey.generate()

    def forge(parts: Parts) -> None:
        edit_with_hashes(parts)
        records = parts["records.jsonl"].split(b"\n")[:-1]
        text = Checkpoint(signed.key.name, 300, root_of(map(leaf_hash, records))).text()
        note = str(Note(text, (sign(forger, signed.key.name, text),)))
        parts["checkpoints.jsonl"] = json.dumps({"at": "", "note": note}).encode()
        parts["keys.txt"] = f"{keys.verifier_key(forger, signed.key.name)}\n".encode()

    forged = changed(evidence, forge)
    unpinned = verify(forged)
    assert unpinned.ok
    assert "compare it" in unpinned.warnings[0]
    assert verify(forged, key=signed.key).exit_code == 1


def test_a_split_view_is_proven(signed: ActionLog, evidence: Path) -> None:
    private = keys.load_or_create(signed.state / "keys" / keys.LOG_KEY)
    text = Checkpoint(signed.key.name, 200, b"\x55" * 32).text()
    other = str(Note(text, (sign(private, signed.key.name, text),)))
    report = verify(evidence, key=signed.key, checkpoints=[other])
    assert report.exit_code == 3
    assert ("split view", 199) in [(p.kind, p.record) for p in report.problems]


def test_a_cut_log_is_found_with_a_checkpoint_kept_elsewhere(signed: ActionLog, evidence: Path) -> None:
    newest = signed.prover.newest().note

    def cut(parts: Parts) -> None:
        lines(parts, lambda r: r.__delitem__(slice(200, None)))
        with_hashes(parts)
        manifest(parts, end=200)
        kept = [line for line in parts["checkpoints.jsonl"].splitlines() if b"\\n300\\n" not in line]
        parts["checkpoints.jsonl"] = b"\n".join(kept)

    short = changed(evidence, cut)
    assert verify(short, key=signed.key).ok  # alone it can't know
    report = verify(short, key=signed.key, checkpoints=[newest])
    assert [(p.kind, p.record) for p in report.problems] == [("truncated", 200)]


def test_part_of_a_log_is_bound_to_the_newest_checkpoint(signed: ActionLog, tmp_path: Path) -> None:
    target = tmp_path / "part.zip"
    signed.prover.write(target, first=120, end=150)
    report = verify(target, key=signed.key)
    assert (report.ok, report.first, report.end) == (True, 120, 200)

    def lie(parts: Parts) -> None:
        proofs = json.loads(parts["consistency.json"])
        proofs[0]["path"][0] = "00" * 32
        parts["consistency.json"] = json.dumps(proofs).encode()

    assert verify(changed(target, lie), key=signed.key).exit_code == 3


async def test_a_selection_says_what_it_leaves_out(signed: ActionLog, tmp_path: Path) -> None:
    target = tmp_path / "some.zip"
    await signed.service.evidence(TENANT, target, "arguments.n = 50", who=Who(principal="person:ada"), whole=False)
    report = verify(target, key=signed.key)
    assert report.ok
    assert report.present == 3
    assert "outside the selection" in report.warnings[0]
    assert (await signed.service.query(TENANT, "kind:access")).items[0].record.who.principal == "person:ada"


async def test_retired_records_are_told_from_deleted_ones(sqlite_log: ActionLog, tmp_path: Path) -> None:
    sqlite_log.add(50, at="2020-01-01T00:00:00.000000Z")
    sqlite_log.add(50)
    sqlite_log.sign()
    assert retire(sqlite_log.db, TENANT, clock.parse("2021-01-01T00:00:00Z"), who=Who(principal="person:root")) == 50
    sqlite_log.sign()
    target = tmp_path / "evidence.zip"
    await sqlite_log.service.evidence(TENANT, target, who=Who(principal="person:ada"))
    report = verify(target, key=sqlite_log.key)
    assert report.ok, report.problems
    assert "50 records are there as hashes only (retired by retention)" in report.warnings
    sqlite_log.sql("UPDATE audit_leaf SET leaf = NULL WHERE seq = 70")
    sqlite_log.prover.write(target, retirements=[100])
    assert [(p.kind, p.record) for p in verify(target, key=sqlite_log.key).problems] == [("deleted", 70)]


async def test_one_records_proof_stands_alone(signed: ActionLog, tmp_path: Path) -> None:
    proof = await signed.service.proof(TENANT, "123")
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(proof))
    assert verify(path, key=signed.key).ok
    leaf = base64.b64decode(proof["leaf"]).replace(b'"allow"', b'"deny"')
    path.write_text(json.dumps(proof | {"leaf": base64.b64encode(leaf).decode()}))
    report = verify(path, key=signed.key)
    assert [(p.kind, p.record) for p in report.problems] == [("edited", 123)]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"{}", b'{"format": "other"}'])
def test_what_is_no_evidence_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(NotEvidence):
        verify(path)
    assert verifier.main([str(path)]) == 2


@pytest.mark.parametrize("part", ["manifest.json", "hashes.bin", "records.jsonl", "frontier.json", "checkpoints.jsonl"])
def test_a_missing_part_is_no_evidence(evidence: Path, part: str) -> None:
    def remove(parts: Parts) -> None:
        del parts[part]

    with pytest.raises(NotEvidence):
        verify(changed(evidence, remove))


def test_it_runs_without_the_platform(signed: ActionLog, evidence: Path, tmp_path: Path) -> None:
    """A folder with four files and an interpreter with `cryptography`: no database driver, no settings, no network."""
    alone = tmp_path / "alone/chargehand/audit"
    alone.mkdir(parents=True)
    for name in ("verifier.py", "format.py", "chain.py", "report.py"):
        shutil.copy(ROOT / "platform/chargehand/audit" / name, alone / name)
    (alone / "__init__.py").touch()
    (alone.parent / "__init__.py").touch()
    probe = (
        "import sys, runpy\n"
        f"sys.path.insert(0, {str(alone.parents[1])!r})\n"
        f"sys.argv = ['verifier', {str(evidence)!r}, '--key', {str(signed.key)!r}]\n"
        "try: runpy.run_module('chargehand.audit.verifier', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "ours = sorted(m for m in sys.modules if m.startswith('chargehand') and m.count('.') > 1)\n"
        "heavy = [m for m in ('sqlalchemy', 'pydantic', 'httpx', 'orjson', 'socket') if m in sys.modules]\n"
        "print(code, ours, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    ours = [f"chargehand.audit.{name}" for name in ("chain", "format", "report")]
    assert done.stdout.splitlines()[-1] == f"0 {ours} []", done.stdout + done.stderr


def test_the_command_line_reports_and_exits(
    signed: ActionLog, evidence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = signed.folder / "key"
    assert verifier.main([str(evidence), "--key", str(key)]) == 0
    assert "everything fits" in capsys.readouterr().out
    assert verifier.main([str(changed(evidence, edit)), "--key", str(key), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["record"] == 150
    checkpoints = next((signed.folder / "checkpoints").glob("*.jsonl"))
    assert verifier.main([str(evidence), "--key", str(key), "--checkpoint", str(checkpoints)]) == 0


def test_a_halted_log_can_be_resumed(signed: ActionLog) -> None:
    signed.sql("UPDATE audit_head SET halted = 'x'")
    resume(signed.db, TENANT)
    signed.add_one()
    assert Report().ok
