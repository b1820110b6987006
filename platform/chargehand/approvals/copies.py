"""What approval requests and verdicts keep of a person, and how it is emptied when that person is erased."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, select, update

from chargehand.approvals.store import REQUESTS, VERDICTS
from chargehand.audit.erasure import empty, parts
from chargehand.audit.personal import ERASED

EMPTIED = {
    "approval_request": ("arguments", "sentence", "why", "detail", "counterparty"),
    "approval_verdict": ("comment", "instead"),
}
"""Columns by table; what else these tables hold are names of things, numbers and times."""

KEPT_DETAIL = ("pin", "effect", "agent_version", "business_key", "undo")


def erase(connection: Connection, tenant: str, runs: Sequence[str]) -> int:
    """Empty the requests of these runs and the verdicts on them; how many requests."""
    done = 0
    for some in parts(runs):
        mine = (REQUESTS.c.tenant == tenant) & REQUESTS.c.run.in_(some)
        found = connection.execute(select(REQUESTS.c.id, REQUESTS.c.detail).where(mine)).all()
        for row in found:
            was = orjson.loads(row.detail)
            values = {
                "arguments": "{}",
                "sentence": ERASED,
                "why": "[]",
                "detail": orjson.dumps({name: was[name] for name in KEPT_DETAIL if name in was}).decode(),
                "counterparty": "",
            }
            one = (REQUESTS.c.tenant == tenant) & (REQUESTS.c.id == row.id)
            done += connection.execute(update(REQUESTS).where(one).values(**values)).rowcount
        for ids in parts([row.id for row in found]):
            said = (VERDICTS.c.tenant == tenant) & VERDICTS.c.approval.in_(ids)
            empty(connection, VERDICTS, said & (VERDICTS.c.comment != ""), {"comment": ERASED})
            empty(connection, VERDICTS, said, {"instead": ""})
    return done
