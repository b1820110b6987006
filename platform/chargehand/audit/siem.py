"""The action log as a stream to a SIEM: syslog (RFC 5424 over TCP, RFC 6587 framing) or HTTP, at least once, in order.

Each record carries its number in the tenant's log, so the receiver sees a gap or a repeat at once (`GapDetector` is
that check in six lines). How far the stream is lies in a file, moved only after the receiver took the records.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
import orjson
from sqlalchemy import select

from chargehand.audit import ocsf
from chargehand.audit.keys import origin
from chargehand.audit.personal import conceal
from chargehand.audit.store import HeadRow, LeafRow, LogRow, table
from chargehand.audit.tree import write_durably
from chargehand.database import Database
from chargehand.errors import BadInput

BATCH = 500
TIMEOUT_SECONDS = 5.0
SYSLOG_PRIORITY = 13 * 8 + 5
"""Facility "log audit", severity "notice"."""
SD_ID = "chargehand@32473"


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it is sent: its number and the OCSF event."""

    tenant: str
    seq: int
    event: dict[str, Any]


class Receiver(Protocol):
    """Takes records in order. Raises OSError if it did not take all of them."""

    def send(self, batch: list[Sent]) -> None: ...

    def close(self) -> None: ...


class SyslogReceiver:
    """RFC 5424 messages over one TCP connection, octet-counted; numbers are structured data."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def send(self, batch: list[Sent]) -> None:
        """Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            self._socket.sendall(b"".join(self._frame(one) for one in batch))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @staticmethod
    def _frame(one: Sent) -> bytes:
        time, name = one.event["metadata"]["original_time"], socket.gethostname() or "-"
        tenant = one.tenant.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
        data = f'[{SD_ID} tenant="{tenant}" seq="{one.seq}"]'
        head = f"<{SYSLOG_PRIORITY}>1 {time} {name} chargehand - action {data} \ufeff".encode()
        message = head + orjson.dumps(one.event)
        return f"{len(message)} ".encode() + message


class HttpReceiver:
    """POSTs JSON Lines; the batch's first number and count stand in headers. Anything but 2xx is "not taken"."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"content-type": "application/jsonl"} | ({"authorization": f"Bearer {token}"} if token else {})

    def send(self, batch: list[Sent]) -> None:
        """Raises OSError."""
        headers = self._headers | {
            "chargehand-tenant": quote(batch[0].tenant, safe=""),
            "chargehand-first": str(batch[0].seq),
            "chargehand-count": str(len(batch)),
        }
        content = b"".join(orjson.dumps(one.event) + b"\n" for one in batch)
        try:
            answer = httpx.post(self._url, content=content, headers=headers, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise OSError(str(error) or type(error).__name__) from None
        if not answer.is_success:
            raise OSError(f"HTTP {answer.status_code}")

    def close(self) -> None:
        """Nothing is kept open."""


def receiver(url: str, token: str = "") -> Receiver:
    """`syslog+tcp://host:port` or `https://…`. Raises BadInput for another scheme."""
    parts = urlsplit(url)
    if parts.scheme == "syslog+tcp" and parts.hostname and parts.port:
        return SyslogReceiver(parts.hostname, parts.port)
    if parts.scheme in ("http", "https") and parts.hostname:
        return HttpReceiver(url, token)
    raise BadInput("Not a SIEM address.", field="url", value=url, way_out="Use syslog+tcp://host:port or https://….")


class SiemStream:
    """Sends one tenant's log to one receiver from where it left off. Call `send_pending` about once a second."""

    def __init__(self, db: Database, state_dir: Path, tenant: str, to: Receiver) -> None:
        self._db, self._tenant, self._to = db, tenant, to
        self._place = state_dir / "siem" / f"{quote(tenant, safe='')}.json"

    @property
    def next(self) -> int:
        """Number of the record that is sent next."""
        try:
            return int(orjson.loads(self._place.read_bytes())["next"])
        except FileNotFoundError:
            return 0

    def send_pending(self) -> int:
        """Send what is new; returns how many records the receiver took. Raises OSError when it takes no more."""
        sent, start = 0, self.next
        while True:
            batch, end = self._batch(start)
            if end == start:
                return sent
            if batch:
                self._to.send(batch)
            self._place.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._place, orjson.dumps({"next": end}))
            sent, start = sent + len(batch), end

    def _batch(self, start: int) -> tuple[list[Sent], int]:
        """Records from `start`, and where the next batch begins. What is retired by then is left out: a gap that the
        record of the retirement explains."""
        leaf, head = table(LeafRow).c, table(HeadRow).c

        def read(connection: Any) -> tuple[list[Sent], int]:
            log = origin(connection.execute(select(table(LogRow).c.name)).scalar_one(), self._tenant)
            size = connection.execute(select(head.size).where(head.tenant == self._tenant)).scalar_one_or_none() or 0
            rows = connection.execute(
                select(leaf.seq, leaf.leaf)
                .where(leaf.tenant == self._tenant, leaf.seq >= start, leaf.seq < min(size, start + BATCH))
                .order_by(leaf.seq)
            ).all()
            batch = [
                Sent(self._tenant, r.seq, ocsf.event(r.seq, r.leaf, conceal(orjson.loads(r.leaf)), origin=log))
                for r in rows
                if r.leaf is not None
            ]
            return batch, rows[-1].seq + 1 if rows else start

        return self._db.read_now(read)


@dataclass(slots=True)
class GapDetector:
    """What a receiver does with the numbers: `missing` lists the gaps as (first, last), `repeated` counts repeats."""

    expected: int = 0
    repeated: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def see(self, seq: int) -> None:
        """Take note of a record's number."""
        if seq < self.expected:
            self.repeated += 1
            return
        if seq > self.expected:
            self.missing.append((self.expected, seq - 1))
        self.expected = seq + 1
