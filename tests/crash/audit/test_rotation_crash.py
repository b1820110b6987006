"""A rotation of the log's key dies at every step, and what runs next finishes it: one new key, one gap-free chain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargehand.audit import integrator as integrator_module
from chargehand.audit import keys, rotation
from chargehand.audit import published as published_module
from chargehand.audit.chain import is_announcement
from chargehand.audit.integrator import Integrator
from chargehand.audit.keys import SigningKeys
from chargehand.audit.model import Who
from chargehand.audit.published import PublishedLog
from chargehand.audit.verifier import verify
from fixtures.audit import ActionLog

OPERATOR = Who(principal="service:operator.test", signed_in_by="local")


class Crash(BaseException):
    """The process is gone: nothing may catch this."""


def crash(patch: pytest.MonkeyPatch, owner: Any, name: str, call: int, *, after: bool = False) -> None:
    """Let the process die just before, or just after, the `call`-th call of a function."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != call:
            return original(*args, **kwargs)
        if after:
            original(*args, **kwargs)
        raise Crash(name)

    patch.setattr(owner, name, wrapped)


def checked(log: ActionLog, first: Any, tmp_path: Path, *, announced: int) -> None:
    """Two more ticks with records between them: everything is signed by the new key, and it follows from the first."""
    log.add(3)
    log.sign()
    log.add(3)
    log.sign()
    chain = log.prover.chain
    assert chain.announced == {announced}
    assert log.key == chain.tip != first
    assert not (log.state / "keys" / keys.NEXT_KEY).exists()
    for _, note in PublishedLog(log.folder).history():
        chain.open(note)
    log.prover.write(tmp_path / "evidence.zip")
    report = verify(tmp_path / "evidence.zip", key=first)
    assert report.ok, report.problems
    assert sum(is_announcement(bytes(leaf)) for (leaf,) in log.sql("SELECT leaf FROM audit_leaf").all()) == 1


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (keys, "load_or_create", False),
        (rotation, "announce_everywhere", False),
        (rotation, "announce_everywhere", True),
    ],
)
def test_the_one_who_rotates_dies(sqlite_log: ActionLog, tmp_path: Path, owner: Any, name: str, after: bool) -> None:
    sqlite_log.add(20)
    sqlite_log.sign()
    first = sqlite_log.key
    with pytest.MonkeyPatch.context() as patch:
        crash(patch, owner, name, 1, after=after)
        with pytest.raises(Crash):
            rotation.rotate(sqlite_log.db, sqlite_log.state, who=OPERATOR, reason="yearly")
    sqlite_log.add(2)
    sqlite_log.sign()  # the platform runs on before anybody notices
    if sqlite_log.prover.chain.announced:
        checked(sqlite_log, first, tmp_path, announced=20)
        return
    assert sqlite_log.key == first
    rotation.rotate(sqlite_log.db, sqlite_log.state, who=OPERATOR, reason="again")
    checked(sqlite_log, first, tmp_path, announced=22)


def test_the_one_who_rotates_dies_inside_the_transaction(action_log: ActionLog, tmp_path: Path) -> None:
    """A real process, gone after the announcement was written and before it is durable: nothing was announced."""
    action_log.add(20)
    action_log.sign()
    first = action_log.key
    program = (
        "import os, sys; from pathlib import Path\n"
        "from chargehand.audit import log, rotation\n"
        "from chargehand.audit.model import Who\n"
        "from chargehand.database import Database\n"
        "flush = log._flush\n"
        "def die(connection, entries): flush(connection, entries); os._exit(9)\n"
        "log._flush = die\n"
        "rotation.rotate(Database(sys.argv[1]), Path(sys.argv[2]), who=Who(principal='service:x'), reason='yearly')\n"
    )
    command = [sys.executable, "-c", program, action_log.db.url, str(action_log.state)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    action_log.add(2)
    action_log.sign()
    assert action_log.key == first
    rotation.rotate(action_log.db, action_log.state, who=OPERATOR, reason="again")
    checked(action_log, first, tmp_path, announced=22)


STEPS = [
    *((integrator_module, "sign", call) for call in (1, 2)),
    *((PublishedLog, "publish", call) for call in (1, 2)),
    *((PublishedLog, "remember", call) for call in (1, 2)),
    *((Integrator, "_copy", call) for call in (1, 2)),
    (integrator_module, "proof_of", 1),
    (PublishedLog, "publish_rotations", 1),
    (published_module, "write_durably", 1),
    (published_module, "write_durably", 2),
    (published_module, "write_durably", 3),
    (published_module, "sync_folder", 2),
    (Integrator, "_finish_rotation", 1),
    (SigningKeys, "promote", 1),
]


@pytest.mark.parametrize(("after", "more"), [(False, 0), (False, 7), (True, 7)])
@pytest.mark.parametrize(("owner", "name", "call"), STEPS, ids=[f"{name}-{call}" for _, name, call in STEPS])
def test_the_integrator_dies_between_announcement_and_new_signature(
    sqlite_log: ActionLog, tmp_path: Path, owner: Any, name: str, call: int, after: bool, more: int
) -> None:
    sqlite_log.add(20)
    sqlite_log.sign()
    first = sqlite_log.key
    rotation.rotate(sqlite_log.db, sqlite_log.state, who=OPERATOR, reason="yearly")
    if more:
        sqlite_log.add(more)
    with pytest.MonkeyPatch.context() as patch:
        crash(patch, owner, name, call, after=after)
        try:
            sqlite_log.sign()
        except Crash:
            pass
        else:
            assert not more, "the step was never reached"
    checked(sqlite_log, first, tmp_path, announced=20)


def test_a_killed_integrator_process_leaves_a_rotation_that_the_next_one_finishes(
    action_log: ActionLog, tmp_path: Path
) -> None:
    """Real processes, killed while they sign and while keys change; every other one may finish."""
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from chargehand.audit.integrator import Integrator\n"
        "from chargehand.database import Database\n"
        "db = Database(sys.argv[1]); it = Integrator(db, Path(sys.argv[2]), interval_seconds=0.0)\n"
        "print('up', flush=True)\n"
        "asyncio.run(it.run(asyncio.Event()))\n"
    )
    action_log.add(20)
    action_log.sign()
    first, rotations = action_log.key, 0
    for round_ in range(5):
        command = [sys.executable, "-c", program, action_log.db.url, str(action_log.state)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        try:
            rotation.rotate(action_log.db, action_log.state, who=OPERATOR, reason=f"round {round_}")
            rotations += 1
        except rotation.Conflict:  # the last one was killed before it was finished
            pass
        until = time.monotonic() + (20 if round_ % 2 else 0.01 * round_)
        while time.monotonic() < until and (action_log.state / "keys" / keys.NEXT_KEY).exists():
            action_log.add(5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
    until = time.monotonic() + 20
    while (action_log.state / "keys" / keys.NEXT_KEY).exists() and time.monotonic() < until:
        last = Integrator(action_log.db, action_log.state)  # PostgreSQL may take a moment to drop a dead one's lock
        last.tick()
        last.close()
    assert len(action_log.prover.chain.announced) == rotations
    assert rotations > 2
    action_log.prover.write(tmp_path / "evidence.zip")
    report = verify(tmp_path / "evidence.zip", key=first)
    assert report.ok, report.problems
