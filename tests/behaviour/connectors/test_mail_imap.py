"""Mails are read from a real IMAP server: each once, none marked as seen, and no mail breaks the reader."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from chargehand.connectors.pool import ConnectorPool
from chargehand_connectors import mail
from fixtures.imap import PASSWORD, USER, ImapServer, imap_server
from fixtures.tls import make_certificates

InTime = Callable[..., datetime]
TO = "complaints@ostwind.example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ImapServer]:
    with imap_server(tmp_path / "imap") as running:
        yield running


class Reader:
    """Calls `mail.list_new` through a pool, as the gateway does; each pool is a connector process of its own."""

    def __init__(self, pool_of: Callable[..., ConnectorPool], variables: dict[str, str], in_time: InTime) -> None:
        self._new_pool = lambda: pool_of(mail.connector, variables)
        self._in_time = in_time
        self.pool = self._new_pool()
        self.calls = 0

    async def restart(self) -> None:
        await self.pool.close()
        self.pool = self._new_pool()

    async def call(self, after: str, *, limit: int = 20, to: str = TO) -> Any:
        """The result: a value or a failure."""
        self.calls += 1
        arguments, key = {"to": to, "after": after, "limit": limit}, f"read-number-{self.calls}"
        return await self.pool.call("mail.list_new", arguments, key=key, deadline=self._in_time(30))

    async def page(self, after: str, **more: Any) -> tuple[list[dict[str, Any]], str]:
        result = await self.call(after, **more)
        assert result.value is not None, result.failure
        return result.value["messages"], result.value["cursor"]

    async def all(self, after: str = "", **more: Any) -> list[dict[str, Any]]:
        """Every mail behind the cursor, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page, cursor = await self.page(after, **more)
            if cursor == after:
                return found
            found, after = [*found, *page], cursor


def variables(state: Path, server: ImapServer, **change: str) -> dict[str, str]:
    given = {"host": "127.0.0.1", "port": str(server.port), "user": USER, "password": PASSWORD, "tls": "none", **change}
    return {
        "CHARGEHAND_MAIL_SMTP_HOST": "127.0.0.1",
        "CHARGEHAND_MAIL_SMTP_TLS": "none",
        "CHARGEHAND_MAIL_FROM": "service@ostwind.example",
        "CHARGEHAND_MAIL_STATE": str(state / "sent.db"),
        **{f"CHARGEHAND_MAIL_IMAP_{name.upper()}": value for name, value in given.items()},
    }


@pytest.fixture
def reader(pool_of: Callable[..., ConnectorPool], server: ImapServer, tmp_path: Path, in_time: InTime) -> Reader:
    return Reader(pool_of, variables(tmp_path, server), in_time)


def letter(name: str, text: str = "The pump of SO-1042 leaks.", *, to: str = TO, **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["Message-ID"] = f"<{name}@shop.example>"
    made["From"] = "Li Wei <li@shop.example>"
    made["To"] = to
    made["Subject"] = f"Complaint {name}"
    for header, value in headers.items():
        made[header.replace("_", "-")] = value
    made.set_content(text)
    return made


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


async def test_each_mail_comes_once_in_order_and_stays_as_it_was(reader: Reader, server: ImapServer) -> None:
    server.put(letter("old"))
    nothing, end = await reader.page("end")
    assert nothing == []
    for number in range(5):
        server.put(letter(f"m{number}"))
    first, cursor = await reader.page(end, limit=2)
    await reader.restart()
    server.stop()
    server.start()
    rest = await reader.all(cursor, limit=2)
    assert ids([*first, *rest]) == [f"<m{number}@shop.example>" for number in range(5)]
    assert await reader.all(end) == [*first, *rest], "the same again, if somebody asks again"
    assert first[0]["sender"] == "li@shop.example"
    assert (first[0]["subject"], first[0]["text"]) == ("Complaint m0", "The pump of SO-1042 leaks.")
    assert first[0]["references"] == ["SO-1042"]
    assert datetime.fromisoformat(first[0]["received_at"]).tzinfo is not None
    assert ids(await reader.all("")) == ["<old@shop.example>", *ids([*first, *rest])]
    assert server.seen() == [], "nothing is marked"


async def test_only_what_came_to_the_address_and_was_written_by_people(reader: Reader, server: ImapServer) -> None:
    server.put(letter("other", to="sales@ostwind.example"))
    server.put(letter("out-of-office", Auto_Submitted="auto-replied; owner=x"))
    server.put(letter("copy", to="sales@ostwind.example", Cc=f"Complaints <{TO.upper()}>"))
    server.put(letter("hidden", to="undisclosed-recipients:;", Delivered_To=TO))
    server.put(f"Message-ID: <s@x>\r\nTo: =?utf-8?q?x_=3C{TO}=3E?= <sales@ostwind.example>\r\n\r\nx".encode())
    server.put(letter("by-hand", Auto_Submitted="no"))
    found, cursor = await reader.page("", limit=20)
    assert ids(found) == ["<copy@shop.example>", "<hidden@shop.example>", "<by-hand@shop.example>"]
    assert {tuple(one["to"]) for one in found} == {(TO,)}
    assert await reader.page(cursor) == ([], cursor), "it is behind all of them"


async def test_a_mailbox_made_anew_is_a_persons_to_look_at(reader: Reader, server: ImapServer) -> None:
    server.put(letter("m1"))
    _, cursor = await reader.page("")
    server.stop()
    server.make_anew()
    server.start()
    server.put(letter("m2"))
    for stale in (cursor, "17", "9999999999:1"):
        result = await reader.call(stale)
        assert result.failure is not None
        assert (result.failure.kind, "made anew" in result.failure.detail) == ("invalid", True)
    assert len(await reader.all("")) == 2


async def test_what_can_not_be_reached_or_trusted_is_said(
    pool_of: Callable[..., ConnectorPool], tmp_path: Path, in_time: InTime
) -> None:
    folder = tmp_path / "imap"
    folder.mkdir()
    make_certificates(folder)
    with imap_server(folder, tls=True) as server:
        server.put(letter("m1"))
        given = {"tls": "starttls", "ca": str(folder / "ca.pem")}
        reader = Reader(pool_of, variables(tmp_path, server, **given), in_time)
        assert len(await reader.all()) == 1, "over TLS, with the authority named"
        for wrong in ({"ca": ""}, {"password": "guess"}, {"folder": "Gone"}, {"tls": "implicit"}):
            failing = Reader(pool_of, variables(tmp_path, server, **{**given, **wrong}), in_time)
            result = await failing.call("")
            assert result.failure is not None, wrong
            assert (result.failure.kind, "could not be read" in result.failure.detail) == ("retryable", True), wrong
            assert PASSWORD not in result.failure.detail
    with imap_server(tmp_path / "plain") as server:
        reader = Reader(pool_of, variables(tmp_path, server, tls="starttls"), in_time)
        result = await reader.call("")
        assert result.failure is not None, "where the server offers no TLS nothing is sent"


def nested(depth: int) -> bytes:
    head = f"Message-ID: <deep{depth}@x.example>\r\nTo: {TO}\r\nSubject: deep\r\nMIME-Version: 1.0\r\n"
    body = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(depth))
    return f"{head}{body}Content-Type: text/plain\r\n\r\nat the bottom\r\n".encode()


def raw(name: str, *lines: str, body: bytes = b"Hello SO-1042") -> bytes:
    head = [f"Message-ID: <{name}@x.example>", f"To: {TO}", "From: eve@x.example", *lines]
    return "\r\n".join(head).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


HTML = b"<html><head><style>p{}</style><script>evil()</script></head><body><p>Dear <b>all</b>,</p>SO-7<br>bye</body>"
HOSTILE: dict[str, bytes] = {
    "huge": raw("huge", "Subject: huge", body=b"start " + b"A" * 3_000_000),
    "deep": nested(200),
    "parts": raw(
        "parts", "Content-Type: multipart/mixed; boundary=b", body=b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 5000
    ),
    "charset": raw("charset", "Content-Type: text/plain; charset=klingon", body="Grüße".encode()),
    "no-text-charset": raw("no-text", "Content-Type: text/plain; charset=hex", body=b"plain"),
    "bytes": raw("bytes", "Content-Type: text/plain; charset=utf-8", body=b"\xff\xfe\x00 SO-1042 \x1b[31m"),
    "base64": raw("base64", "Content-Transfer-Encoding: base64", body=b"!!!not base64!!!"),
    "inject": raw("inject", "Subject: =?utf-8?q?one=0D=0ABcc:_victim=40x.example?="),
    "fold": raw("fold", "Subject: =?utf-8?b?" + "A" * 5000 + "?="),
    "unknown-word": raw("word", "Subject: =?klingon?q?abc?= =?utf-8?x?zzz?="),
    "long-header": raw("long", "Subject: " + "=?utf-8?q?=41?= " * 20_000),
    "addresses": raw("addresses", "Cc: " + "a@b.example, " * 20_000 + "<" * 2000),
    "bad-id": raw("x", body=b"x").replace(b"<x@x.example>", b"<x y\x07>" + b"z" * 5000),
    "no-id": raw("x", body=b"x").replace(b"Message-ID: <x@x.example>\r\n", b""),
    "html": raw("html", "Content-Type: text/html; charset=utf-8", body=HTML),
    "attached": raw(
        "attached",
        "Content-Type: multipart/mixed; boundary=b",
        body=b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nnot this\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nnor this\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nbut this\r\n--b--\r\n",
    ),
    "date": raw("date", "Date: Mon, 99 Foo 0000 99:99:99 +9999"),
}


async def test_no_mail_breaks_the_reader_or_is_lost(reader: Reader, server: ImapServer) -> None:
    for name, mail_ in HOSTILE.items():
        assert b"To:" in mail_, name
        server.put(mail_)
    server.put(letter("last"))
    found = await reader.all()
    assert len(found) == len(HOSTILE) + 1, "each of them came"
    by_name = dict(zip(HOSTILE, found, strict=False))
    for name, one in by_name.items():
        assert len(one["text"]) <= 3500, name
        assert len(one["subject"]) <= 300, name
        assert "\n" not in one["subject"] + one["sender"] + one["id"], name
        assert not set(one["text"] + one["subject"]) & {"\x00", "\x1b", "\x07"}, name
        assert 0 < len(one["id"]) <= 400, name
    assert by_name["huge"]["text"].startswith("start AAA")
    assert by_name["charset"]["text"] == "Grüße"
    assert by_name["no-text-charset"]["text"] == "plain"
    assert by_name["bytes"]["references"] == ["SO-1042"]
    assert by_name["inject"]["subject"] == "one Bcc: victim@x.example"
    assert by_name["html"]["text"] == "Dear all,\nSO-7\nbye"
    assert by_name["attached"]["text"] == "but this"
    for name in ("bad-id", "no-id"):
        assert by_name[name]["id"].startswith("mail-"), "its number in the mailbox names it"
    assert found[-1]["id"] == "<last@shop.example>"
    assert server.seen() == []


async def test_a_mail_deleted_meanwhile_is_no_gap(reader: Reader, server: ImapServer) -> None:
    server.put(letter("m1"))
    _, cursor = await reader.page("")
    server.put(letter("m2"))
    assert len(await reader.all(cursor)) == 1
    shutil.rmtree(server.folder / "cur")
    (server.folder / "cur").mkdir()
    for file in (server.folder / "new").iterdir():
        file.unlink()
    server.put(letter("m3"))
    assert ids(await reader.all(cursor)) == ["<m3@shop.example>"]
