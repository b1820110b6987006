"""The runtime of a run, on Temporal: each leaf is one activity, and waiting holds no worker. Tool calls: see `calls`;
runs of other agents: `delegating`.

Owned by one workflow; lives as long as it does. Tenant, person and agent are never said here: the gateway worker
knows them from the run whose workflow asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.interrupts import interrupt_form
from chargehand.agents.ledger import Ledger
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.runs.calls import kept
from chargehand.runs.carrying import carry, go_on
from chargehand.runs.delegating import Delegating
from chargehand.runs.hops import ACTIVITY_LIMIT, HEARTBEAT, RETRY
from chargehand.runs.journal import Journal
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.payloads import (
    Answer,
    IoNodeIn,
    ModelCallIn,
    ModelCallOut,
    PersonTaskIn,
    PersonTaskOut,
    Reminder,
    RunInput,
    SentEvent,
)
from chargehand.runs.sizes import refuse_large

MODEL_RETRIES = (1, 2, 5, 10, 20, 60)


class TemporalRuntime(Delegating):
    """See `agents.runtime.Runtime`."""

    def __init__(self, spec: AgentSpec, run: RunInput, journal: Journal, ledger: Ledger) -> None:
        super().__init__(spec, run, journal, ledger)
        self.time = spec.budget.duration
        self.answers: dict[str, Answer] = {}
        self.inbox: list[SentEvent] = []
        self.seen: set[str] = set()
        self.event_waits = 0
        self.events_taken = 0
        self.tiers: frozenset[str] | None = None

    def at_boundary(self, graph: RunCheckpointer) -> None:
        if carried := carry(self, graph):
            go_on(self.run, carried)

    # Models

    async def call_model(self, request: Mapping[str, Any], *, step: str, position: int) -> Mapping[str, Any]:
        await self._begin()
        refuse_large("What the model is asked", "chat_model", request)
        self.journal.add("model.asked", {"tier": request["tier"], "position": position}, step=step)
        asked = self.journal.seq
        delays = iter(MODEL_RETRIES)
        while True:
            answer = await self._gateway(
                "model_call",
                lambda telling: ModelCallIn(
                    request=dict(request),
                    position=position,
                    step=step,
                    telling=telling,
                    asked=asked,
                    token_limit=self.spec.budget.tokens,
                    call_limit=self.spec.budget.model_calls,
                    cost_limit=self.spec.budget.dollars,
                ),
                ModelCallOut,
                summary=f"model {request['tier']}",
            )
            if answer.message is not None:
                self.journal.add("model.answered", {"position": position, **answer.usage}, step=step)
                return {"message": answer.message, "usage": answer.usage}
            seconds = next(delays, None)
            if answer.error or seconds is None:
                raise BadInput(answer.error or answer.unavailable, field="chat_model", value=request["tier"])
            self.journal.add("model.retry", {"position": position, "why": answer.unavailable}, step=step)
            await self._pause(timedelta(seconds=seconds))
            await self._hold()

    async def model_tiers(self) -> frozenset[str]:
        if self.tiers is None:
            with self._working():
                found = await workflow.execute_activity(
                    "model_tiers",
                    result_type=list[str],
                    task_queue=QUEUE_GATEWAY,
                    start_to_close_timeout=HEARTBEAT,
                    retry_policy=RETRY,
                )
            self.tiers = frozenset(found)
        return self.tiers

    # People, nodes

    async def ask_person(self, question: Mapping[str, Any], *, step: str, position: int) -> Mapping[str, Any]:
        await self._begin()
        task = f"task_{self.run.run.removeprefix('run_')}_{position}"
        asked_before = str(position) in self.open
        with self._opened(position) as opened:
            expires = kept(opened, "expires", workflow.now() + timedelta(seconds=float(question["within_seconds"])))
            remind_after = question.get("remind_after_seconds")
            remind = kept(opened, "remind", workflow.now() + timedelta(seconds=float(remind_after or 0)))
            with self.journal.waiting("task", task, str(question["question"]), node=step, until=expires):
                if not asked_before:
                    await self._put(task, question, step, expires)
                if remind_after and remind < expires and not opened.get("reminded"):
                    if not await self._until(lambda: task in self.answers, remind):
                        self.journal.add("person.reminded", {"task": task}, step=step)
                        await self._remind("remind", task)
                    opened["reminded"] = True
                answered = await self._until(lambda: task in self.answers, expires)
        if answered:
            reply = PersonTaskOut(state="answered", answer=self.answers[task].answer, by=self.answers[task].by)
        else:  # an answer may have been given in the last moment: the table decides
            reply = await self._gateway(
                "expire_task", lambda telling: Reminder(kind="expire", id=task, telling=telling), PersonTaskOut
            )
        self.journal.add(f"person.{reply.state}", {"task": task, "by": reply.by, "answer": reply.answer}, step=step)
        if self.journal.waits:  # another branch goes on waiting: nothing else would tell that this one does not
            await self._tell()
        return reply.model_dump()

    async def _put(self, task: str, question: Mapping[str, Any], step: str, expires: datetime) -> None:
        data = {"task": task, "to": question["to"], "question": question["question"], "expires_at": expires.isoformat()}
        self.journal.add("person.asked", data, step=step)
        await self._gateway(
            "person_task",
            lambda telling: PersonTaskIn(
                id=task,
                node=step,
                title=question["title"],
                question=question["question"],
                form=question["schema"],
                to=question["to"],
                expires_at=expires.isoformat(),
                telling=telling,
            ),
            PersonTaskOut,
            summary=f"ask {question['to']}",
        )

    async def interrupted(self, value: Any, schema: Mapping[str, Any] | None) -> Any:
        """LangGraph's own `interrupt(value)`: ask whoever started the run, or whom the value names in `to`."""
        within = timedelta(days=30).total_seconds()
        question = {**interrupt_form(value, schema), "within_seconds": within}
        node = str(cast("dict[str, Any]", value).get("node") or "") if isinstance(value, dict) else ""
        position = self.ledger.take_position()
        reply = await self.ask_person(question, step=node, position=position)
        if reply["state"] != "answered":
            raise BadInput("nobody answered in 30 days", field="interrupt", value=question["question"])
        return reply["answer"]

    async def run_node(self, node: str, value: Any, *, step: str, position: int) -> Any:  # noqa: ARG002  # a leaf's
        await self._begin()
        refuse_large("What the node is given", node, value)
        try:
            async with self._room:
                self._go_on()
                with self._working():
                    return await workflow.execute_activity(
                        "io_node",
                        IoNodeIn(node=node, value=value),
                        start_to_close_timeout=ACTIVITY_LIMIT,
                        retry_policy=RetryPolicy(maximum_attempts=5),
                        summary=node,
                    )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                raise BadInput(f"the node {node} failed: {cause.message}", field=step or node) from None
            raise

    # Time and events

    def now(self) -> datetime:
        return workflow.now()

    def uuid(self) -> UUID:
        return workflow.uuid4()

    async def sleep_until(self, at: datetime, *, step: str) -> None:
        await self._begin()
        name = f"timer {step} {at.isoformat()}"
        if at <= workflow.now() and name not in self.open:
            return
        if name not in self.open:
            self.journal.add("timer.started", {"until": at.isoformat()}, step=step)
        with self._opened(name):
            with self.journal.waiting("timer", f"timer-{self.journal.seq}", "Waits for a time", node=step, until=at):
                await self._tell()
                await self._until(lambda: False, at)
            self.journal.add("timer.fired", {}, step=step)

    async def wait_for(self, event: str, *, within: timedelta | None, step: str) -> Any:
        await self._begin()
        until = workflow.now() + within if within else None
        self.event_waits += 1
        wait_id = f"event-{self.event_waits}"
        with self.journal.waiting("event", wait_id, f"Waits for {event!r}", node=step, until=until):
            if not any(one.name == event for one in self.inbox):
                if not self.journal.untold:  # begun together with another wait: it is told with an event, or not at all
                    self.journal.add("event.awaited", {"name": event}, step=step)
                await self._tell()
            while True:
                taken = self.events_taken
                await self._until(lambda: any(one.name == event for one in self.inbox), until)
                found = next((one for one in self.inbox if one.name == event), None)
                if found is not None or self.events_taken == taken:  # else another branch took it first
                    break
        if found is None:
            return None
        self.inbox.remove(found)
        self.events_taken += 1
        self.journal.add("event.received", {"name": event}, step=step)
        return found.payload

    def record(self, kind: str, data: Mapping[str, Any], *, step: str) -> None:
        self.journal.add(kind, data, step=step)
