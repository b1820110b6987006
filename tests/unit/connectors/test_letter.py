"""Whatever bytes a stranger sends, a mail is read to bounded text, or to none; it never raises, nor takes long."""

from __future__ import annotations

import time

from hypothesis import example, given
from hypothesis import strategies as st

from chargehand_connectors.mail import letter

HOSTILE_LINES = rb"""
To: a@b.example|To: =?utf-8?q?a?= <|Subject: =?utf-8?b?w7w=?=|Subject: =?x?q?=0D=0A?=|From: ,,;:<>|--b|--b--|
Content-Type: multipart/mixed; boundary=b|Content-Type: multipart/alternative|Content-Type: text/html|
Content-Type: text/plain; charset=utf-7|Content-Type: message/rfc822|Content-Type: ;;;charset*0*=x''%|
Content-Transfer-Encoding: base64|Content-Transfer-Encoding: uuencode|Auto-Submitted: ;|<p>x<script>|begin 666 x|w7w=
"""
LINES = st.sampled_from([*HOSTILE_LINES.replace(b"\n", b"").split(b"|"), b"", b" folded", b"\xff\x00\x80"])


@given(st.one_of(st.binary(max_size=2000), st.lists(LINES, max_size=40).map(b"\r\n".join)))
@example(b"Content-Type: text/html\r\n\r\n<![" + b"<" * 5000)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    read = letter.read(raw)
    assert len(read.text) <= letter.MAX_TEXT
    assert len(read.subject) <= letter.MAX_SUBJECT
    for line in (read.subject, read.sender, read.message_id, *read.to):
        assert not {"\r", "\n", "\x00"} & set(line)
    assert not {"\r", "\x00"} & set(read.text)


def deep(levels: int) -> bytes:
    parts = (
        f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n".encode() for level in range(levels)
    )
    return b"To: a@b.example\r\nSubject: deep\r\n" + b"".join(parts) + b"\r\nat the bottom"


def test_a_mail_that_is_nested_too_deep_keeps_its_headers() -> None:
    for levels in (50, 900, 4000):
        read = letter.read(deep(levels))
        assert (read.subject, read.to) == ("deep", ("a@b.example",))
    assert letter.read(deep(50)).text == "at the bottom"


def test_what_is_made_to_take_long_does_not() -> None:
    size = 256 * 1024
    slow = [
        b"Subject: " + b"=?utf-8?q?=41?= " * (size // 16),
        b"To: " + b"a@b.example," * (size // 12),
        b"To: " + b"(" * size,
        b'From: "' + b"\\" * size,
        b"Content-Type: text/html\r\n\r\n" + b"<a " * (size // 3),
        b"Content-Type: text/html\r\n\r\n" + b"<script>" * (size // 8),
        b"Content-Type: text/html\r\n\r\n" + b"<!--" * (size // 4),
        b"Content-Type: text/html\r\n\r\n" + b"&#x" * (size // 3),
        b"Content-Type: text/html\r\n\r\n&#" + b"9" * size,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * (size // 7),
        b"Content-Type: text/plain; " + b"x*0=y;" * (size // 6),
    ]
    for raw in slow:
        began = time.process_time()
        letter.read(raw)
        assert time.process_time() - began < 2, raw[:40]
