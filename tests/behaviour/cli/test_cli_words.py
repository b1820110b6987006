"""Words of models on the command line: as they come, whole lines where nobody looks, none lost, none twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargehand import clock
from chargehand.cli.client import Api
from chargehand.cli.words import Words
from chargehand.database import Database
from chargehand.runs import store, text_store
from chargehand.runs.text_store import Call
from chargehand.runs.text_store import Words as Kept
from chargehand.runs.views import RunTextView
from fixtures.cli import PASSWORD, Command, Server, start, stop

LINES = ["Dear Li,\n", "your ", "order is on its way.\nYours,\n", "Amy [bold]"]


def say(text: str, *, position: int = 1, attempt: int = 1, left_out: int = 0) -> RunTextView:
    return RunTextView(
        run="run_1", at=clock.now(), position=position, attempt=attempt, step=f"node{position}",
        offset=0, text=text, left_out=left_out,
    )  # fmt: skip


def test_elsewhere_than_on_a_terminal_lines_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    words = Words(live=False)
    for text in LINES:
        words.hear(say(text))
        words.hear(say("x", position=2))
    words.end()
    assert capsys.readouterr().out.splitlines() == [
        "  node1: Dear Li,", "  node1: your order is on its way.", "  node1: Yours,", "  node1: Amy [bold]",
        "  node2: xxxx",
    ]  # fmt: skip


def test_on_a_terminal_they_come_at_once_and_calls_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    words = Words(live=True)
    words.hear(say("Dear "))
    assert capsys.readouterr().out == "  node1: Dear "
    words.hear(say("Li\nyour"))
    words.hear(say("other", position=2))
    words.hear(say(" order\x1b[2J"))
    words.end()
    assert capsys.readouterr().out == "Li\n  node1: your\n  node2: other\n  node1:  order�[2J\n"


def test_a_new_attempt_says_so_and_what_is_hidden_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = Words(live=False)
    words.hear(say("Hel"))
    words.hear(say("Dear", attempt=2, left_out=7))
    words.hear(say("").model_copy(update={"text": None, "position": 3}))
    words.end()
    assert capsys.readouterr().out.splitlines() == [
        "  node1: Hel", "  node1: begins anew", "  node1: Dear", "  node1: … and 7 characters more",
    ]  # fmt: skip


def a_run(url: str) -> tuple[str, str]:
    """A run that waits to be begun, and a token of its person."""
    with httpx.Client(base_url=url, headers={"x-chargehand": "1"}) as client:
        client.post("/api/session", json={"name": "amy", "password": PASSWORD}).raise_for_status()
        token = str(client.post("/api/tokens", json={"name": "test"}).json()["secret"])
        body = {"agent": "complaint-resolution", "input": {"text": "broken"}}
        return client.post("/api/runs", json=body).raise_for_status().json()["id"], token


def tell(db: Database, run: str, seq: int, kind: str, data: dict[str, Any], state: str = "running") -> None:
    event = {"seq": seq, "at": clock.iso(clock.now()), "kind": kind, "step": "assess", "data": json.dumps(data)}

    def unit(tx: Any) -> None:
        store.add_events(tx, "demo", run, [event])
        store.stand(tx, run, seq=seq, state=state, waiting="[]")
        if state == "succeeded":
            store.set_state(tx, run, state, of=("running",), ended_at=clock.iso(clock.now()))

    db.write_now(unit)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_finished_answer_is_printed_whole(server: Server, signed_in: Callable[[str], Command], as_json: bool) -> None:
    run, _ = a_run(server.url)
    db = Database(f"sqlite:///{server.database}")
    call = Call("demo", run, 1, "assess", 1)
    tell(db, run, 1, "model.asked", {"tier": "light", "position": 1})
    end = db.write_now(lambda tx: text_store.begin(tx, call, Kept(LINES[0])))
    for line in LINES[1:]:
        assert end is not None
        end = db.write_now(lambda tx, end=end, line=line: text_store.go_on(tx, call, end, Kept(line)))
    tell(db, run, 2, "model.answered", {"position": 1, "tokens_in": 1, "tokens_out": 2, "model": "tiny"})
    tell(db, run, 3, "run.succeeded", {}, "succeeded")
    db.close()
    said = signed_in("amy")("run", "follow", run, *(["--json"] if as_json else []))
    assert said.code == 0
    if as_json:
        told = [json.loads(line) for line in said.out.splitlines() if line]
        assert [one["kind"] for one in told] == ["model.asked", *["model.text"] * 4, "model.answered", "run.succeeded"]
        assert "".join(one["text"] for one in told if one["kind"] == "model.text") == "".join(LINES)
        return
    lines = [line.strip() for line in said.out.splitlines()]
    asked = next(index for index, line in enumerate(lines) if "Asks a language model" in line)
    assert lines[asked + 1 : asked + 4] == ["assess: Dear Li,", "assess: your order is on its way.", "assess: Yours,"]
    assert "assess: Amy [bold]" in lines
    assert "order is on its way" in signed_in("amy")("run", "show", run).out


def test_an_api_that_is_killed_while_words_come_costs_no_word(tmp_path: Path) -> None:
    first = start(tmp_path)
    run, token = a_run(first.url)
    db = Database(f"sqlite:///{first.database}")
    heard: list[str] = []
    kinds: list[str] = []

    def follow() -> None:
        with Api(url=first.url, token=token) as api:
            for event in api.follow(f"/runs/{run}/events"):
                kinds.append(event.data["kind"])
                if event.name == "text":
                    assert event.data["offset"] == len("".join(heard))
                    heard.append(event.data["text"])

    tell(db, run, 1, "model.asked", {"tier": "light", "position": 1})
    call = Call("demo", run, 1, "assess", 1)
    end = db.write_now(lambda tx: text_store.begin(tx, call, Kept("0 ")))
    follower = threading.Thread(target=follow)
    follower.start()
    second = None
    try:
        for number in range(1, 40):
            assert end is not None
            words = Kept(f"{number} ")
            end = db.write_now(lambda tx, end=end, words=words: text_store.go_on(tx, call, end, words))
            if number == 15:
                until = time.monotonic() + 30
                while not heard:
                    assert time.monotonic() < until
                    time.sleep(0.05)
                first.process.send_signal(signal.SIGKILL)
                first.process.wait()
                second = subprocess.Popen(
                    [sys.executable, "-m", "chargehand.api"], env=_environment(tmp_path, first.url), cwd=tmp_path
                )
        tell(db, run, 2, "model.answered", {"position": 1})
        tell(db, run, 3, "run.succeeded", {}, "succeeded")
        follower.join(60)
        assert not follower.is_alive()
    finally:
        db.close()
        if second is not None:
            stop(second)
    assert "".join(heard) == "".join(f"{number} " for number in range(40))
    assert kinds == ["model.asked", *["model.text"] * 40, "model.answered", "run.succeeded"]


def _environment(folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "CHARGEHAND_STATE_DIR": str(folder),
        "CHARGEHAND_API_PORT": url.rpartition(":")[2],
        "CHARGEHAND_POLICIES_DIR": str(Path(__file__).parents[3] / "policies"),
    }
