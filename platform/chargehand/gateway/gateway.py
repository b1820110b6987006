"""The only door to a connector: what every tool call passes, in this order.

    propose    what exactly is asked for: canonical bytes, checked against the reviewed schema, and their digest
    recall     a known key: the recorded answer, somebody else's work, or a call to take up again
    decide     freeze, then policy along the whole chain of principals; what can't be answered is a no
    record     the call and the decision; a denial ends here
    repeat     a call that was sent and never answered: again, by key, or in doubt
    ask        people, where policy says so, about exactly these bytes
    grant      authority for one dispatch, consumed as the call is marked as sent; budget; intent
    ── durable: one transaction; if it, or the action log, can't be written, nothing leaves ──
    dispatch   with key and deadline
    settle     outcome and result digest, in one transaction

Each stage is one file. Between `grant` and `settle` a crash leaves a call that is marked as sent, never a lost one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, ChargehandError, Unavailable
from chargehand.gateway import store
from chargehand.gateway.ask import ask
from chargehand.gateway.decide import decide
from chargehand.gateway.desk import Case, Desk, Stage, Stop
from chargehand.gateway.dispatch import dispatch
from chargehand.gateway.findings import read_back
from chargehand.gateway.grant import grant
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.gateway.propose import propose
from chargehand.gateway.recall import recall
from chargehand.gateway.record import record, refuse
from chargehand.gateway.repeat import repeat
from chargehand.gateway.settle import doubt, finish, settle
from chargehand.outcome import Failure, Outcome
from chargehand.telemetry import SpanName, span

ADMISSION: tuple[tuple[SpanName, Stage], ...] = (
    (SpanName.RECALL, recall),
    (SpanName.DECIDE, decide),
    (SpanName.RECORD, record),
    (SpanName.REPEAT, repeat),
    (SpanName.ASK, ask),
    (SpanName.GRANT, grant),
)

ORPHAN_AGE = timedelta(minutes=5)
"""How long an orphaned call may wait for its run to ask again, before the sweep takes it up."""

logger = logging.getLogger("chargehand.gateway")


class Gateway:
    """Safe to use from one event loop. Several processes may share a database; leases keep them apart."""

    def __init__(self, db: Database, desk: Desk) -> None:
        self.db = db
        self.desk = desk
        self._in_hand: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, call: ToolCall) -> Outcome | ApprovalNeeded:
        """Make a tool call, or say that people must be asked first. Idempotent on the call's tenant and key.

        Raises:
            BadInput: the call does not say who acts, or has no usable key.
            Conflict: the key belongs to another call.
            ConnectorUnavailable: provably nothing was sent; call again.
            Ambiguous: no clear answer; call again with the same key, and it is repeated, looked up or left in doubt.
            Unavailable: database, log or the call itself is busy; nothing new was sent; call again.
        """
        name = (call.tenant, call.key)
        if name in self._in_hand:
            raise Unavailable(f"The call {call.key} is being made now.", way_out="Ask again in a moment.")
        self._in_hand.add(name)
        try:
            with span(SpanName.CALL, begins=True, call=call.key, run=call.run) as whole:
                with span(SpanName.PROPOSE):
                    case = propose(self.desk, call)
                if case.pin is not None:  # any other name may be text that somebody made up
                    whole.set_attribute("chargehand.tool", call.tool)
                admitted = await self.db.write(partial(self._admit, case=case))
                if isinstance(admitted, Stop):
                    return admitted.give()
                with span(SpanName.DISPATCH):
                    answer = await dispatch(self.desk, admitted)
                with span(SpanName.SETTLE):
                    settled = await _to_its_end(self.db.write(lambda tx: settle(tx, self.desk, admitted, answer)))
                if answer.kind == "succeeded" and admitted.pin and admitted.pin.lookup:
                    self._later(read_back(self.db, self.desk, admitted))
                return settled.give()
        finally:
            self._in_hand.discard(name)

    def _admit(self, tx: Transaction, case: Case) -> Case | Stop:
        for name, stage in ADMISSION:
            with span(name):
                step = stage(tx, self.desk, case)
            if isinstance(step, Stop):
                return step
            case = step
        return case

    async def give_up(self, call: ToolCall) -> Outcome:
        """The caller asks no more. What was provably not sent has failed; what was sent is in doubt, or settled.

        Raises:
            BadInput: there is no such call.
        """

        def unit(tx: Transaction) -> Stop:
            known = store.get(tx.connection, call.tenant, call.key, for_update=True)
            if known is None:
                raise BadInput("there is no such call", field="key", value=call.key)
            if known.state in ("done", "in_doubt"):
                return Stop(known.as_outcome())
            if known.state != "dispatched":
                failure = Failure(kind="retryable", detail=f"{known.tool} could not be reached.")
                return refuse(tx, Case(call=call, at=clock.now(), known=known), "failed", failure)
            if known.effect == "read":
                failure = Failure(kind="retryable", detail=f"{known.tool} gave no answer.")
                return finish(tx, known, "failed", failure=failure)
            return doubt(tx, known, "No answer came, and the run stopped asking.")

        outcome = (await self.db.write(unit)).give()
        assert isinstance(outcome, Outcome)  # noqa: S101  # `finish` and `doubt` end in an outcome
        return outcome

    async def sweep(self, limit: int = 100) -> int:
        """Take up calls that nobody asks for any more: a run was stopped, or its worker never came back.

        Returns how many were looked at. For a timer of the gateway worker.
        """
        before = clock.now() - ORPHAN_AGE
        orphans = await self.db.read(lambda connection: store.orphans(connection, before, limit))
        for orphan in orphans:
            try:
                await self.call(orphan.as_call())
            except ChargehandError as error:
                logger.info("the orphaned call %s is still open: %s", orphan.key, error)
        return len(orphans)

    async def drain(self) -> None:
        """Wait for what runs on after an answer was given: effects being read back."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _to_its_end(settling: Coroutine[Any, Any, Stop]) -> Stop:
    """Await it to its end even when the caller is cancelled: an answer that came is recorded."""
    task = asyncio.ensure_future(settling)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
