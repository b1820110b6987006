"""A run that does not move says why, where, and what a person may do; and stops saying so when it moves again.

On Temporal's real dev server with worker processes of their own. How long a run must be quiet is shortened.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock
from chargehand.agents.catalog import AgentCatalog
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.runs import evidence, lookout, store
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.client import connect
from chargehand.runs.lookout import Lookout
from chargehand.runs.model import HeldUp
from chargehand.runs.rows import dumps
from chargehand.runs.service import connected
from chargehand.settings import Settings
from chargehand.worker.gateway import gateway_worker
from fixtures import busy_worker, release_worker
from fixtures.company import AMY, Here, company, until

pytestmark = pytest.mark.stack
QUIET = timedelta(seconds=6)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "QUIET", QUIET)
    monkeypatch.setattr(lookout, "QUIET", QUIET)
    monkeypatch.setattr(lookout, "AGAIN_SECONDS", 1.0)


class Watched:
    """A company whose runs somebody looks after."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.lookout = Lookout(here.db, connected(here.client), here.runs.agents)

    async def worker(self, name: str, program: object, *words: str, **more: str) -> None:
        command = [sys.executable, str(getattr(program, "__file__")), *words]  # noqa: B009  # any module
        self.here.spawn(name, command, **{"CHARGEHAND_RELEASE": "none", **more})

        async def serves() -> bool:
            assert self.here.processes[name].poll() is None, (self.here.folder / f"{name}.log").read_text()[-3000:]
            return (self.here.folder / f"{name}.ready").exists()

        await until(serves)

    async def finding(self, run: str, kind: str) -> HeldUp:
        found: list[HeldUp] = []

        async def told() -> bool:
            await self.lookout.look()
            held = (await self.here.runs.get(AMY, run)).held_up
            found[:] = [held] if held and held.kind == kind else []
            return bool(found)

        await until(told, 60)
        return found[0]

    async def starts(self, name: str, wait: str = "person") -> str:
        return await self.here.start(name, wait, clock.now() + timedelta(days=1))

    async def answers(self, run: str) -> None:
        (task,) = [one for one in await self.here.runs.tasks(AMY) if one.run == run]
        await self.here.runs.answer(AMY, task.id, "go")

    async def ends(self, *runs: str) -> None:
        async def ended() -> bool:
            return all([(await self.here.runs.get(AMY, run)).state == "succeeded" for run in runs])

        await until(ended, 120)
        assert [(await self.here.runs.get(AMY, run)).held_up for run in runs] == [None] * len(runs)


@asynccontextmanager
async def watched(folder: Path, *, gateway_worker_up: bool = True) -> AsyncGenerator[Watched]:
    async with company(folder, gateway_worker_up=gateway_worker_up) as here:
        yield Watched(here)


async def test_a_step_that_nobody_can_take_says_why(tmp_path: Path) -> None:
    """Each run waits for a person, is answered, and meets another worker that can't go on with it."""
    async with watched(tmp_path) as world:
        await world.worker("good", release_worker, "1")
        large = "a large name " * 500
        names = ("edited", "key", "agent", "computes", large)
        edited, key, agent, computes, part = [await world.starts(name) for name in names]
        runs = (edited, key, agent, computes, part)
        await until(lambda: world.here.waits(list(runs)))
        assert await world.lookout.look() <= lookout.IN_TURN, "runs that wait for people are not asked about"
        world.here.kill("good")

        await world.answers(edited)
        nobody = await world.finding(edited, "no_agents")
        assert (nobody.sentence, nobody.node) == ("No agents worker takes its next step.", "wait_1")
        assert "chargehand serve agents" in nobody.way_out

        await world.worker("edit", release_worker, "2")
        history = await world.finding(edited, "history")
        assert "does not fit the code" in history.sentence
        assert "version version-1" in history.way_out
        assert history.since > nobody.since
        world.here.kill("edit")

        other_key = tmp_path / "other.key"
        other_key.write_bytes(b"k" * 32)
        other_key.chmod(0o600)
        await world.answers(key)
        await world.worker("keyless", release_worker, "1", CHARGEHAND_PAYLOAD_KEY_FILE=str(other_key))
        assert "CHARGEHAND_PAYLOAD_KEY_FILE" in (await world.finding(key, "key")).way_out
        world.here.kill("keyless")

        await world.answers(agent)
        await world.worker("another", busy_worker, "other")
        assert "does not know its agent staged" in (await world.finding(agent, "unknown_agent")).sentence
        world.here.kill("another")

        await world.answers(computes)
        await world.worker("busy", busy_worker, "computes")
        computing = await world.finding(computes, "computing")
        assert "@io_node" in computing.way_out
        assert computing.line.startswith("fixtures.busy_worker.counts, line ")
        world.here.kill("busy")

        blobs = BlobFolder(Settings(state_dir=tmp_path).blobs)  # pyright: ignore[reportCallIssue]
        kept = blobs.root / part[-2:].lower() / part
        aside = tmp_path / "aside"
        kept.rename(aside)
        await world.answers(part)
        await world.worker("good", release_worker, "1")
        lost = await world.finding(part, "part")
        assert str(blobs.root) in lost.sentence
        assert "CHARGEHAND_BLOBS_DIR" in lost.way_out
        aside.rename(kept)
        await world.ends(*runs)


async def test_no_worker_of_its_release(tmp_path: Path) -> None:
    async with watched(tmp_path) as world:
        await world.here.release(1)
        old = await world.starts("old")
        await until(lambda: world.here.waits([old]))
        await world.here.release(2)
        newer = await world.starts("newer")
        await until(lambda: world.here.waits([newer]))
        world.here.kill("v1")
        await world.answers(old)
        held = await world.finding(old, "no_release")
        assert held.sentence == "No agents worker of its release v1 takes its next step."
        assert "CHARGEHAND_RELEASE=v1" in held.way_out
        assert (await world.here.runs.get(AMY, newer)).held_up is None
        assert [one.held_up for one in (await world.here.runs.list(AMY)).items] == [None, held]
        await world.here.release(1, again=True)
        await world.ends(old)


async def test_a_new_run_while_every_worker_of_the_current_release_is_down(tmp_path: Path) -> None:
    async with watched(tmp_path) as world:
        await world.here.release(1)
        world.here.kill("v1")
        run = await world.starts("first")
        held = await world.finding(run, "no_release")
        assert "release v1" in held.sentence
        stopped = await world.here.runs.stop(AMY, run, "Nobody is there.", hard=True)
        assert (stopped.state, stopped.held_up) == ("stopped", None)


async def test_a_thousand_runs_that_wait_are_not_asked_about(tmp_path: Path) -> None:
    """Until their wait is over: then they are, a few at a time. Temporal is a stand-in that knows no run."""
    db = Database(f"sqlite:///{tmp_path / 'x.db'}")
    db.create_schema()
    later, before = (clock.now() + timedelta(hours=n) for n in (1, -1))
    db.write_now(lambda tx: [_row(tx, n, later) for n in range(1000)] and None)
    client = NoRun()
    looks = Lookout(db, client.connect, AgentCatalog([]))
    assert max([await looks.look() for _ in range(25)]) == lookout.IN_TURN
    db.write_now(lambda tx: [_row(tx, n, before) for n in range(1000, 1100)] and None)
    client.asked.clear()
    for _ in range(30):
        assert await looks.look() <= lookout.ASKED
    assert len([run for run in client.asked if int(run[4:]) >= 1000]) >= 50
    db.close()


class NoRun:
    """A stand-in for Temporal's client: there is no such run."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect(self) -> Any:
        return self

    def get_workflow_handle(self, run: str) -> Any:
        self.asked.append(run)
        return self

    async def describe(self, **_: Any) -> Any:
        raise RPCError("There is none.", RPCStatusCode.NOT_FOUND, b"")


def _row(tx: Transaction, number: int, until: datetime) -> None:
    waits = {"kind": "timer", "id": "t", "sentence": "Waits", "node": "n", "since": iso(until), "until": iso(until)}
    row = store.RunRow(
        id=f"run_{number:026d}",
        tenant="demo",
        request_key=str(number),
        agent="a",
        agent_version="1",
        title="A",
        business_key="",
        state="waiting",
        principal="person:amy",
        chain="[]",
        signed_in_by="local",
        input="{}",
        waiting=dumps([waits]),
        created_at=iso(clock.now()),
    )
    store.insert_run(tx, row)


async def test_no_gateway_worker(tmp_path: Path) -> None:
    async with watched(tmp_path, gateway_worker_up=False) as world:
        await world.worker("good", release_worker, "1")
        run = await world.starts("first")
        held = await world.finding(run, "no_gateway")
        assert held.sentence == "No gateway worker does what it asks for (a tool call)."
        assert "chargehand serve gateway" in held.way_out

        other = tmp_path / "other.key"
        other.write_bytes(b"k" * 32)
        given = Settings(temporal_address=f"127.0.0.1:{world.here.port}", state_dir=tmp_path, payload_key_file=other)  # pyright: ignore[reportCallIssue]
        async with gateway_worker(await connect(given), world.here.activities):
            assert "decrypted" in (await world.finding(run, "key")).sentence

        world.here.kill("temporal")
        silent = await world.finding(run, "no_temporal")
        assert silent.sentence == "Temporal, which carries every run, does not answer."
        assert (await world.here.runs.list(AMY)).items[0].held_up == silent
