"""The keeper signs, has cosigned and streams, and outlives trouble."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from chargehand.audit import keeper
from chargehand.audit.witness_server import WitnessServer, WitnessState
from chargehand.errors import AuditUnavailable, BadSettings
from chargehand.settings import Settings
from fixtures.audit import ActionLog


class Sink(socketserver.StreamRequestHandler):
    received: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        while data := self.request.recv(65_536):
            self.received.append(data)


async def test_a_kept_log_is_signed_cosigned_and_streamed(
    sqlite_log: ActionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "INTERVAL_SECONDS", 0.02)
    Sink.received.clear()
    sqlite_log.add(3)
    state = WitnessState("witness.example", tmp_path / "witness", [sqlite_log.key])
    with WitnessServer(state) as witness, socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as siem:
        siem.daemon_threads = True
        for server in (witness, siem):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        given = Settings(
            state_dir=sqlite_log.state,
            witnesses=f"{witness.url} {state.key};",
            siem_url=f"syslog+tcp://127.0.0.1:{siem.server_address[1]}",
        )  # pyright: ignore[reportCallIssue]  # the other fields come from the environment
        stop = asyncio.Event()
        task = asyncio.create_task(keeper.keep(sqlite_log.db, given, stop))
        async with asyncio.timeout(20):
            while not (_cosigned(sqlite_log) and b'seq="2"' in b"".join(Sink.received)):
                assert not task.done()
                await asyncio.sleep(0.02)
            stop.set()
            await task
        for server in (witness, siem):
            server.shutdown()


def _cosigned(log: ActionLog) -> bool:
    try:
        return log.prover.newest().cosigned_by == ("witness.example",)
    except AuditUnavailable:
        return False


async def test_an_unreadable_witness_stops_the_start(sqlite_log: ActionLog) -> None:
    given = Settings(state_dir=sqlite_log.state, witnesses="https://w.example nonsense")  # pyright: ignore[reportCallIssue]
    with pytest.raises(BadSettings, match="CHARGEHAND_WITNESSES"):
        await keeper.keep(sqlite_log.db, given, asyncio.Event())
