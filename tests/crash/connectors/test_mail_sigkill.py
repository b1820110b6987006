"""kill -9 of the mail connector at every boundary of an SMTP session: one key is one mail, whatever the moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from chargehand import clock
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.service import pin_declared
from chargehand.errors import Ambiguous, ConnectorUnavailable
from chargehand_connectors import mail
from fixtures.processes import free_port, running

KEY = "k" * 64
MAIL = {"to": "fay@ostwind.example", "subject": "Refund", "body": "Please note.", "reference": "SO-1042"}
PHASES = ["connected", "recipient", "sent, not arrived", "arrived, no reply", "replied"]


@asynccontextmanager
async def relay(smtp: int, kill_at: str, kill: Callable[[], None]) -> AsyncGenerator[int]:
    """An SMTP relay that kills the connector when the session reaches the phase; the first session only."""
    killed: list[str] = []

    def reach(phase: str) -> bool:
        if phase == kill_at and not killed:
            killed.append(phase)
            kill()
            return True
        return False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", smtp)
        body_sent = asyncio.Event()

        async def back() -> None:
            while chunk := await far_reader.read(65536):
                if body_sent.is_set() and reach("arrived, no reply"):
                    return
                writer.write(chunk)
                if body_sent.is_set():
                    reach("replied")

        backward = asyncio.create_task(back())
        reach("connected")
        seen = b""
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                seen += chunk
                if b"RCPT TO" in seen:
                    reach("recipient")
                if b"\r\n.\r\n" in seen:
                    if reach("sent, not arrived"):
                        break
                    body_sent.set()
                far_writer.write(chunk)
        far_writer.close()
        await asyncio.gather(backward, return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    assert killed == [kill_at]


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[int, str]]:
    smtp, http = free_port(), free_port()
    ports = ("--smtp-port", str(smtp), "--http-port", str(http), "--file", str(tmp_path / "mails.db"))
    url = f"http://127.0.0.1:{http}"
    with running("-m", "chargehand_connectors.demo.mailbox", *ports, ready=f"{url}/health"):
        yield smtp, url


@pytest.fixture
async def pool(tmp_path: Path, mailbox: tuple[int, str], phase: str) -> AsyncIterator[ConnectorPool]:
    def kill() -> None:
        link = made._slots["mail"].link
        assert link is not None
        assert link.pid is not None
        os.kill(link.pid, signal.SIGKILL)

    pin_declared(tmp_path / "policies", mail.connector)
    async with relay(mailbox[0], phase, kill) as port:
        variables = {
            "CHARGEHAND_MAIL_SMTP_HOST": "127.0.0.1",
            "CHARGEHAND_MAIL_SMTP_PORT": str(port),
            "CHARGEHAND_MAIL_SMTP_TLS": "none",
            "CHARGEHAND_MAIL_FROM": "service@ostwind.example",
            "CHARGEHAND_MAIL_LOOKUP_URL": mailbox[1],
            "CHARGEHAND_MAIL_STATE": str(tmp_path / "sent.db"),
        }
        made = ConnectorPool([mail.connector], PinBook(tmp_path / "policies"), environment=variables)
        yield made
        await made.close()


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
async def test_one_key_is_one_mail(pool: ConnectorPool, mailbox: tuple[int, str], phase: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                result = await pool.call("mail.send", MAIL, key=KEY, deadline=clock.now() + timedelta(seconds=2))
            except (Ambiguous, ConnectorUnavailable):
                await asyncio.sleep(0.2)
                continue
            if result.succeeded:
                break
    arrived = httpx.get(f"{mailbox[1]}/api/messages", trust_env=False).json()["messages"]  # noqa: ASYNC210
    assert len(arrived) == 1
    assert result.value is not None
    assert arrived[0]["message_id"] == result.value["message_id"]
    for _ in range(2):
        again = await pool.call("mail.send", MAIL, key=KEY, deadline=clock.now() + timedelta(seconds=5))
        assert again.value == result.value
