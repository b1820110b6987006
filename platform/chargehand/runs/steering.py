"""How people steer a run that is under way: stop it, pause it, let it go on, send it an event.

The person for whom it runs may; for anybody else policy decides (`chargehand.steer_runs`). Stops and pauses are
written first, and told by the outbox until Temporal has acknowledged them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock, ids, telemetry
from chargehand.agents.forms import check
from chargehand.audit import log
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, RuntimeUnavailable
from chargehand.gateway.withdraw import withdraw
from chargehand.identity.model import SignedIn
from chargehand.runs import pause_store, rows, store
from chargehand.runs.client import Connect
from chargehand.runs.ending import end
from chargehand.runs.model import ENDED, OPEN, SIGNAL_EVENT, SIGNAL_PAUSE, SIGNAL_STOP, RunDetail
from chargehand.runs.payloads import Pause, SentEvent, Stop
from chargehand.runs.sizes import refuse_large
from chargehand.runs.starts import Policy, may_steer, recorder, run_record

LONGEST_EVENT_NAME = 100


class Steering:
    """Owned by a RunService; `get` and `begin` are its own."""

    def __init__(
        self,
        db: Database,
        client: Connect,
        policy: Policy,
        get: Callable[[SignedIn, str], Awaitable[RunDetail]],
        begin: Callable[[Mapping[str, Any], Stop], Awaitable[None]],
    ) -> None:
        self.db = db
        self.client = client
        self.policy = policy
        self.get = get
        self.begin = begin

    async def stop(self, who: SignedIn, run: str, reason: str, *, hard: bool) -> RunDetail:
        """See `RunService.stop`."""
        detail = await self._open(who, run, act="stop", hard=hard)
        said = {"by": who.principal.id, "reason": reason, "at": iso(clock.now())}

        def unit(tx: Transaction) -> None:
            if hard:
                done = self._end_at_once(tx, who, detail, reason)
            elif done := store.set_state(tx, run, "stopping", of=OPEN):
                log.append(tx, run_record(who, detail, {"event": "stopping", "reason": reason, "hard": False}))
                withdraw(tx, detail.tenant, run, "The run is being stopped.")
            if done:
                pause_store.say_stop(tx, detail.tenant, run, hard=hard, **said)

        await self.db.write(unit)
        return await self._told(who, run)

    def _end_at_once(self, tx: Transaction, who: SignedIn, run: RunDetail, reason: str) -> bool:
        """Whether it was open. With the runs of other agents that it handed over to: Temporal ends those with it."""
        said = {"reason": reason, "hard": True}
        failure = {"detail": f"Stopped at once: {reason}", "kind": "stopped"}
        ended = end(tx, run.tenant, run.id, "stopped", recorder(who, run), failure=failure, detail=said)
        for child in store.children(tx.connection, run.tenant, run.id):
            row = store.find_run(tx.connection, child, run.tenant)
            if row is not None and row["state"] in OPEN:
                self._end_at_once(tx, who, rows.detail(row, (), ""), reason)
        return ended

    async def pause(self, who: SignedIn, run: str, reason: str) -> RunDetail:
        """See `RunService.pause`."""
        detail = await self._open(who, run, act="pause")
        said = {"by": who.principal.id, "reason": reason, "at": iso(clock.now())}

        def unit(tx: Transaction) -> bool:
            done = pause_store.say_pause(tx, detail.tenant, run, **said)
            if done:
                log.append(tx, run_record(who, detail, {"event": "paused", "reason": reason}))
            return done

        if not await self.db.write(unit):
            detail = await self.get(who, run)
            if detail.state != "paused":
                way_out = "It begins as soon as Temporal answers." if detail.state == "starting" else ""
                raise Conflict(f"The run is {detail.state}: there is nothing to pause.", way_out=way_out)
        return await self._told(who, run)

    async def resume(self, who: SignedIn, run: str, reason: str) -> RunDetail:
        """See `RunService.resume`."""
        detail = await self._open(who, run, act="resume")
        said = {"by": who.principal.id, "reason": reason, "at": iso(clock.now())}

        def unit(tx: Transaction) -> bool:
            done = pause_store.say_resume(tx, detail.tenant, run, **said)
            if done:
                log.append(tx, run_record(who, detail, {"event": "resumed", "reason": reason}))
            return done

        if not await self.db.write(unit):
            raise Conflict(f"The run is not paused; it is {detail.state}.")
        return await self._told(who, run)

    async def tell_pauses(self, run: str = "") -> int:
        """Tell runs what was said of pausing and stopping; how many heard it. Raises RuntimeUnavailable."""
        untold = await self.db.read(lambda connection: pause_store.untold_pauses(connection, run))
        told = 0
        for row in untold:
            try:
                with telemetry.within(row["trace_id"]):
                    await self._tell(row)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise RuntimeUnavailable(f"Temporal did not take what was said: {error.message}.") from error
                if not await self._is_over(row):
                    continue
            await self.db.write(
                lambda tx, of=row["run"], number=row["number"]: pause_store.mark_pause_told(tx, of, number)
            )
            told += 1
        return told

    async def _tell(self, row: Mapping[str, Any]) -> None:
        """Raises RPCError; NOT_FOUND: it has ended, or has not begun."""
        by, reason = row["by"], row["reason"]
        handle = (await self.client()).get_workflow_handle(row["run"])
        if row["stop"] == "hard":
            await handle.terminate(reason=f"{by}: {reason}")
        elif row["stop"]:
            await handle.signal(SIGNAL_STOP, Stop(by=by, reason=reason))
        else:
            await handle.signal(SIGNAL_PAUSE, Pause(number=row["number"], paused=row["paused"], by=by, reason=reason))

    async def _is_over(self, row: Mapping[str, Any]) -> bool:
        """Whether nobody is left to tell it to, as Temporal does not run it. Raises RuntimeUnavailable."""
        if row["state"] in ENDED:
            if row["events"] or not row["parent"]:
                return True
            # The run of another agent, which its parent may be about to begin.
            above = await self.db.read(lambda connection: store.state_of(connection, row["tenant"], row["parent"]))
            return above is None or above in ENDED
        if row["stop"] and not row["parent"]:
            written = await self.db.read(lambda connection: store.find_run(connection, row["run"], row["tenant"]))
            if written is not None and not written["events"]:  # it was stopped before it began: it does both at once
                await self.begin(written, Stop(by=row["by"], reason=row["reason"]))
            return True
        return False

    async def send(self, who: SignedIn, run: str, name: str, payload: Any, *, event_id: str) -> None:
        """See `RunService.send`."""
        if not 0 < len(name) <= LONGEST_EVENT_NAME:
            raise BadInput(
                f"an event has a name of 1 to {LONGEST_EVENT_NAME} characters", field="name", value=name[:20]
            )
        check({"name": name, "id": event_id, "payload": payload}, {}, field="event")
        refuse_large("What the event says", "payload", payload)
        detail = await self._open(who, run, act="signal", event=name)
        client = await self.client()
        event = SentEvent(id=event_id or ids.new_id("evt"), name=name, payload=payload)
        record = run_record(who, detail, {"event": "event_sent", "name": name, "id": event.id})
        await self.db.write(lambda tx: log.append(tx, record))
        try:
            await client.get_workflow_handle(run).signal(SIGNAL_EVENT, event)
        except RPCError as error:
            raise RuntimeUnavailable(f"Temporal did not take the event: {error.message}.") from error

    async def _open(self, who: SignedIn, run: str, **facts: Any) -> RunDetail:
        """The run, if `who` may steer it and it goes on. Raises NotFound, Forbidden, Conflict."""
        detail = await self.get(who, run)
        may_steer(self.policy, who, detail.principal, run, {"run": run, "agent": detail.agent, **facts})
        if detail.state in ENDED:
            raise Conflict(f"The run has {detail.state} already.")
        return detail

    async def _told(self, who: SignedIn, run: str) -> RunDetail:
        with suppress(RuntimeUnavailable):  # it is written: the outbox tells it as soon as Temporal answers
            await self.tell_pauses(run)
        return await self.get(who, run)
