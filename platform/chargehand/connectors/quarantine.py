"""Quarantine that outlives the process, and its end by a person. Each step is a `pin_change` record in the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from chargehand import clock, ids
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.connectors import store
from chargehand.connectors.changes import Change
from chargehand.connectors.model import Connector, Pin, Review
from chargehand.connectors.pins import PinBook, load_pins, make_pin, write_pins
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, BadSettings, Conflict, NotFound
from chargehand.identity.model import SignedIn

REFRESH_SECONDS = 2.0
GATEWAY = "service:gateway"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One tool that waits for a person: what differs, line by line, and the definition that would be accepted."""

    tool: str
    connector: str
    kind: str
    lines: tuple[str, ...]
    pinned_digest: str
    live_digest: str
    live: Mapping[str, Any] | None
    first_seen: datetime


class DurableQuarantine:
    """The quarantine of one tenant. `blocked` answers from memory that is at most two seconds old."""

    def __init__(self, db: Database, tenant: str) -> None:
        self._db = db
        self._tenant = tenant
        self._open: dict[str, tuple[str, str]] = {}
        self._looked = 0.0

    async def blocked(self, pin: Pin) -> bool:
        """Whether the tool waits for a person. A pin that was made after the deviation is that person's review."""
        if not self._looked or time.monotonic() - self._looked > REFRESH_SECONDS:
            rows = await self._db.read(lambda connection: store.open_rows(connection, self._tenant))
            self._open = {row["tool"]: (row["pinned_digest"], row["live_digest"]) for row in rows}
            self._looked = time.monotonic()
        return pin.tool in self._open and self._open[pin.tool][0] == pin.digest

    async def note(self, connector: str, changes: Iterable[Change]) -> None:
        """Remember deviations; one that is remembered already changes nothing."""
        fresh = [change for change in changes if self._open.get(change.tool) != _digests(change)]
        if not fresh:
            return

        def unit(tx: Transaction) -> None:
            for change in fresh:
                known = store.get(tx.connection, self._tenant, change.tool)
                if known and known["state"] == "open" and _digests_of(known) == _digests(change):
                    continue
                at = clock.iso(clock.now())
                store.put(tx.connection, _row(self._tenant, connector, change, at))
                detail = {"change": "quarantined", "lines": list(change.lines)[:50], "live_digest": change.live_digest}
                append(tx, _record(self._tenant, Who(principal=GATEWAY), change.tool, change.pinned_digest, at, detail))

        await self._db.write(unit)
        self._open |= {change.tool: _digests(change) for change in fresh}

    async def waiting(self) -> list[Quarantined]:
        """All tools that wait for a person, by name."""
        rows = await self._db.read(lambda connection: store.open_rows(connection, self._tenant))
        return [_shown(row) for row in rows]

    async def accept(
        self, connector: Connector, tool: str, *, by: SignedIn, live_digest: str, pins: PinBook, policies: Path
    ) -> Pin:
        """Pin the live definition that `by` has seen, keeping the reviewed effect and delivery.

        Raises:
            NotFound: the tool is not quarantined.
            Conflict: it changed again after `by` looked, or it is gone and there is nothing to accept.
            BadInput: the definition can't be pinned.
            BadSettings: the pin file can't be written.
        """
        row = await self._require(tool)
        if row["live_digest"] != live_digest or not live_digest:
            raise Conflict(f"{tool} is not what you looked at any more.", way_out="Look at the difference again.")
        old = pins.get(tool)
        if old is None:
            raise NotFound(f"{tool} has no pin.", way_out="`chargehand connectors pin` reviews a connector's tools.")
        fields = ("tool", "wire_name", "effect", "delivery", "lookup", "says", "says_zh", "compensated_by", "personal")
        new = make_pin(Review(**{name: getattr(old, name) for name in fields}), orjson.loads(row["live_definition"]))
        await self._close(tool, "accepted", by, {"was": old.digest, "pinned": new.digest, "lines": _lines(row)[:50]})
        try:
            kept = [pin for pin in load_pins(policies).values() if pin.connector == connector.name and pin.tool != tool]
            write_pins(policies, connector, [*kept, new])
        except OSError as error:
            raise BadSettings(
                f"the pin file can't be written: {error}", field="policies_dir", value=str(policies)
            ) from error
        pins.reload()
        return new

    async def dismiss(self, tool: str, *, by: SignedIn, live_digest: str, pins: PinBook) -> None:
        """End the quarantine of a tool that is as pinned again; `live_digest` is what the server publishes now.

        Raises:
            NotFound: the tool is not quarantined.
            Conflict: its live definition still differs from the pin.
        """
        await self._require(tool)
        pin = pins.get(tool)
        if pin is None or pin.digest != live_digest:
            raise Conflict(f"{tool} still differs from its pin.", way_out="Accept the change, or mend the server.")
        await self._close(tool, "dismissed", by, {"pinned": pin.digest})

    async def _require(self, tool: str) -> dict[str, Any]:
        row = await self._db.read(lambda connection: store.get(connection, self._tenant, tool))
        if row is None or row["state"] != "open":
            raise NotFound(f"{tool} is not quarantined.")
        return row

    async def _close(self, tool: str, state: str, by: SignedIn, detail: dict[str, Any]) -> None:
        if by.principal.kind != "person":
            raise BadInput("only a person ends a quarantine", field="by", value=by.principal.id)
        at = clock.iso(clock.now())
        who = Who(principal=by.principal.id, signed_in_by=by.method)

        def unit(tx: Transaction) -> None:
            known = store.get(tx.connection, self._tenant, tool)
            if known is None or known["state"] != "open":
                raise Conflict(f"Somebody else has just decided on {tool}.")
            store.decide(tx.connection, self._tenant, tool, state=state, by=by.principal.id, at=at)
            pin = str(detail.get("pinned", ""))
            append(tx, _record(self._tenant, who, tool, pin, at, {"change": state, **detail}))

        await self._db.write(unit)
        self._open.pop(tool, None)


def _digests(change: Change) -> tuple[str, str]:
    return change.pinned_digest, change.live_digest


def _digests_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["pinned_digest"], row["live_digest"]


def _row(tenant: str, connector: str, change: Change, at: str) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "tool": change.tool,
        "connector": connector,
        "kind": change.kind,
        "pinned_digest": change.pinned_digest,
        "live_digest": change.live_digest,
        "live_definition": orjson.dumps(change.live).decode(),
        "lines": orjson.dumps(change.lines).decode(),
        "first_seen": at,
        "state": "open",
        "decided_by": "",
        "decided_at": "",
    }


def _record(tenant: str, who: Who, tool: str, pin: str, at: str, detail: dict[str, Any]) -> Record:
    return Record(  # pyright: ignore[reportCallIssue]  # its defaults are given positionally to Field
        id=ids.new_id("rec"), at=at, tenant=tenant, kind="pin_change", who=who, tool=tool, pin=pin, detail=detail
    )


def _lines(row: Mapping[str, Any]) -> list[str]:
    return orjson.loads(row["lines"])


def _shown(row: Mapping[str, Any]) -> Quarantined:
    return Quarantined(
        tool=row["tool"],
        connector=row["connector"],
        kind=row["kind"],
        lines=tuple(_lines(row)),
        pinned_digest=row["pinned_digest"],
        live_digest=row["live_digest"],
        live=orjson.loads(row["live_definition"]),
        first_seen=clock.parse(row["first_seen"]),
    )
