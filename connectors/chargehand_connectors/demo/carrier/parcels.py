"""The demo carrier's parcels, in SQLite: seeded once for the demo company's orders, with a story each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from chargehand import clock

CARRIER = "Demo Carrier"
MODES = ("normal", "down", "slow", "garbage")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS parcel (
  tracking_number TEXT PRIMARY KEY, reference TEXT NOT NULL, status TEXT NOT NULL, expected TEXT NOT NULL,
  signed_by TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS event (
  tracking_number TEXT NOT NULL REFERENCES parcel, time TEXT NOT NULL, code TEXT NOT NULL, location TEXT NOT NULL,
  text TEXT NOT NULL, PRIMARY KEY (tracking_number, time)
) STRICT;
CREATE INDEX IF NOT EXISTS parcel_reference ON parcel (reference);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

# Hours after the hand-over, code, place, text. The last code is the parcel's status.
_START = ((0, "ANNOUNCED", "Bremen", "Label printed"), (5, "IN_TRANSIT", "Bremen", "Handed over"))
_STORIES: dict[str, tuple[tuple[int, str, str, str], ...]] = {
    "delivered": (
        *_START,
        (30, "IN_TRANSIT", "Hub", "Sorted"),
        (52, "OUT_FOR_DELIVERY", "Depot", "With the driver"),
        (56, "DELIVERED", "Consignee", "Delivered and signed for"),
    ),
    "damaged": (*_START, (30, "IN_TRANSIT", "Hub", "Sorted"), (54, "EXCEPTION", "Depot", "Damaged")),
    "lost": (*_START, (30, "IN_TRANSIT", "Hub", "Sorted"), (96, "EXCEPTION", "Hub", "Lost")),
    "late": (*_START, (40, "EXCEPTION", "Customs", "Delayed")),
    "returned": (*_START, (50, "EXCEPTION", "Depot", "Delivery failed"), (70, "RETURNED", "Depot", "Returned")),
    "in transit": (*_START, (30, "IN_TRANSIT", "Hub", "Sorted")),
    "out for delivery": (
        *_START,
        (30, "IN_TRANSIT", "Hub", "Sorted"),
        (48, "OUT_FOR_DELIVERY", "Depot", "With the driver"),
    ),
}


class Parcels:
    """One SQLite file of parcels, and the mode that the service is switched to."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def seed(self, at: datetime) -> None:
        """Add the demo company's parcels that are not there yet, dated back from `at`."""
        stories = _read("demo/carrier/parcels.json")
        for order in _read("demo/tryton/company.json")["orders"]:
            if number := order.get("tracking"):
                story = stories["parcels"].get(number, stories["default"])
                self.add(number, order["number"], at - timedelta(days=order["days_ago"] - 1), at, **story)

    def add(
        self,
        number: str,
        reference: str,
        start: datetime,
        now: datetime,
        *,
        story: str,
        signed_by: str = "",
        note: str = "",
    ) -> None:
        """Add a parcel handed over at `start`, with what has happened to it until `now`; a known one stays as it is."""
        past = [step for step in _STORIES[story] if start + timedelta(hours=step[0]) <= now] or [_STORIES[story][0]]
        signed = signed_by if past[-1][1] == "DELIVERED" else ""
        expected = (start + timedelta(days=3)).date().isoformat()
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            row = (number, reference, past[-1][1], expected, signed)
            if self._connection.execute("INSERT OR IGNORE INTO parcel VALUES (?, ?, ?, ?, ?)", row).rowcount:
                for hours, code, place, text in past:
                    said = note if note and code == past[-1][1] and code in ("EXCEPTION", "RETURNED") else text
                    time = clock.iso(start + timedelta(hours=hours))
                    self._connection.execute(
                        "INSERT INTO event VALUES (?, ?, ?, ?, ?)", (number, time, code, place, said)
                    )

    def find(self, number: str) -> dict[str, Any] | None:
        """A parcel with its events, as the API shows it."""
        row = self._connection.execute("SELECT * FROM parcel WHERE tracking_number = ?", (number,)).fetchone()
        return None if row is None else self._shown(row)

    def by_reference(self, reference: str) -> list[dict[str, Any]]:
        rows = self._connection.execute(
            "SELECT * FROM parcel WHERE reference = ? ORDER BY tracking_number", (reference,)
        ).fetchall()
        return [self._shown(row) for row in rows]

    def all(self) -> Iterator[dict[str, Any]]:
        for row in self._connection.execute("SELECT * FROM parcel ORDER BY tracking_number").fetchall():
            yield self._shown(row)

    @property
    def mode(self) -> str:
        row = self._connection.execute("SELECT value FROM setting WHERE name = 'mode'").fetchone()
        return str(row["value"]) if row else "normal"

    @mode.setter
    def mode(self, mode: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES ('mode', ?)", (mode,))

    def _shown(self, row: sqlite3.Row) -> dict[str, Any]:
        events = self._connection.execute(
            "SELECT time, code, location, text FROM event WHERE tracking_number = ? ORDER BY time",
            (row["tracking_number"],),
        ).fetchall()
        return {**dict(row), "carrier": CARRIER, "events": [dict(event) for event in events]}


def _read(path: str) -> dict[str, Any]:
    text = files("chargehand_connectors").joinpath(path).read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))
