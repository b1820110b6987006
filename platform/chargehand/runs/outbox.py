"""What was decided in our tables and Temporal must hear of: told until it is acknowledged. Runs in the gateway worker.

Five things wait here: runs that were written and not begun, approvals that were closed, person tasks that were
answered, pauses, and runs whose personal data was erased. Telling twice is harmless, so two workers may do it at once.
Schedules that are due become runs here too, and what Temporal alone knows of (runs that it ended, how it routes new
ones) is written down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock, telemetry
from chargehand.audit import erasure
from chargehand.database import Database
from chargehand.errors import ChargehandError, RuntimeUnavailable
from chargehand.runs import rows, store
from chargehand.runs.blobs import Blobs
from chargehand.runs.erasure import delete_histories
from chargehand.runs.model import SIGNAL_ANSWER, SIGNAL_APPROVAL
from chargehand.runs.payloads import Answer
from chargehand.runs.routing import RoutingWatch
from chargehand.runs.service import RunService
from chargehand.runs.triggers.schedules import Schedules
from chargehand.settings import settings

EVERY_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
LOST_EVERY_SECONDS = 15.0
# Temporal answers about a deployment a few times a second, for everybody together.
ROUTING_EVERY_SECONDS = 5.0
LOST_WINDOW = timedelta(hours=1)
# While no gateway worker was up nobody looked, over a week-end or longer.
LOST_AT_FIRST = timedelta(days=30)
# A start is first tried by whoever wrote it; the outbox takes over after a moment.
START_GRACE = timedelta(seconds=2)

logger = logging.getLogger("chargehand.runs.outbox")


class Notifications(Protocol):
    """Closed approvals whose runs have not been told; see `approvals.service.ApprovalService`."""

    async def pending_notifications(self, limit: int = 100) -> Sequence[Any]: ...

    async def mark_notified(self, notification: str) -> None: ...


class Outbox:
    """Owned by one gateway worker; `run` until cancelled."""

    def __init__(self, db: Database, runs: RunService, approvals: Notifications, blobs: Blobs | None = None) -> None:
        self.db = db
        self.runs = runs
        self.approvals = approvals
        self.blobs = blobs
        self.schedules = Schedules(db, runs)
        self._lost_since = clock.now() - LOST_AT_FIRST
        self.routing = RoutingWatch(db, runs.client, settings().tenant)

    async def run(self) -> None:
        """Each kind on its own, so that one that is stuck does not hold up the others."""
        told = self.tell_approvals, self.tell_answers, self.runs.steering.tell_pauses
        await asyncio.gather(
            *(self._loop(one) for one in (self.begin_runs, self.start_due, *told)),
            self._loop(self.routing.look, every=ROUTING_EVERY_SECONDS),
            self._loop(self.end_lost_runs, every=LOST_EVERY_SECONDS),
            self._loop(self.delete_histories, every=LOST_EVERY_SECONDS),
        )

    async def begin_runs(self) -> int:
        """Begin what was written and not begun; how many."""
        before = clock.now() - START_GRACE
        waiting = await self.db.read(lambda connection: store.runs_in(connection, ("starting",), before=before))
        failed: RuntimeUnavailable | None = None
        for row in waiting:
            try:
                await self.runs.begin(row)
            except RuntimeUnavailable as error:
                if isinstance(error.__cause__, RPCError):
                    raise  # Temporal takes none of them
                failed = error  # what this one is given can't be kept aside; the others begin
        if failed is not None:
            raise failed
        return len(waiting)

    async def start_due(self) -> int:
        """Write, and begin, the runs of schedules that are due; how many."""
        started = await self.schedules.start_due()
        for row in started:
            await self.runs.begin(row)
        return len(started)

    async def tell_approvals(self) -> int:
        """Tell runs that an approval was closed; how many."""
        pending = await self.approvals.pending_notifications()
        for one in pending:
            await self._signal(one.run, SIGNAL_APPROVAL, one.approval)
            await self.approvals.mark_notified(one.id)
        return len(pending)

    async def tell_answers(self) -> int:
        """Give runs the answers of people; how many."""
        untold = await self.db.read(store.untold_tasks)
        for row in untold:
            task = rows.task(row)
            await self._signal(task.run, SIGNAL_ANSWER, Answer(task=task.id, answer=task.answer, by=task.answered_by))
            await self.db.write(lambda tx, told=task.id: store.mark_told(tx, told))
        return len(untold)

    async def delete_histories(self) -> int:
        """Delete the histories of runs whose personal data was erased; how many."""
        if not await self.db.read(lambda connection: erasure.histories_due(connection, 1)):
            return 0
        return await delete_histories(self.db, await self.runs.client(), self.blobs)

    async def end_lost_runs(self) -> int:
        """End what Temporal ended by itself (an operator's terminate, a history over its limit); how many.

        Whoever looks at such a run is told, instead of waiting for ever.
        """
        client = await self.runs.client()
        now, since = clock.now(), self._lost_since.isoformat()
        query = f"ExecutionStatus IN ('Terminated', 'TimedOut', 'Canceled', 'Failed') AND CloseTime > '{since}'"
        lost = 0
        try:
            async for one in client.list_workflows(query):
                how = one.status.name.lower().replace("_", " ") if one.status else "ended"
                lost += await self.runs.lost(one.id, f"Temporal says that the run was {how}.")
        except RPCError as error:
            if error.status is not RPCStatusCode.UNIMPLEMENTED:  # the test server can't list
                raise
        self._lost_since = now - LOST_WINDOW
        return lost

    async def _signal(self, run: str, signal: str, argument: Any) -> None:
        """Returns when it is durable in the run's history, or the run is over and can't hear it."""
        client = await self.runs.client()
        trace = await self.db.read(lambda connection: store.trace_of(connection, run))
        try:
            with telemetry.within(trace):
                await client.get_workflow_handle(run).signal(signal, argument)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    @staticmethod
    async def _loop(work: Callable[[], Awaitable[int]], *, every: float = EVERY_SECONDS) -> None:
        pause = every
        while True:
            try:
                await work()
                pause = every
            except (ChargehandError, RPCError) as error:
                logger.warning("Not told yet, trying again in %.1f s: %s", pause, error)
                pause = max(every, min(pause * 2, MAX_PAUSE_SECONDS))
            await asyncio.sleep(pause)
