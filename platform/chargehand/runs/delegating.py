"""Runs of other agents: begun by the run that hands over to them, paused and stopped with it, and ended with it.

Temporal cancels a child whose place in its parent is cut short, and ends one whose parent has ended. What a person says
of the run above is passed on to those below, and no row of a run is left open that nothing runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError

from chargehand.errors import BadInput
from chargehand.outcome import Failure, Outcome
from chargehand.runs.calls import Calls
from chargehand.runs.hops import settled
from chargehand.runs.model import SIGNAL_PAUSE_ABOVE, SIGNAL_STOP
from chargehand.runs.payloads import ChildEnd, ChildIn, ChildOut, Pause, RunInput

_Handle = workflow.ChildWorkflowHandle[Any, Any]


class Delegating(Calls):
    """Owned by one workflow."""

    async def run_agent(self, agent: str, value: Mapping[str, Any], *, step: str, position: int) -> Outcome:
        await self._begin()
        if agent not in self.spec.agents:
            raise BadInput(
                f"the agent {self.spec.name!r} delegates without having declared it",
                field="agent",
                value=agent,
                way_out="Add it to agent(…, agents=[…]).",
            )
        tool = f"agent.{agent}"
        if earlier := self._earlier(tool, value):
            child_run = {"agent": agent, "run": earlier.outcome.call_key}
            self.journal.add("agent.started", {**child_run, "position": position, "reused": earlier.run}, step=step)
            self.journal.add("agent.finished", {**child_run, "state": earlier.outcome.state}, step=step)
            return earlier.outcome
        written: list[ChildOut] = []
        try:
            child = await self._gateway(
                "start_child",
                lambda telling: ChildIn(agent=agent, input=dict(value), position=position, telling=telling),
                ChildOut,
                summary=f"start {agent}",
                asked=[tool, value],
                finish=written.append,
            )
            if not child.run:
                failure = Failure(kind="policy", detail=child.refused)
                return Outcome(state="denied", tool=tool, call_key="", failure=failure)
            written.append(child)
            return await self._hand_over(agent, child, value, step)
        except asyncio.CancelledError:
            for one in written:
                await self._end_below(agent, one.run, step)
            raise

    async def _hand_over(self, agent: str, child: ChildOut, value: Mapping[str, Any], step: str) -> Outcome:
        tool = f"agent.{agent}"
        self.journal.add("agent.started", {"agent": agent, "run": child.run}, step=step)
        await self._tell()
        await self._hold()
        given = RunInput(
            run=child.run,
            agent=agent,
            version=child.version,
            input=dict(value),
            history_events=self.history_events,
            bound=self.bound,
        )
        try:
            with self._working():
                result = await self._followed(agent, given)
            outcome = Outcome(state="succeeded", tool=tool, call_key=child.run, value=result)
        except ChildWorkflowError as error:
            self._go_on()  # it was stopped with this run
            cause = error.cause
            detail = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
            failure = Failure(kind="unknown", detail=detail)
            outcome = Outcome(state="failed", tool=tool, call_key=child.run, failure=failure)
        self.journal.add("agent.finished", {"agent": agent, "run": child.run, "state": outcome.state}, step=step)
        return outcome

    async def _followed(self, agent: str, given: RunInput) -> Any:
        """What the run below returns. Cut short, it is cancelled, and has ended when this raises."""
        starting = asyncio.ensure_future(
            workflow.start_child_workflow(agent, given, id=given.run, task_queue=workflow.info().task_queue)
        )
        try:
            handle = await asyncio.shield(starting)
            await self._pass_on(handle)
            return await asyncio.shield(handle)
        except asyncio.CancelledError:
            await settled(starting)
            if not starting.cancelled() and starting.exception() is None:
                starting.result().cancel()
                await settled(starting.result())
            raise

    async def _pass_on(self, handle: _Handle) -> None:
        """Until it has ended: tell it of a stop, and of each pause, that holds for this run."""
        told, paused, stopped = 0, False, False
        while True:
            await workflow.wait_condition(
                lambda: (
                    handle.done() or (self.stop is not None and not stopped) or (self.halted is not None) is not paused  # noqa: B023  # asked before they change
                )
            )
            if handle.done():
                return
            with suppress(FailureError):  # it ended meanwhile
                if self.stop is not None and not stopped:
                    stopped = True
                    await handle.signal(SIGNAL_STOP, self.stop)
                else:
                    told, paused = told + 1, self.halted is not None
                    said = self.halted or self.pauses
                    await handle.signal(
                        SIGNAL_PAUSE_ABOVE, Pause(number=told, paused=paused, by=said.by, reason=said.reason)
                    )

    async def _end_below(self, agent: str, run: str, step: str) -> None:
        """Its place here was cut short; unless it said itself how it ended, it never began."""
        self.journal.add("agent.finished", {"agent": agent, "run": run, "state": "stopped"}, step=step)
        await self._gateway("end_child", lambda telling: ChildEnd(run=run, telling=telling), None)
