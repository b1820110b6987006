"""From rows of webhooks to the frozen types that leave this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chargehand import clock
from chargehand.runs.model import Delivery, Hook


def hook_of(row: Mapping[str, Any]) -> Hook:
    good = row["old_until"] > clock.iso(clock.now())
    return Hook(
        id=row["id"],
        tenant=row["tenant"],
        name=row["name"],
        agent=row["agent"],
        principal=row["principal"],
        made_by=row["made_by"],
        scheme=row["scheme"],
        mapping=orjson.loads(row["mapping"]),
        state=row["state"],
        secret_number=row["secret"],
        old_secret_until=clock.parse(row["old_until"]) if good else None,
        created_at=clock.parse(row["created_at"]),
    )


def delivery_of(row: Mapping[str, Any]) -> Delivery:
    fields = {name: row[name] for name in ("id", "hook", "outcome", "status", "message", "why", "run", "address")}
    return Delivery(**fields, at=clock.parse(row["at"]), size_bytes=row["size_bytes"])
