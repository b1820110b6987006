"""The demo mailbox: every mail that was accepted, in SQLite, raw and with the headers that people look for."""

from __future__ import annotations

import email
import sqlite3
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any

from chargehand import clock

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
  id INTEGER PRIMARY KEY, received_at TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL,
  recipients TEXT NOT NULL, subject TEXT NOT NULL, raw BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS mail_message_id ON mail (message_id);
"""


class Mails:
    """One SQLite file of mails. Like most mail servers it takes the same Message-ID twice."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def add(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Store a mail; it is on disk when this returns, so that the server may say 250."""
        message = _parse(raw)
        self._connection.execute(
            "INSERT INTO mail (received_at, message_id, sender, recipients, subject, raw) VALUES (?, ?, ?, ?, ?, ?)",
            (
                clock.iso(clock.now()),
                str(message.get("Message-ID", "")).strip(),
                sender,
                ",".join(recipients),
                str(message.get("Subject", "")),
                raw,
            ),
        )

    def search(self, *, message_id: str = "", to: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Newest first, without bodies."""
        rows = self._connection.execute(
            "SELECT * FROM mail WHERE (? = '' OR message_id = ?) AND (? = '' OR instr(lower(recipients), lower(?)) > 0)"
            " ORDER BY id DESC LIMIT ?",
            (message_id, message_id, to, to, limit),
        ).fetchall()
        return [_summary(row) for row in rows]

    def after(self, number: int, *, to: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Mails that came after that one, oldest first, with their text; to exactly that address, if one is named."""
        rows = self._connection.execute(
            "SELECT * FROM mail WHERE id > ?"
            " AND (? = '' OR instr(',' || lower(recipients) || ',', ',' || lower(?) || ',') > 0)"
            " ORDER BY id LIMIT ?",
            (number, to, to, limit),
        ).fetchall()
        return [{**_summary(row), **_said(row["raw"])} for row in rows]

    def last(self) -> int:
        """The number of the newest mail; 0 if there is none."""
        return self._connection.execute("SELECT coalesce(max(id), 0) FROM mail").fetchone()[0]

    def get(self, number: int) -> dict[str, Any] | None:
        """One mail with its text and the raw source."""
        row = self._connection.execute("SELECT * FROM mail WHERE id = ?", (number,)).fetchone()
        if row is None:
            return None
        return {**_summary(row), **_said(row["raw"]), "raw": bytes(row["raw"]).decode("utf-8", errors="replace")}


def _parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=modern)


def _said(raw: bytes) -> dict[str, Any]:
    """What a mail says, and whether a machine wrote it as an answer (RFC 3834)."""
    message = _parse(raw)
    body = message.get_body(preferencelist=("plain",))
    automatic = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower() != "no"
    return {"text": str(body.get_content()) if body is not None else "", "automatic": automatic}


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "received_at", "message_id", "subject")
    return {name: row[name] for name in names} | {"from": row["sender"], "to": row["recipients"].split(",")}
