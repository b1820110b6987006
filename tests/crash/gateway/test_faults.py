"""Thousands of governed calls under random faults: nothing doubled, nothing lost, and what nobody knows is in doubt.

Gateway processes are killed and started again, connectors are killed (by us and by themselves), answers are late, lost
and doubled, and the log can't be written for a while. What happened is read from the connectors' own books.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chargehand.audit import leaf, log
from chargehand.connectors.definition import declared
from chargehand.connectors.pins import make_pin, write_pins
from chargehand.database import Database
from crash.gateway.fault_worker import call_number
from fixtures.connector_servers import load

WORKER = Path(__file__).parent / "fault_worker.py"
OUTAGE_SECONDS = 0.5


@dataclass
class Installation:
    folder: Path
    seed: int
    calls: int
    process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        db = Database(f"sqlite:///{self.folder}/gateway.db")
        db.create_schema()
        log.initialise(db)
        db.close()
        for connector in load("faulty").CONNECTORS.values():
            pins = [
                make_pin(review, declared(tool))
                for review, tool in zip(connector.reviews, connector.tools, strict=True)
            ]
            write_pins(self.folder, connector, pins)
        (self.folder / "answers.txt").touch()

    def start(self) -> None:
        command = [sys.executable, str(WORKER), str(self.folder), str(self.seed), str(self.calls)]
        with (self.folder / "worker.log").open("ab") as words:
            self.process = subprocess.Popen(command, stderr=words, stdout=words)

    def answers(self) -> list[tuple[int, str]]:
        lines = (self.folder / "answers.txt").read_text().splitlines()
        return [(int(number), state) for number, state in (line.split() for line in lines)]

    def kill_gateway(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.start()

    def kill_connector(self, random: Random) -> None:
        assert self.process is not None
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(int(random.choice(children)), signal.SIGKILL)
        except (OSError, IndexError):
            return  # it has none at this moment

    def silence_the_log(self, words: str) -> None:
        state = sqlite3.connect(self.folder / "gateway.db", timeout=30, isolation_level=None)
        state.execute("UPDATE audit_head SET halted = ?", (words,))
        state.close()

    def outage(self) -> None:
        self.silence_the_log("the test's outage")
        time.sleep(OUTAGE_SECONDS)  # the length of the fault, not a wait for something
        self.silence_the_log("")

    def run(self, faults: int, seconds: float) -> None:
        """All calls, with `faults` of each kind spread over them."""
        random = Random(self.seed)
        acts: list[Callable[[], None]] = [self.kill_gateway, lambda: self.kill_connector(random), self.outage]
        due = sorted(
            ((random.randrange(self.calls), random.random(), act) for act in acts for _ in range(faults)),
            key=lambda each: each[:2],
        )
        until = time.monotonic() + seconds
        self.start()
        try:
            while True:
                assert self.process is not None
                done = len({number for number, _ in self.answers()})
                while due and due[0][0] <= done:
                    due.pop(0)[2]()
                code = self.process.poll()
                if code is not None:
                    assert code == 0, (self.folder / "worker.log").read_text()[-3000:]
                    return
                assert time.monotonic() < until, f"{done} of {self.calls} calls have an answer"
                time.sleep(0.05)
        finally:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def rows(self, database: str, query: str) -> list[Any]:
        connection = sqlite3.connect(self.folder / f"{database}.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def _check(installation: Installation) -> dict[str, Any]:
    faulty = load("faulty")
    calls = {n: call_number(n, installation.seed) for n in range(installation.calls)}
    told: defaultdict[int, set[str]] = defaultdict(set)
    for number, state in installation.answers():
        told[number].add(state)
    effects: Counter[str] = Counter()
    fates: defaultdict[str, list[str]] = defaultdict(list)
    for books in faulty.CONNECTORS:
        effects.update(key for (key,) in installation.rows(books, "SELECT key FROM effect"))
        for key, _, fate in installation.rows(books, "SELECT key, tool, fate FROM arrival"):
            fates[key].append(fate)
    leaves = installation.rows("gateway", "SELECT seq, leaf FROM audit_leaf ORDER BY seq")
    assert [seq for seq, _ in leaves] == list(range(len(leaves))), "a gap in the log"
    records = [leaf.decode(bytes(each)) for _, each in leaves]
    intents = Counter(record.call_key for record in records if record.kind == "intent")
    ends = Counter(
        record.call_key
        for record in records
        if record.kind == "outcome" and record.outcome in ("succeeded", "failed", "denied", "in_doubt")
    )
    doubled, lost, wrong, surprises = [], [], [], []
    for number, call in calls.items():
        states, count = told[number], effects[call.key]
        assert len(states) == 1, (number, states, "not one answer")
        (state,) = states
        assert ends[call.key] == 1, (number, ends[call.key], "the log does not tell one end")
        assert intents[call.key] > 0 or count == 0, (number, "an effect without an intent")
        if count > 1:
            doubled.append(number)
        if state == "succeeded" and count == 0 and call.tool != "counting.total":
            lost.append(number)
        if state in ("failed", "denied") and count:
            wrong.append(number)
        unknown = call.tool == "counting.add" and set(fates[call.key]) & set(faulty.UNANSWERED)
        # What can be looked up may be in doubt too: where the connector was down when it was asked.
        if (unknown and state != "in_doubt") or (state == "in_doubt" and not call.tool.startswith("counting.add")):
            surprises.append((number, call.tool, state, fates[call.key]))
    assert (doubled, lost, wrong, surprises) == ([], [], [], [])
    return {
        "calls": len(calls),
        "outcomes": dict(Counter(state for states in told.values() for state in states)),
        "effects": effects.total(),
        "arrivals": sum(len(each) for each in fates.values()),
        "fates": dict(Counter(fate for each in fates.values() for fate in each if fate != "fine")),
        "intents": intents.total(),
        "records": len(records),
    }


@pytest.mark.parametrize(
    ("calls", "faults", "seconds"),
    [
        pytest.param(250, 1, 120, id="short"),
        pytest.param(10_000, 20, 1500, id="full", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_random_faults_double_and_lose_nothing(tmp_path: Path, calls: int, faults: int, seconds: float) -> None:
    seed = int(os.environ.get("CHARGEHAND_FAULTS_SEED", "2026"))
    installation = Installation(tmp_path, seed, calls)
    installation.prepare()
    began = time.monotonic()
    installation.run(faults, seconds)
    found = _check(installation)
    print(f"seed {seed}, {time.monotonic() - began:.0f} s, {faults} of each outer fault: {found}")
    assert sum(found["fates"].values()) > 0
    assert found["outcomes"].get("in_doubt", 0) > 0
