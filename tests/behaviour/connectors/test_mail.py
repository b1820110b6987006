"""The mail connector on a real SMTP server: a key is one mail, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import re
import smtplib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargehand.connectors.pool import ConnectorPool
from chargehand.errors import Ambiguous
from chargehand_connectors import mail
from fixtures.processes import free_port, running

InTime = Callable[..., datetime]
KEY = "k" * 64
MAIL = {"to": "fay@ostwind.example", "subject": "Refund SO-1042 · 退款", "body": "Please note.\nGrüße", "reference": ""}


class Mailbox:
    def __init__(self, smtp: int, http: str) -> None:
        self.smtp = smtp
        self.http = http

    def mails(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.http}/api/messages", trust_env=False).json()["messages"]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.http}{path}", trust_env=False)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    smtp, http = free_port(), free_port()
    ports = ("--smtp-port", str(smtp), "--http-port", str(http), "--file", str(tmp_path / "mails.db"))
    url = f"http://127.0.0.1:{http}"
    with running("-m", "chargehand_connectors.demo.mailbox", *ports, ready=f"{url}/health"):
        yield Mailbox(smtp, url)


def variables(folder: Path, smtp: int, lookup: str = "") -> dict[str, str]:
    return {
        "CHARGEHAND_MAIL_SMTP_HOST": "127.0.0.1",
        "CHARGEHAND_MAIL_SMTP_PORT": str(smtp),
        "CHARGEHAND_MAIL_SMTP_TLS": "none",
        "CHARGEHAND_MAIL_FROM": "service@ostwind.example",
        "CHARGEHAND_MAIL_LOOKUP_URL": lookup,
        "CHARGEHAND_MAIL_STATE": str(folder / "sent.db"),
    }


@asynccontextmanager
async def cut_before_reply(smtp: int) -> AsyncGenerator[tuple[int, list[int]]]:
    """A relay that lets a mail through, and cuts the connection instead of passing the server's reply on."""
    cuts: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", smtp)

        async def back() -> None:
            while chunk := await server_reader.read(65536):
                if sent_all and not cuts:
                    cuts.append(1)
                    break
                writer.write(chunk)
                await writer.drain()
            writer.close()

        sent_all: list[int] = []
        task = asyncio.create_task(back())
        seen = b""
        while chunk := await reader.read(65536):
            seen = (seen + chunk)[-200_000:]
            if b"\r\n.\r\n" in seen:
                sent_all.append(1)
            server_writer.write(chunk)
            await server_writer.drain()
        await task
        server_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], cuts


async def test_a_mail_arrives_and_a_person_can_read_it(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
    result = await pool.call("mail.send", MAIL, key=KEY, deadline=in_time())
    assert result.value is not None
    (arrived,) = mailbox.mails()
    assert arrived["message_id"] == result.value["message_id"]
    assert arrived["subject"] == MAIL["subject"]
    assert "Grüße" in mailbox.get(f"/api/messages/{arrived['id']}").json()["text"]
    assert "Grüße" in mailbox.get(f"/mails/{arrived['id']}").text


async def test_the_same_key_sends_once_also_after_a_restart(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    identifiers: set[str] = set()
    for _ in range(2):
        pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
        for _ in range(3):
            result = await pool.call("mail.send", MAIL, key=KEY, deadline=in_time())
            assert result.value is not None
            identifiers.add(result.value["message_id"])
        await pool.close()
    assert len(mailbox.mails()) == 1
    assert len(identifiers) == 1


async def test_many_attempts_at_once_under_one_key_send_once(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp, mailbox.http))
    deadline = in_time()
    calls = (pool.call("mail.send", MAIL, key=KEY, deadline=deadline) for _ in range(8))
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert any(not isinstance(end, BaseException) and end.succeeded for end in ends)
    assert all(isinstance(end, Ambiguous) or (not isinstance(end, BaseException) and end.succeeded) for end in ends)
    assert len(mailbox.mails()) == 1


async def test_a_lost_reply_is_looked_up_and_not_sent_again(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    async with cut_before_reply(mailbox.smtp) as (port, cuts):
        pool = pool_of(mail.connector, variables(tmp_path, port, mailbox.http))
        await pool.warm()
        with pytest.raises(Ambiguous):
            await pool.call("mail.send", MAIL, key=KEY, deadline=in_time(1))
        assert cuts
        assert len(mailbox.mails()) == 1
        with pytest.raises(Ambiguous, match="under way"):
            await pool.call("mail.send", MAIL, key=KEY, deadline=in_time(5))
        async with asyncio.timeout(20):
            while True:
                try:
                    result = await pool.call("mail.send", MAIL, key=KEY, deadline=in_time(5))
                    break
                except Ambiguous:
                    await asyncio.sleep(0.2)
        assert result.value is not None
        assert result.value["message_id"] == mailbox.mails()[0]["message_id"]
        found = await pool.call("mail.find_by_key", {"key": KEY}, key="l" * 64, deadline=in_time())
        assert found.value is not None
        assert found.value["found"] is True
    assert len(mailbox.mails()) == 1


async def test_a_lost_reply_without_a_mailbox_to_search_stays_unknown(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    async with cut_before_reply(mailbox.smtp) as (port, _):
        pool = pool_of(mail.connector, variables(tmp_path, port))
        await pool.warm()
        with pytest.raises(Ambiguous):
            await pool.call("mail.send", MAIL, key=KEY, deadline=in_time(1))
        async with asyncio.timeout(20):
            while True:
                with pytest.raises(Ambiguous) as refused:
                    await pool.call("mail.send", MAIL, key=KEY, deadline=in_time(5))
                if "mailbox" in str(refused.value):
                    break
                await asyncio.sleep(0.2)
    assert len(mailbox.mails()) == 1


async def test_a_mail_server_that_is_not_there_sends_nothing_and_the_next_attempt_does(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    away = pool_of(mail.connector, variables(tmp_path, free_port()))
    result = await away.call("mail.send", MAIL, key=KEY, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == "retryable"
    back = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
    assert (await back.call("mail.send", MAIL, key=KEY, deadline=in_time())).succeeded
    assert len(mailbox.mails()) == 1


async def test_one_key_for_two_mails_is_refused(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
    await pool.call("mail.send", MAIL, key=KEY, deadline=in_time())
    other = await pool.call("mail.send", {**MAIL, "to": "eve@example.org"}, key=KEY, deadline=in_time())
    assert other.failure is not None
    assert other.failure.kind == "duplicate"
    assert len(mailbox.mails()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"to": "fay@example.org, eve@example.org"},
        {"to": "fay@example.org\r\nBcc: eve@example.org"},
        {"to": "Fay <fay@example.org>"},
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"subject": ""},
        {"reference": "x\r\nBcc: eve@example.org"},
        {"body": "x" * 20_001},
    ],
)
async def test_no_header_and_no_second_recipient_can_be_smuggled_in(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime, change: dict[str, str]
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
    result = await pool.call("mail.send", {**MAIL, **change}, key=KEY, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == "invalid"
    assert mailbox.mails() == []


async def test_the_mailbox_page_shows_hostile_mail_as_text(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp))
    hostile = {**MAIL, "subject": "<script>alert(1)</script>", "body": "<img src=x onerror=alert(1)></pre><h1>hi</h1>"}
    await pool.call("mail.send", hostile, key=KEY, deadline=in_time())
    for path in ("/", f"/mails/{mailbox.mails()[0]['id']}"):
        page = mailbox.get(path)
        assert not re.search(r"<(script|img|h1>hi)", page.text)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


def receive(mailbox: Mailbox, to: str, subject: str, text: str, **headers: str) -> None:
    """A mail from a customer's own mail program."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "kim@customer.example", to, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", mailbox.smtp) as client:
        client.send_message(message)


async def test_new_mail_is_read_page_by_page_and_each_once(
    pool_of: Callable[..., ConnectorPool], mailbox: Mailbox, tmp_path: Path, in_time: InTime
) -> None:
    pool = pool_of(mail.connector, variables(tmp_path, mailbox.smtp, mailbox.http))
    here, other = "complaints@ostwind.example", "x-complaints@ostwind.example"

    async def read(after: str, limit: int = 2) -> tuple[list[str], str]:
        found = await pool.call(
            "mail.list_new", {"to": here, "after": after, "limit": limit}, key=KEY, deadline=in_time()
        )
        assert found.value is not None, found.failure
        return [one["subject"] for one in found.value["messages"]], found.value["cursor"]

    assert await read("") == ([], "0")
    receive(mailbox, here, "first", "Order SO-1042, not so-9; again SO-1042 and RE-77.", Message_ID="<1@c.example>")
    assert await read("end") == ([], "1")
    receive(mailbox, other, "somebody else's", "x")
    for subject in ("second", "third", "fourth"):
        receive(mailbox, here, subject, "x")
    receive(mailbox, here, "I am out of office", "x", Auto_Submitted="auto-replied")
    seen: list[str] = []
    cursor = "1"
    while True:
        subjects, following = await read(cursor)
        if following == cursor:
            break
        seen += subjects
        cursor = following
    assert seen == ["second", "third", "fourth"]
    assert await read("0") == (["first", "second"], "3")
    found = await pool.call("mail.list_new", {"to": here, "after": "", "limit": 1}, key=KEY, deadline=in_time())
    assert found.value is not None
    (first,) = found.value["messages"]
    assert (first["id"], first["sender"]) == ("<1@c.example>", "kim@customer.example")
    assert first["references"] == ["SO-1042", "RE-77"]
    for bad in ("-1", "1; DROP", "END"):
        refused = await pool.call("mail.list_new", {"to": here, "after": bad}, key=KEY, deadline=in_time())
        assert refused.failure is not None
        assert refused.failure.kind == "invalid"


async def test_a_mailbox_that_does_not_answer_is_said_to_be_down(
    pool_of: Callable[..., ConnectorPool], tmp_path: Path, in_time: InTime
) -> None:
    for lookup, kind in (("", "invalid"), (f"http://127.0.0.1:{free_port()}", "retryable")):
        pool = pool_of(mail.connector, variables(tmp_path, free_port(), lookup))
        found = await pool.call("mail.list_new", {"to": "a@b.example"}, key=KEY, deadline=in_time())
        assert found.failure is not None
        assert found.failure.kind == kind
