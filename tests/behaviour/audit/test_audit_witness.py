"""A real witness over HTTP: cosigns what continues, refuses what does not, and never holds the log up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from chargehand.audit import keys
from chargehand.audit.format import Checkpoint, Note, sign
from chargehand.audit.model import Who
from chargehand.audit.rotation import rotate
from chargehand.audit.verifier import verify
from chargehand.audit.witness_server import Refused, WitnessServer, WitnessState
from chargehand.audit.witnesses import Witness
from fixtures.audit import ActionLog


@contextmanager
def serving(state: WitnessState) -> Iterator[WitnessServer]:
    server = WitnessServer(state)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_checkpoints_are_cosigned_and_the_verifier_asks_for_it(sqlite_log: ActionLog, tmp_path: Path) -> None:
    state = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    with serving(state) as server:
        for _ in range(3):  # each time a fresh client, which does not know what the witness has seen
            sqlite_log.add(40)
            sqlite_log.sign(witnesses=[Witness.parse(f"{server.url} {state.key}")])
            assert sqlite_log.prover.newest().cosigned_by == ("witness.example",)
    target = tmp_path / "evidence.zip"
    sqlite_log.prover.write(target, witnesses=[state.key])
    assert verify(target, key=sqlite_log.key, witnesses=[state.key]).witnesses == {"witness.example"}
    stranger = WitnessState("stranger.example", tmp_path / "stranger", []).key
    assert not verify(target, key=sqlite_log.key, witnesses=[stranger]).ok


def test_an_absent_witness_does_not_stop_the_log_and_cosigns_later(sqlite_log: ActionLog, tmp_path: Path) -> None:
    state = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    with serving(state) as server:
        url = server.url
    sqlite_log.add(5)
    away = Witness.parse(f"{url} {state.key}")
    sqlite_log.sign(witnesses=[away])
    assert sqlite_log.prover.newest().cosigned_by == ()
    with serving(state) as server:
        sqlite_log.sign(witnesses=[Witness.parse(f"{server.url} {state.key}")])
    assert sqlite_log.prover.newest().cosigned_by == ("witness.example",)


def request(old: int, note: str, proof: str = "") -> bytes:
    return f"old {old}\n{proof}\n{note}".encode()


def test_a_witness_refuses_another_history(sqlite_log: ActionLog, tmp_path: Path) -> None:
    private = keys.load_or_create(sqlite_log.state / "keys" / keys.LOG_KEY)
    name = sqlite_log.key.name

    def note(size: int, root: bytes) -> str:
        text = Checkpoint(name, size, root).text()
        return str(Note(text, (sign(private, name, text),)))

    state = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    with serving(state) as server, httpx.Client(trust_env=False) as client:
        where = f"{server.url}/add-checkpoint"
        first = note(5, b"\x01" * 32)
        assert client.post(where, content=request(0, first)).status_code == 200
        answers = {
            "again": client.post(where, content=request(5, first)),
            "other root": client.post(where, content=request(5, note(5, b"\x02" * 32))),
            "wrong old": client.post(where, content=request(3, note(6, b"\x03" * 32))),
            "no proof": client.post(where, content=request(5, note(9, b"\x03" * 32))),
            "bad proof": client.post(where, content=request(5, note(9, b"\x03" * 32), "A" * 43 + "=\n")),
            "smaller": client.post(where, content=request(5, note(4, b"\x03" * 32))),
            "unsigned": client.post(where, content=request(5, first.replace("\n5\n", "\n6\n"))),
            "stranger": client.post(where, content=request(0, first.replace(name, "other.example/x"))),
            "nonsense": client.post(where, content=b"hello"),
            "too big": client.post(where, content=b"x" * 70_000),
        }
        assert {what: answer.status_code for what, answer in answers.items()} == {
            "again": 200, "other root": 409, "wrong old": 409, "no proof": 422, "bad proof": 422, "smaller": 400,
            "unsigned": 403, "stranger": 404, "nonsense": 400, "too big": 413,
        }  # fmt: skip
        assert answers["wrong old"].text == "5\n"
        assert answers["wrong old"].headers["content-type"] == "text/x.tlog.size"
    reopened = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    with pytest.raises(Exception, match="5"):
        reopened.add_checkpoint(request(0, note(7, b"\x04" * 32)).decode())


def test_a_witness_follows_the_log_to_its_new_key_also_when_it_was_away(sqlite_log: ActionLog, tmp_path: Path) -> None:
    first, folder = sqlite_log.key, tmp_path / "witness"
    sqlite_log.add(5)
    state = WitnessState("witness.example", folder, [first])
    with serving(state) as server:
        sqlite_log.sign(witnesses=[Witness.parse(f"{server.url} {state.key}")])
    operator = Who(principal="service:operator.test")
    for reason in ("while it is away", "and again"):
        rotate(sqlite_log.db, sqlite_log.state, who=operator, reason=reason)
        sqlite_log.add(3)
        sqlite_log.sign()
    reopened = WitnessState("witness.example", folder, [first])
    with serving(reopened) as server:
        sqlite_log.sign(witnesses=[Witness.parse(f"{server.url} {state.key}")])
    assert sqlite_log.prover.newest().cosigned_by == ("witness.example",)
    again = WitnessState("witness.example", folder, [first])
    with serving(again) as server:
        sqlite_log.add(1)
        sqlite_log.sign(witnesses=[Witness.parse(f"{server.url} {state.key}")])
    assert sqlite_log.prover.newest().cosigned_by == ("witness.example",)
    target = tmp_path / "evidence.zip"
    sqlite_log.prover.write(target, witnesses=[state.key])
    assert verify(target, key=first, witnesses=[state.key]).ok


def test_a_witness_follows_no_key_that_the_one_before_did_not_announce(sqlite_log: ActionLog, tmp_path: Path) -> None:
    sqlite_log.add(5)
    sqlite_log.sign()
    state = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    rotate(sqlite_log.db, sqlite_log.state, who=Who(principal="service:operator.test"), reason="yearly")
    sqlite_log.sign()
    rotation = sqlite_log.prover.rotations()[0]
    for wrong in ({**rotation, "index": 4, "size": 5}, {**rotation, "path": []}, {**rotation, "leaf": "e30="}):
        with pytest.raises(Refused) as refused:
            state.add_key(json.dumps(wrong))
        assert refused.value.status == 403
    for nonsense in ("", "{}", "[]", json.dumps({"checkpoint": 5})):
        with pytest.raises(Refused) as refused:
            state.add_key(nonsense)
        assert refused.value.status == 400
    assert state.add_key(json.dumps(rotation)) == "followed\n"
    assert state.add_key(json.dumps(rotation)) == "known\n"
