"""What model calls keep of a person, and how it is emptied when that person is erased."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from chargehand.audit.erasure import empty, parts
from chargehand.models.store import CALL

EMPTIED = {"model_call": ("message",)}
"""Columns by table; usage and cost stay."""


def erase(connection: Connection, tenant: str, runs: Sequence[str]) -> int:
    """Empty the answers that these runs were given; how many."""
    return sum(
        empty(connection, CALL, (CALL.c.tenant == tenant) & CALL.c.run.in_(some), {"message": ""})
        for some in parts(runs)
    )
