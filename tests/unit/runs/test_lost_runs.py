"""What Temporal ended by itself is found, also when nobody looked for days. Temporal is a stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock
from chargehand.agents.catalog import AgentCatalog
from chargehand.audit import log
from chargehand.database import Database
from chargehand.runs import store
from chargehand.runs.outbox import Outbox
from chargehand.runs.service import RunService
from chargehand.testing.policies import allow_everything


class Temporal:
    """A stand-in that holds one workflow, which was terminated some time ago."""

    def __init__(self, closed: datetime) -> None:
        self.closed = closed
        self.asked: list[datetime] = []
        self.away = False

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        if self.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        since = datetime.fromisoformat(query.rpartition("CloseTime > ")[2].strip("'"))
        self.asked.append(since)
        if self.closed > since:
            yield SimpleNamespace(id="run_1", status=WorkflowExecutionStatus.TERMINATED)


async def test_it_is_found_after_a_week_end_and_then_only_what_is_new_is_asked_for(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/x.db")
    db.create_schema()
    log.initialise(db)
    given = {"id": "run_1", "tenant": "demo", "request_key": "k", "agent": "a", "agent_version": "v1", "title": "t"}
    more = {"business_key": "", "principal": "p", "chain": "[]", "signed_in_by": "local", "input": "{}"}
    row = store.RunRow(**given, **more, state="waiting", created_at=clock.iso(clock.now()))
    db.write_now(lambda tx: store.insert_run(tx, row))
    temporal = Temporal(clock.now() - timedelta(days=3))

    async def connect() -> Any:
        return temporal

    nobody: Any = None
    outbox = Outbox(db, RunService(db, connect, AgentCatalog([]), allow_everything()), nobody)
    temporal.away = True
    with pytest.raises(RPCError):
        await outbox.end_lost_runs()
    temporal.away = False
    assert [await outbox.end_lost_runs() for _ in range(2)] == [1, 0]
    run = db.read_now(lambda connection: store.find_run(connection, "run_1"))
    assert run is not None
    assert (run["state"], "was terminated" in run["failure"]) == ("failed", True)
    assert clock.now() - temporal.asked[-1] < timedelta(hours=2)
    db.close()
