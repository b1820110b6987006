"""A run ends, whoever says so: its row, the action log, and what it still asks of people, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargehand.audit import log
from chargehand.audit.model import Record, RecordKind
from chargehand.clock import iso, now
from chargehand.database import Transaction
from chargehand.gateway.withdraw import withdraw
from chargehand.runs import store
from chargehand.runs.model import OPEN, RunState
from chargehand.runs.rows import dumps

MOST_TASKS = 10_000

Recorder = Callable[[RecordKind, dict[str, Any]], Record]


def end(
    tx: Transaction,
    tenant: str,
    run: str,
    state: RunState,
    record: Recorder,
    *,
    failure: dict[str, Any] | None = None,
    result: Any = None,
    detail: dict[str, Any] | None = None,
) -> bool:
    """Write that it has ended; whether it was open. `record` makes what the log keeps, `detail` says more there."""
    columns = {
        "result": dumps(result) if result is not None else "",
        "failure": dumps(failure) if failure else "",
        "waiting": "[]",
        "ended_at": iso(now()),
    }
    if not store.set_state(tx, run, state, of=OPEN, **columns):
        return False
    log.append(tx, record("run", {"event": state, **(detail or {}), **({"failure": failure} if failure else {})}))
    withdraw(tx, tenant, run, f"The run {'was' if state == 'stopped' else 'has'} {state}.")
    for task in store.list_tasks(tx.connection, tenant, run=run, states=("open",), limit=MOST_TASKS):
        if store.close_task(tx, task["id"], "withdrawn"):
            log.append(tx, record("person_task", {"event": "withdrawn", "task": task["id"]}))
    return True
