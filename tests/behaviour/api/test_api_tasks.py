"""Who is asked finds the question, however many others are asked meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from chargehand import clock
from chargehand.clock import iso
from chargehand.database import Database
from chargehand.runs.store import TASK

MANY = 250


def ask(db: Database, number: int, to: str) -> None:
    row = {
        "id": f"task_{number}", "tenant": "demo", "run": "run_1", "agent": "x", "node": "n", "question": "Is it?",
        "title": "", "form": "{}", "to": to, "principal": "person:max", "state": "open",
        "asked_at": iso(clock.now() + timedelta(seconds=number)), "expires_at": iso(clock.now() + timedelta(days=1)),
        "answer": "", "answered_by": "", "answered_at": "", "told": True,
    }  # fmt: skip
    db.write_now(lambda tx: tx.connection.execute(TASK.insert().values(**row)))


async def test_it_is_not_lost_among_those_of_others(
    amy: httpx.AsyncClient, li: httpx.AsyncClient, root: httpx.AsyncClient, db: Database
) -> None:
    for number, to in enumerate(("person:amy", "role:customer-service-lead", "role:finance")):
        ask(db, number, to)
    for number in range(MANY):
        ask(db, 10 + number, "person:fay")

    async def listed(client: httpx.AsyncClient) -> list[Any]:
        return [one["id"] for one in (await client.get("/api/tasks")).json() if one["i_may_answer"]]

    assert await listed(amy) == ["task_0"]
    assert await listed(li) == ["task_1"]
    assert await listed(root) == []
