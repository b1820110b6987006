"""Erasing a person everywhere: keys in the log, working copies in every room, exports, histories.

One transaction destroys the keys and empties the copies of every run in which the person appears, or refuses because
something of it still goes on. What lies outside of the database follows: the file's own left-overs and exports at once,
Temporal's histories by the outbox, until they are gone.
"""

from __future__ import annotations

import asyncio

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from chargehand.approvals import copies as approvals
from chargehand.audit import erasure, projection
from chargehand.audit.erasure import Erased
from chargehand.audit.export_jobs import Exports
from chargehand.audit.model import Who
from chargehand.audit.personal import runs_of
from chargehand.database import Database, Transaction
from chargehand.gateway import copies as gateway
from chargehand.models import copies as models
from chargehand.runs import copies
from chargehand.runs.blobs import Blobs

OF_RUN = "run:"
OF_INTAKE = "intake_"
"""How the ids of intakes begin, which read outside of any run."""


class Erasures:
    """Owned by the API. Implements `audit.erasure.Eraser`."""

    def __init__(self, db: Database, exports: Exports) -> None:
        self.db = db
        self.exports = exports

    async def erase(self, tenant: str, subject: str, *, who: Who, reason: str) -> Erased:
        """Erase `subject` (`customer:li wei`; `run:<id>`: all that is personal in that run).

        Raises:
            BadInput: no subject.
            NotFound: nothing is known of it.
            Conflict: a run or call that speaks of it has not ended, or a legal hold keeps it.
        """

        def unit(tx: Transaction) -> tuple[int, tuple[str, ...]]:
            runs = _runs(tx, tenant, subject)
            erasure.refuse_open(copies.open_runs(tx.connection, tenant, runs), "the run")
            erasure.refuse_open(gateway.open_calls(tx.connection, tenant, runs), "a call of the run")
            keys = erasure.forget(tx, tenant, subject, runs, who=who, reason=reason)
            copies.erase(tx.connection, tenant, runs)
            copies.forget_errands(tx.connection, tenant)
            gateway.erase(tx.connection, tenant, runs)
            gateway.erase_reads(tx.connection, tenant, OF_INTAKE, copies.name_of(subject))
            approvals.erase(tx.connection, tenant, runs)
            models.erase(tx.connection, tenant, runs)
            return keys, runs

        await asyncio.to_thread(projection.project, self.db, tenant)  # holds are filters, and find what is projected
        keys, runs = await self.db.write(unit)
        await asyncio.to_thread(erasure.derive_again, self.db, tenant, runs)
        removed = await self.exports.remove_opened(tenant)
        await asyncio.to_thread(self.db.scrub)
        left = await self.db.read(lambda connection: copies.mentions(connection, tenant, subject, runs))
        return Erased(subject, keys, runs, removed, left)


async def delete_histories(db: Database, client: Client, blobs: Blobs | None) -> int:
    """Have Temporal delete the histories of erased runs, and delete what is kept aside for them; how many runs."""
    due = await db.read(erasure.histories_due)
    for tenant, run in due:
        async for one in client.list_workflows(f"WorkflowId = '{run}'"):
            await _delete(client, one.id, one.run_id)
        await _delete(client, run, "")
        if blobs is not None:
            await asyncio.to_thread(blobs.forget, run)
        await asyncio.to_thread(erasure.derive_again, db, tenant, [run])
        await db.write(lambda tx, tenant=tenant, run=run: erasure.history_gone(tx, tenant, run))
    return len(due)


async def _delete(client: Client, workflow: str, run: str) -> None:
    execution = WorkflowExecution(workflow_id=workflow, run_id=run)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    try:
        await client.workflow_service.delete_workflow_execution(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _runs(tx: Transaction, tenant: str, subject: str) -> tuple[str, ...]:
    found = set(runs_of(tx.connection, tenant, subject))
    run = subject.removeprefix(OF_RUN)
    if run != subject and copies.known(tx.connection, tenant, run):
        found.add(run)
    return copies.related(tx.connection, tenant, sorted(found))
