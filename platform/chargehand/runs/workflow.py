"""The one workflow class: its type is the agent's name, its body is the agent's own graph.

Everything that happens to a run passes through here: what the graph does, and the signals from outside. A run
ends succeeded, failed or stopped, and says so in its table before the workflow ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Literal

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from chargehand.agents.execution import execute
from chargehand.runs.carrying import carry, go_on, journal_of, ledger_of, retried, states_of, take_up
from chargehand.runs.failure import describe
from chargehand.runs.hops import ACTIVITY_LIMIT, RETRY, settled
from chargehand.runs.inline import run_inline
from chargehand.runs.model import (
    QUEUE_GATEWAY,
    SIGNAL_ANSWER,
    SIGNAL_APPROVAL,
    SIGNAL_EVENT,
    SIGNAL_PAUSE,
    SIGNAL_PAUSE_ABOVE,
    SIGNAL_STOP,
)
from chargehand.runs.payloads import Answer, Finish, Pause, RunInput, SentEvent, Stop
from chargehand.runs.registry import agent_of_worker
from chargehand.runs.runtime import TemporalRuntime
from chargehand.runs.sizes import refuse_large


@workflow.defn(dynamic=True)
class AgentRun:
    """Runs the agent that its type names."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        self.input = workflow.payload_converter().from_payload(args[0].payload, RunInput)
        self.journal = journal_of(self.input)
        # An agent that this worker does not know fails the task, not the run: another worker may know it.
        self.spec = agent_of_worker(workflow.info().workflow_type)
        self.runtime = TemporalRuntime(self.spec, self.input, self.journal, ledger_of(self.input))
        self.graph = take_up(self.runtime)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Any:  # noqa: ARG002  # read in __init__, before any signal
        run_inline()
        if self.journal.seq == 0:
            what = {"agent": self.spec.name, "version": self.spec.version, **retried(self.input)}
            self.journal.add("run.started", {**what, "undo": [one.tool.name for one in self.spec.undo]})
        try:
            result = await self._executed()
            refuse_large("What the graph returns", "result", result)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            if self.runtime.stop is not None:
                return await self._ended(self._stopped())
            return await self._ended(self._failed(error))
        except BaseException as error:
            if self.runtime.stop is not None or is_cancelled_exception(error):
                return await self._ended(self._stopped())
            raise
        if self.runtime.stop is not None:
            return await self._ended(self._stopped())
        self.journal.add("run.succeeded", {"result": result})
        await self._ended(self._finish("succeeded", result=result))
        return result

    async def _executed(self) -> Any:
        """The graph's output; or the run goes on in another history, which is raised."""
        executing = execute(self.spec, self.input.input, self.runtime, self._answers, self.graph)
        working = asyncio.ensure_future(executing)
        carried = None
        try:
            while not working.done() and carried is None:
                await workflow.wait_condition(lambda: working.done() or self.runtime.is_parked)
                if not working.done():
                    carried = carry(self.runtime, self.graph)
        finally:
            # Cut short, in another history the nodes that wait run again from their top, and do nothing twice.
            self.runtime.left = carried is not None
            if not working.done():
                working.cancel()
                await asyncio.wait([working])
        if carried is not None:
            go_on(self.input, carried)
        return working.result()

    async def _ended(self, ending: Coroutine[Any, Any, None]) -> None:
        """Taking back, and saying how it ended, is not cut short, whoever cancels the run meanwhile."""
        working = asyncio.ensure_future(ending)
        await settled(working)
        working.result()

    async def _failed(self, error: BaseException) -> None:
        failure = describe(error, self.spec)
        await self._undo()
        failure["detail"] = self._and_what_stands(failure["detail"])
        self.journal.add("run.failed", failure)
        await self._finish("failed", failure=failure)
        raise ApplicationError(str(failure["detail"]), type="RunFailed", non_retryable=True) from error

    async def _stopped(self) -> None:
        asked, self.runtime.stop = self.runtime.stop, None
        self.runtime.go_on_for_good()
        await self._undo()
        data = {"by": asked.by if asked else "", "reason": asked.reason if asked else "cancelled"}
        self.journal.add("run.stopped", data)
        detail = self._and_what_stands(f"Stopped: {data['reason']}")
        await self._finish("stopped", failure={"detail": detail, "kind": "stopped"})
        if workflow.info().parent is not None:  # which must not take it for done
            raise ApplicationError(detail, type="RunStopped", non_retryable=True)

    async def _undo(self) -> None:
        try:
            await self.runtime.undo()
        except Exception as error:  # the run ends all the same; a person sees what is left standing
            self.journal.add("undo.failed", describe(error, self.spec))

    def _and_what_stands(self, detail: str) -> str:
        """With what was done and could not be taken back: whoever reads how the run ended must know."""
        left = "; ".join(self.runtime.standing)
        return f"{detail.rstrip('.')}. Not taken back: {left}." if left else detail

    async def _finish(self, state: Literal["succeeded", "failed", "stopped"], **how: Any) -> None:
        saved = [] if state == "succeeded" else await states_of(self.spec, self.graph)
        await workflow.execute_activity(
            "finish_run",
            Finish(state=state, telling=self.journal.take(), saved=saved, **how),
            task_queue=QUEUE_GATEWAY,
            start_to_close_timeout=ACTIVITY_LIMIT,
            retry_policy=RETRY,
        )

    async def _answers(self, interrupts: Sequence[Any]) -> Mapping[str, Any]:
        answers = await asyncio.gather(
            *(self.runtime.interrupted(one.value, getattr(one, "response_schema", None)) for one in interrupts)
        )
        return {one.id: answer for one, answer in zip(interrupts, answers, strict=True)}

    @workflow.signal(name=SIGNAL_APPROVAL)
    def approval_closed(self, approval: str) -> None:
        """An approval (or a call in doubt, by its key) was closed: the call looks again."""
        self.runtime.closed.add(approval)

    @workflow.signal(name=SIGNAL_ANSWER)
    def answer(self, answer: Answer) -> None:
        """A person answered; the first answer counts."""
        self.runtime.answers.setdefault(answer.task, answer)

    @workflow.signal(name=SIGNAL_STOP)
    def stop(self, stop: Stop) -> None:
        """Finish the step, take back what can be taken back, and end."""
        if self.runtime.undoing:  # it is ending already; what it takes back is not cut short
            self.runtime.go_on_for_good()
        elif self.runtime.stop is None:
            self.journal.add("run.stopping", {"by": stop.by, "reason": stop.reason})
            self.runtime.stop = stop

    @workflow.signal(name=SIGNAL_PAUSE)
    def pause(self, pause: Pause) -> None:
        """Begin nothing new, or go on; what was said before is old news."""
        if pause.number > self.runtime.pauses.number:
            if pause.paused != self.runtime.pauses.paused:
                self._tell_pause(pause)
            self.runtime.pauses = pause

    @workflow.signal(name=SIGNAL_PAUSE_ABOVE)
    def pause_above(self, pause: Pause) -> None:
        """The run that handed over to this one was paused, or goes on; only that one tells it."""
        if pause.number > self.runtime.pauses_above.number:
            self._tell_pause(pause)
            self.runtime.pauses_above = pause

    def _tell_pause(self, pause: Pause) -> None:
        kind = "run.paused" if pause.paused else "run.resumed"
        self.journal.add(kind, {"by": pause.by, "reason": pause.reason})

    @workflow.signal(name=SIGNAL_EVENT)
    def event(self, event: SentEvent) -> None:
        """Something happened outside that the run may wait for; sent twice with one id it counts once."""
        if event.id not in self.runtime.seen:
            self.runtime.seen.add(event.id)
            self.runtime.inbox.append(event)
