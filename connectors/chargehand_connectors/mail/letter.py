"""A mail as bytes (RFC 5322, MIME), written by a stranger: what is read of it is text of bounded length, or nothing.

The parser works on a copy of bounded size, nothing is followed or executed, and what can't be read is left out: a mail
that is broken is still a mail, and is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from html import unescape
from string import ascii_lowercase, ascii_uppercase
from typing import Any, cast

MAX_TEXT = 3500
MAX_SUBJECT = 300
MAX_ADDRESS = 320
MAX_ID = 400
MAX_ADDRESSES = 100
MAX_REFERENCES = 10
MAX_HEADER = 20_000
MAX_PARTS = 100
MAX_HTML = 100_000

RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
"""Headers that name to whom a mail was delivered, or sent."""

# What the standard library's parser raises on mails that are made to break it.
BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MessageError)

_REFERENCE = re.compile(r"\b[A-Z]{2,5}-[0-9]{2,10}\b")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,398}>")


@dataclass(frozen=True, slots=True)
class Letter:
    """`sender` is what the mail itself says: nothing proves it. `message_id` is empty where it is no good name."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    automatic: bool


def read(raw: bytes) -> Letter:
    """Never raises: what can't be read is empty."""
    mail, whole = _parsed(raw)
    given = _header(mail, "Message-ID").strip()
    addresses = [address for name in RECIPIENTS for address in _addresses(mail, name)]
    return Letter(
        message_id=given if _MESSAGE_ID.fullmatch(given) else "",
        sender=next(iter(_addresses(mail, "From")), "")[:MAX_ADDRESS],
        to=tuple(dict.fromkeys(addresses))[:MAX_ADDRESSES],
        subject=one_line(_header(mail, "Subject"))[:MAX_SUBJECT],
        text=printable(_text(mail) if whole else "")[:MAX_TEXT].strip(),
        automatic=_header(mail, "Auto-Submitted").partition(";")[0].strip().lower() not in ("", "no"),
    )


def _parsed(raw: bytes) -> tuple[Message, bool]:
    """The mail, and whether its body could be read too."""
    try:
        return message_from_bytes(raw), True
    except BROKEN:  # e.g. nested deeper than the parser goes
        pass
    try:
        return BytesHeaderParser().parsebytes(raw), False
    except BROKEN:
        return Message(), False


def printable(text: str) -> str:
    """Without NUL and the like, which no database column takes; a mail may hold any byte."""
    tidy = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in tidy if one in "\n\t" or one.isprintable())


def one_line(text: str) -> str:
    """A header's words: an encoded line break in them begins no new line anywhere."""
    return " ".join(printable(text).split())


def references(text: str) -> list[str]:
    """What looks like numbers of documents, in order."""
    return list(dict.fromkeys(_REFERENCE.findall(text)))[:MAX_REFERENCES]


def _header(mail: Message, name: str) -> str:
    """The first header of that name, decoded (RFC 2047)."""
    try:
        return _decoded(str(mail.get(name, ""))[:MAX_HEADER])
    except BROKEN:
        return ""


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except BROKEN:  # an unknown charset, or bytes that are none of it: as it stands
        return text


def _addresses(mail: Message, name: str) -> list[str]:
    """Addresses of all headers of that name. Read before encoded words are: those can't smuggle one in."""
    try:
        lines = [str(line)[:MAX_HEADER] for line in mail.get_all(name, [])[:MAX_ADDRESSES]]
        return [one_line(address) for _, address in getaddresses(lines) if "@" in address]
    except BROKEN:
        return []


def _text(mail: Message) -> str:
    """The first plain text that is no attachment, else the first HTML without its marks."""
    html = ""
    for part in _leaves(mail):
        kind = part.get_content_type()
        if kind == "text/plain":
            return _content(part)
        if kind == "text/html" and not html:
            html = _content(part)
    return _without_marks(html[:MAX_HTML])


def _leaves(mail: Message) -> Iterator[Message]:
    """Parts that hold something, in order; not those of attached mails. Without recursion, and MAX_PARTS at most."""
    waiting = [mail]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        inner: Any = part.get_payload() if part.is_multipart() else None
        if part.get_content_disposition() == "attachment" or part.get_content_maintype() == "message":
            continue
        if isinstance(inner, list):
            waiting.extend(reversed(cast("list[Message]", inner)))
        else:
            yield part


def _content(part: Message) -> str:
    try:
        raw = part.get_payload(decode=True)
        charset = part.get_content_charset("utf-8")
    except BROKEN:
        return ""
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(charset, "replace")
    except BROKEN:  # no such charset, or one that is no text
        return raw.decode("utf-8", "replace")


_TAG = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_HIDDEN = frozenset({"script", "style", "head", "title", "template"})
_BREAKS = frozenset({"p", "br", "div", "tr", "li", "h1", "h2", "h3", "table", "blockquote"})


def _without_marks(html: str) -> str:
    """What a reader would see of HTML, roughly. The standard library's parser takes a minute for 100 kB of `<a <a `;
    this looks at each character once."""
    words, lower, at = list[str](), html.translate(_LOWER), 0
    while (start := html.find("<", at)) >= 0:
        words.append(html[at:start])
        comment = html.startswith("<!--", start)
        end = html.find("-->" if comment else ">", start)
        if end < 0:
            break
        at = end + (3 if comment else 1)
        tag = _TAG.match(lower, start + 1)
        name = tag.group(1) if tag else ""
        if name in _HIDDEN and lower[start + 1] != "/":
            at = lower.find(f"</{name}", at)
            if at < 0:
                break
        elif name in _BREAKS:
            words.append("\n")
    else:
        words.append(html[at:])
    try:
        text = unescape("".join(words))
    except ValueError:  # a character with thousands of digits
        text = "".join(words)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
