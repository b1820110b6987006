"""Checks an evidence file without the platform, its database or a network.

It imports `format`, `chain` and `report`, which need nothing else either.

    python -m chargehand.audit.verifier evidence.zip --key KEY [--checkpoint FILE]... [--log FOLDER] [--witness KEY]...

It recomputes every leaf, every root and every signature, and names the first record that does not fit. Trust comes
from what you hold and the operator can't change: a key of the log (`--key`, a verifier key or a file with one; later
keys are followed from it, see `chain`), checkpoints kept elsewhere or cosigned (`--checkpoint`, `--witness`), a copy of
the published log (`--log`).

Exit code: 0 everything fits; 1 a record, root or signature does not; 2 the file can't be read as evidence;
3 split view: two signed checkpoints contradict each other.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from chargehand.audit.chain import KeyChain, is_announcement
from chargehand.audit.format import (
    HASH_BYTES,
    TILE_WIDTH,
    BadNote,
    Checkpoint,
    Frontier,
    Note,
    VerifierKey,
    leaf_hash,
    tile_path,
    verify_consistency,
    verify_inclusion,
)  # fmt: skip
from chargehand.audit.report import Report

FORMAT = "chargehand-evidence/1"
PROOF_FORMAT = "chargehand-proof/1"
MAX_LINE_BYTES = 70_000
MAX_PART_BYTES = 1 << 30


class NotEvidence(Exception):
    """The file is no evidence file, or a damaged one."""


def verify(
    path: Path,
    *,
    key: VerifierKey | None = None,
    checkpoints: Sequence[str] = (),
    witnesses: Sequence[VerifierKey] = (),
    log: Path | None = None,
) -> Report:
    """Check an evidence file (.zip) or the proof of one record (.json).

    Raises NotEvidence when it can't be read as either.
    """
    if not zipfile.is_zipfile(path):
        return _verify_proof(path, key, witnesses)
    try:
        with zipfile.ZipFile(path) as archive:
            return _Evidence(archive, key, witnesses).verify(checkpoints, log)
    except (KeyError, zipfile.BadZipFile, ValueError, TypeError, EOFError, OSError) as error:
        raise NotEvidence(f"{path}: {error}") from error


class _Evidence:
    def __init__(self, archive: zipfile.ZipFile, key: VerifierKey | None, witnesses: Sequence[VerifierKey]) -> None:
        self._archive = archive
        self._witnesses = witnesses
        manifest = json.loads(self._part("manifest.json"))
        if manifest.get("format") != FORMAT:
            raise NotEvidence(f"The format is {manifest.get('format')!r}, not {FORMAT!r}.")
        self._first, self._end = int(manifest["first"]), int(manifest["end"])
        if not 0 <= self._first <= self._end:
            raise NotEvidence("The manifest's bounds make no sense.")
        self._complete = bool(manifest["complete"])
        self.report = Report(str(manifest["origin"]), first=self._first, end=self._end)
        self._chain = self._follow(key or self._own_key())
        self.report.key = str(self._chain.first)
        self.report.rotations = len(self._chain.announced)

    def verify(self, outside: Sequence[str], log: Path | None) -> Report:
        report = self.report
        if self._chain.first.name != report.origin:
            report.add("wrong key", f"the evidence is of {report.origin}, the key of {self._chain.first.name}")
            return report
        signed = self._signed(outside)
        hashes = bytearray(self._part("hashes.bin"))
        if len(hashes) != (self._end - self._first) * HASH_BYTES:
            got = len(hashes) // HASH_BYTES
            report.add("truncated", f"{self._end - self._first} hashes are claimed, {got} are there", self._first + got)
            return report
        if log is not None:
            self._take_published(hashes, log)
        good, bad = self._check_roots(bytes(hashes), signed)
        if bad is not None:
            self._wrong_root(bad, good)
        self._check_records(bytes(hashes))
        self._check_later(signed)
        report.problems.sort(key=lambda problem: -1 if problem.record is None else problem.record)
        return report

    def _signed(self, outside: Sequence[str]) -> dict[int, Checkpoint]:
        """Every checkpoint, by size, its signature checked."""
        found: dict[int, Checkpoint] = {}
        notes = [json.loads(line)["note"] for line in self._part("checkpoints.jsonl").splitlines() if line]
        for where, note in [*(("in the evidence", n) for n in notes), *(("given", n) for n in outside)]:
            if 0 < open_size(note) <= self._chain.after:
                self.report.warnings.append(
                    f"a checkpoint of size {open_size(note)} is older than the key that you hold: not checked"
                )
                continue
            try:
                checkpoint = self._chain.open(note)
            except BadNote as error:
                self.report.add("bad signature", f"a checkpoint {where}: {error}", _committed(note))
                continue
            known = found.setdefault(checkpoint.size, checkpoint)
            if known.root != checkpoint.root:
                self.report.add(
                    "split view",
                    f"two signed checkpoints of size {checkpoint.size} have different roots",
                    max(checkpoint.size - 1, 0),
                )
            parsed = Note.parse(note)
            self.report.witnesses |= {witness.name for witness in self._witnesses if parsed.signed_by(witness)}
            self.report.checkpoints += 1
        self._inside = max((open_size(note) for note in notes), default=0)
        if self._end and self._end not in found:
            self.report.add("truncated", f"no valid checkpoint of size {self._end} closes the evidence", self._end - 1)
        newest = max(found, default=0)
        if newest > max(self._inside, self._end):
            self.report.add(
                "truncated",
                f"a checkpoint given commits to {newest} records, the evidence knows of {max(self._inside, self._end)}",
                max(self._inside, self._end),
            )
        for witness in self._witnesses:
            if witness.name not in self.report.witnesses:
                self.report.add("bad signature", f"no checkpoint is cosigned by {witness.name}")
        return found

    def _take_published(self, hashes: bytearray, log: Path) -> None:
        """Use the leaf hashes of a published log instead of the evidence's own: they name the record exactly."""
        for tile in range(self._first // TILE_WIDTH, -(-self._end // TILE_WIDTH)):
            content = _published_tile(log, tile)
            start, stop = max(tile * TILE_WIDTH, self._first), min((tile + 1) * TILE_WIDTH, self._end)
            part = content[(start - tile * TILE_WIDTH) * HASH_BYTES : (stop - tile * TILE_WIDTH) * HASH_BYTES]
            if len(part) != (stop - start) * HASH_BYTES:
                self.report.warnings.append(f"the published log has no hashes from record {start} on")
                return
            hashes[(start - self._first) * HASH_BYTES : (stop - self._first) * HASH_BYTES] = part

    def _check_roots(self, hashes: bytes, signed: dict[int, Checkpoint]) -> tuple[int, int | None]:
        """Records below the first number are as signed; between it and the second (if any) something is not."""
        frontier = Frontier(self._first, [bytes.fromhex(h) for h in json.loads(self._part("frontier.json"))])
        good = self._first
        if self._first in signed and frontier.root() != signed[self._first].root:
            self._wrong_root(self._first, 0)
            return 0, self._first
        push = frontier.push
        for size in [size for size in sorted(signed) if self._first < size <= self._end]:
            for at in range((good - self._first) * HASH_BYTES, (size - self._first) * HASH_BYTES, HASH_BYTES):
                push(hashes[at : at + HASH_BYTES])
            if frontier.root() != signed[size].root:
                return good, size
            good = size
        return good, None

    def _check_records(self, hashes: bytes) -> None:
        """Compare each record with its hash; a hash is only as good as the root above it."""
        report = self.report
        retired = self._retired()
        index, absent = self._first, 0
        for line in self._lines():
            if index >= self._end:
                report.add("inserted", f"there are records after the last one, {self._end - 1}: {_shown(line)}", index)
                return
            if line:
                report.present += 1
                expected = hashes[(index - self._first) * HASH_BYTES : (index - self._first + 1) * HASH_BYTES]
                if leaf_hash(line) != expected:
                    self._name(hashes, index, line)
                    return
                if is_announcement(line) and index not in self._chain.announced and index >= self._chain.after:
                    self._unproven(index)
            elif self._complete and not any(low <= index <= high for low, high in retired):
                report.add("deleted", f"record {index} is not there, and no retention record says why", index)
                return
            else:
                absent += 1
            index += 1
        if index < self._end:
            kind = "truncated" if self._end - index > 1 or index + 1 == self._end else "deleted"
            report.add(kind, f"record {index} and what follows, up to {self._end - 1}, are not there", index)
            return
        if absent:
            why = "retired by retention" if self._complete else "outside the selection"
            report.warnings.append(f"{absent} records are there as hashes only ({why})")

    def _unproven(self, index: int) -> None:
        """An announcement without force: the key whose turn it was did not hand over by it."""
        if index + 1 == self._end:
            self.report.warnings.append(f"record {index} announces a key that has not signed anything yet")
        else:
            self.report.add("bad key", f"record {index} announces a key, but the key before did not hand over", index)

    def _name(self, hashes: bytes, index: int, line: bytes) -> None:
        """The first record that does not fit: say what was done to it."""
        found = hashes.find(leaf_hash(line))
        elsewhere = self._first + found // HASH_BYTES if found >= 0 and found % HASH_BYTES == 0 else None
        if elsewhere == index + 1 and self._follows(hashes, index):
            self.report.add("deleted", f"record {index} is missing: record {elsewhere} stands in its place", index)
        elif elsewhere is not None:
            self.report.add("reordered", f"in place of record {index} stands record {elsewhere}: {_shown(line)}", index)
        elif self._line(index + 1) is not None and self._line_is(hashes, index + 1, index):
            self.report.add("inserted", f"a record was put in before record {index}: {_shown(line)}", index)
        else:
            self.report.add("edited", f"record {index} is not what was signed: {_shown(line)}", index)

    def _follows(self, hashes: bytes, index: int) -> bool:
        """Do the lines after `index` keep the shift by one? Then one record is gone, and none swapped."""
        following = self._line(index + 1)
        return following is None or self._line_is(hashes, index + 1, index + 2)

    def _line_is(self, hashes: bytes, line_index: int, hash_index: int) -> bool:
        line = self._line(line_index)
        at = (hash_index - self._first) * HASH_BYTES
        return line is not None and leaf_hash(line) == hashes[at : at + HASH_BYTES]

    def _wrong_root(self, size: int, good: int) -> None:
        self.report.add(
            "edited",
            f"the records {good} to {size - 1} do not give the root that was signed at size {size}; "
            f"up to record {good - 1} everything fits" if good else
            f"the first {size} records do not give the root that was signed at size {size}",
            good,
        )  # fmt: skip

    def _check_later(self, signed: dict[int, Checkpoint]) -> None:
        """Checkpoints beyond the evidence must continue it."""
        proofs = {int(p["new"]): p for p in json.loads(self._part("consistency.json"))}
        for size, later in sorted(signed.items()):
            if size < self._first:
                self.report.warnings.append(f"the checkpoint of size {size} lies before the evidence: not comparable")
            elif size > self._end and self._end in signed:
                proof = proofs.get(size)
                if proof is None:
                    self.report.warnings.append(f"nothing connects the checkpoint of size {size} with the evidence")
                    continue
                path = [bytes.fromhex(hash_) for hash_ in proof["path"]]
                if not verify_consistency(self._end, size, signed[self._end].root, later.root, path):
                    self.report.add(
                        "split view", f"the checkpoints of size {self._end} and {size} contradict each other", self._end
                    )

    def _retired(self) -> list[tuple[int, int]]:
        """Ranges that a retention record in the log accounts for, each record proven to be in it."""
        ranges: list[tuple[int, int]] = []
        for line in self._part("retirements.jsonl").splitlines():
            report = Report()
            leaf = _check_proof(json.loads(line), self._chain, (), report)
            content = json.loads(leaf)
            if not report.ok or content.get("kind") != "access" or content["detail"].get("act") != "retire":
                self.report.add("edited", "a retention record in the evidence is not in the log")
                continue
            ranges += [(int(low), int(high)) for low, high in content["detail"]["ranges"]]
        return ranges

    def _follow(self, key: VerifierKey) -> KeyChain:
        """The keys that follow from `key`; a rotation that is not proven ends them and is named."""
        lines = self._part("rotations.jsonl").splitlines() if "rotations.jsonl" in self._archive.namelist() else []
        return _followed(key, [json.loads(line) for line in lines], self.report)

    def _own_key(self) -> VerifierKey:
        self.report.warnings.append(
            "the key comes from the evidence itself: compare it with one you got elsewhere, or give --key"
        )
        for line in self._part("keys.txt").decode().splitlines():
            key = VerifierKey.parse(line)
            if key.name == self.report.origin:
                return key
        raise NotEvidence("The evidence names no key of its log.")

    def _part(self, name: str) -> bytes:
        if self._archive.getinfo(name).file_size > MAX_PART_BYTES:
            raise NotEvidence(f"{name} is bigger than {MAX_PART_BYTES} bytes.")
        return self._archive.read(name)

    def _lines(self) -> Iterator[bytes]:
        with self._archive.open("records.jsonl") as file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line[:-1] if line.endswith(b"\n") else line

    def _line(self, index: int) -> bytes | None:
        """One line again; only used once something is wrong."""
        for at, line in enumerate(self._lines(), self._first):
            if at == index:
                return line
        return None


def _followed(key: VerifierKey, rotations: Sequence[dict[str, Any]], report: Report) -> KeyChain:
    chain = KeyChain.from_pinned(key, rotations)
    if chain.broken is not None:
        index, why = chain.broken
        report.add("bad key", f"a change of the log's key: {why}", index)
    return chain


def _committed(note: str) -> int | None:
    """The last record that a checkpoint claims to commit to."""
    return open_size(note) - 1 if open_size(note) else None


def open_size(note: str) -> int:
    """The size that a note claims, signed or not; 0 if it can't be read."""
    try:
        return Checkpoint.parse(Note.parse(note).text).size
    except BadNote:
        return 0


def _published_tile(log: Path, index: int) -> bytes:
    full = log / tile_path(0, index)
    if full.exists():
        return full.read_bytes()
    partial = full.with_name(full.name + ".p")
    widths = [int(p.name) for p in partial.glob("*") if p.name.isdecimal()]
    return (partial / str(max(widths))).read_bytes() if widths else b""


def _verify_proof(path: Path, key: VerifierKey | None, witnesses: Sequence[VerifierKey]) -> Report:
    try:
        proof = json.loads(path.read_bytes())
        if not isinstance(proof, dict) or cast("dict[str, Any]", proof).get("format") != PROOF_FORMAT:
            raise NotEvidence(f"{path} is neither an evidence file nor a proof.")
        report = Report()
        given = cast("dict[str, Any]", proof)
        if key is None:
            key = VerifierKey.parse(given.get("first_key") or given["key"])
            report.warnings.append("the key comes from the proof itself: compare it, or give --key")
        report.key = str(key)
        chain = _followed(key, given.get("rotations", []), report)
        report.rotations = len(chain.announced)
        _check_proof(given, chain, witnesses, report)
    except (KeyError, ValueError, TypeError, UnicodeDecodeError, OSError) as error:
        raise NotEvidence(f"{path}: {error}") from error
    return report


def _check_proof(proof: dict[str, Any], chain: KeyChain, witnesses: Sequence[VerifierKey], report: Report) -> bytes:
    """Check one record's inclusion proof into `report`; returns its leaf bytes."""
    leaf = b64decode(proof["leaf"], validate=True)
    index = int(proof["index"])
    report.first, report.end, report.present, report.checkpoints = index, index + 1, 1, 1
    try:
        checkpoint = chain.open(proof["checkpoint"])
    except BadNote as error:
        report.add("bad signature", str(error), index)
        return leaf
    report.origin = checkpoint.origin
    note = Note.parse(proof["checkpoint"])
    report.witnesses = {witness.name for witness in witnesses if note.signed_by(witness)}
    path = [bytes.fromhex(hash_) for hash_ in proof["path"]]
    if not verify_inclusion(leaf_hash(leaf), index, checkpoint.size, path, checkpoint.root):
        report.add("edited", f"record {index} is not what was signed: {_shown(leaf)}", index)
    return leaf


def _shown(line: bytes) -> str:
    """A record's own id, or its beginning."""
    try:
        content = json.loads(line)
        return str(cast("dict[str, Any]", content)["id"])
    except (ValueError, KeyError, TypeError):
        return repr(line[:60])


def _key(text: str) -> VerifierKey:
    path = Path(text)
    return VerifierKey.parse(path.read_text() if "+" not in text or path.exists() else text)


def _notes(path: str) -> list[str]:
    """Checkpoints of a file: one note, or JSON lines as the published history has them."""
    text = Path(path).read_text(encoding="utf-8")
    return [json.loads(line)["note"] for line in text.splitlines() if line] if text.startswith("{") else [text]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="chargehand-verify", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("evidence", type=Path, help="evidence .zip, or the .json proof of one record")
    parser.add_argument("--key", help="the log's verifier key, or a file with it")
    parser.add_argument(
        "--checkpoint", action="append", default=[], help="a checkpoint kept elsewhere (note or .jsonl)"
    )
    parser.add_argument(
        "--witness", action="append", default=[], help="verifier key of a witness that must have cosigned"
    )
    parser.add_argument("--log", type=Path, help="a copy of the published log's folder")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    given = parser.parse_args(arguments)
    try:
        report = verify(
            given.evidence,
            key=_key(given.key) if given.key else None,
            checkpoints=[note for path in given.checkpoint for note in _notes(path)],
            witnesses=[_key(text) for text in given.witness],
            log=given.log,
        )
    except (NotEvidence, BadNote, OSError, ValueError, KeyError) as error:
        print(f"Not evidence: {error}", file=sys.stderr)  # noqa: T201  # a command line's output
        return 2
    if given.json:
        print(json.dumps(report.as_json(), indent=2))  # noqa: T201
    else:
        print("\n".join(report.lines()))  # noqa: T201
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
