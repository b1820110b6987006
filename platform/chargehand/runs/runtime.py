"""The runtime of a run, on Temporal: every leaf is one activity, and waiting holds no worker.

Owned by one workflow; lives as long as it does. Tenant, person and agent are never said here: the gateway worker
knows them from the run whose workflow asks.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError

from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.forms import is_addressee
from chargehand.agents.ledger import Ledger
from chargehand.agents.model import AgentSpec, Undo
from chargehand.clock import parse
from chargehand.errors import BadInput
from chargehand.outcome import Failure, Outcome
from chargehand.runs.carrying import carry, go_on
from chargehand.runs.failure import describe
from chargehand.runs.hops import ACTIVITY_LIMIT, HEARTBEAT, RETRY, Hops
from chargehand.runs.journal import Journal
from chargehand.runs.keys import what_of
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.payloads import (
    Answer,
    Approval,
    ChildIn,
    ChildOut,
    Done,
    Earlier,
    IoNodeIn,
    ModelCallIn,
    ModelCallOut,
    PersonTaskIn,
    PersonTaskOut,
    Reminder,
    Retried,
    RunInput,
    SentEvent,
    ToolCallIn,
    ToolCallOut,
)
from chargehand.runs.sizes import WAY_OUT, refuse_large

# A connector that does not answer clearly is tried again after so many seconds each, the last ones over and over,
# as long as the author's patience allows.
CONNECTOR_RETRIES = (1, 2, 5, 10, 20, 60)
UNDO_PATIENCE = timedelta(days=1)
MODEL_RETRIES = (1, 2, 5, 10, 20, 60)
IN_DOUBT_RECHECK = timedelta(hours=1)
IN_DOUBT_LIMIT = timedelta(days=30)
APPROVAL_GRACE = timedelta(seconds=5)


class TemporalRuntime(Hops):
    """See `agents.runtime.Runtime`."""

    def __init__(self, spec: AgentSpec, run: RunInput, journal: Journal, ledger: Ledger) -> None:
        super().__init__(journal, run.history_events)
        self.spec = spec
        self.time = spec.budget.duration
        self.run = run
        self.ledger = ledger
        self.closed: set[str] = set()
        self.answers: dict[str, Answer] = {}
        self.inbox: list[SentEvent] = []
        self.seen: set[str] = set()
        self.tiers: frozenset[str] | None = None
        self.calls = 0
        self.done: list[Done] = []
        self.standing: list[str] = []
        """What was not taken back at the end, each with why."""
        self.retried: Retried | None = None
        self.open: dict[str, dict[str, Any]] = {}
        """What has begun and waits, by position or by what it is: what must stay as it was in the next history."""

    def at_boundary(self, graph: RunCheckpointer) -> None:
        if carried := carry(self, graph):
            go_on(self.run, carried)

    # Tool calls

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], *, step: str, position: int, patience: timedelta
    ) -> Outcome:
        await self._begin()
        if tool not in self.spec.tool_names():
            raise BadInput(
                f"the agent {self.spec.name!r} uses it without having declared it",
                field="tool",
                value=tool,
                way_out="Add it to agent(…, tools=[…]).",
            )
        refuse_large(f"What {tool} is given", tool, arguments)
        if earlier := self._earlier(tool, arguments):
            return self._reuse(earlier, tool, arguments, step, position)
        if str(position) not in self.open:
            limit = self.spec.budget.tool_calls
            if limit is not None and self.calls >= limit:
                detail = f"This run may make {limit} tool calls, and it has made them."
                failure = Failure(kind="policy", detail=detail, way_out="Raise the budget of the agent.")
                return Outcome(state="denied", tool=tool, call_key="", failure=failure)
            self.calls += 1
            self.journal.add("call.proposed", {"tool": tool, "arguments": arguments, "position": position}, step=step)
        with self._opened(position) as opened:
            outcome = await self._call_until_settled(tool, arguments, step, position, patience, opened)
        data = {"tool": tool, "position": position, **outcome.model_dump(mode="json")}
        self.journal.add("call.settled", data, step=step)
        if outcome.succeeded:
            self._did(tool, arguments, outcome, position)
        return outcome

    async def _call_until_settled(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        step: str,
        position: int,
        patience: timedelta,
        opened: dict[str, Any],
    ) -> Outcome:
        unavailable = 0
        give_up = False
        give_up_at = _kept(opened, "give_up_at", workflow.now() + patience)
        while True:
            await self._hold()  # what was approved or put off meanwhile is not sent while the run is paused
            answer = await self._gateway(
                "tool_call",
                lambda telling, give_up=give_up: ToolCallIn(
                    tool=tool,
                    arguments=dict(arguments),
                    position=position,
                    step=step,
                    telling=telling,
                    give_up=give_up,
                ),
                ToolCallOut,
                summary=tool,
                finish=lambda late: self._settled_late(tool, arguments, step, position, late),
            )
            if answer.approval is None and "asked" in opened:  # it was closed while the run went from one history on
                self._closed(opened, tool, step, position)
            if answer.approval is not None:
                await self._wait_for_approval(answer.approval, tool, step, position, opened)
            elif answer.too_large:
                self._settled_late(tool, arguments, step, position, answer)
                raise BadInput(answer.too_large, field=tool, way_out=WAY_OUT)
            elif answer.outcome is None:
                pause = timedelta(seconds=CONNECTOR_RETRIES[min(unavailable, len(CONNECTOR_RETRIES) - 1)])
                unavailable += 1
                give_up = workflow.now() + pause > give_up_at
                if not give_up:
                    await self._try_later(answer, tool, step, position, unavailable, pause)
            elif answer.outcome.state == "in_doubt":
                if workflow.now() >= _kept(opened, "doubt_until", workflow.now() + IN_DOUBT_LIMIT):
                    return answer.outcome
                await self._wait_for_reconciliation(answer.outcome, step)
            else:
                return answer.outcome

    async def _try_later(
        self, answer: ToolCallOut, tool: str, step: str, position: int, attempt: int, pause: timedelta
    ) -> None:
        """The connector was not reached, or gave no clear answer: the same key again, a while later."""
        data = {"tool": tool, "position": position, "why": answer.unavailable, "attempt": attempt}
        self.journal.add("call.retry", {**data, "seconds": pause.total_seconds()}, step=step)
        with self.journal.waiting("connector", answer.key, answer.unavailable, node=step, until=None):
            await self._pause(pause)

    def _settled_late(
        self, tool: str, arguments: Mapping[str, Any], step: str, position: int, answer: ToolCallOut
    ) -> None:
        if answer.outcome is not None:
            data = {"tool": tool, "position": position, **answer.outcome.model_dump(mode="json")}
            self.journal.add("call.settled", data, step=step)
            if answer.outcome.succeeded:
                self._did(tool, arguments, answer.outcome, position)

    def _earlier(self, tool: str, arguments: Mapping[str, Any]) -> Earlier | None:
        """What the run that is retried did already, if it was exactly this; each is found once."""
        if self.retried is None or not self.retried.earlier:
            return None
        try:
            what = what_of(tool, arguments)
        except ValueError:  # it is refused as soon as it is proposed
            return None
        found = next((one for one in self.retried.earlier if one.what == what), None)
        if found is not None:
            left = [one for one in self.retried.earlier if one is not found]
            self.retried = self.retried.model_copy(update={"earlier": left})
        return found

    def _reuse(self, earlier: Earlier, tool: str, arguments: Mapping[str, Any], step: str, position: int) -> Outcome:
        what = {"tool": tool, "position": position, "reused": earlier.run}
        self.journal.add("call.proposed", {**what, "arguments": arguments}, step=step)
        self.journal.add("call.settled", {**what, **earlier.outcome.model_dump(mode="json")}, step=step)
        self._did(tool, arguments, earlier.outcome, position)
        return earlier.outcome

    def _did(self, tool: str, arguments: Mapping[str, Any], outcome: Outcome, position: int) -> None:
        if any(tool in (one.tool.name, one.by.name) for one in self.spec.undo):  # what nothing takes back is not kept
            self.done.append(Done(tool=tool, arguments=dict(arguments), value=outcome.value, position=position))

    @contextmanager
    def _opened(self, name: object) -> Generator[dict[str, Any]]:
        """What begins here, or began in another history: what is kept of it until it ends."""
        try:
            yield self.open.setdefault(str(name), {})
        finally:
            self.open.pop(str(name), None)

    async def _wait_for_approval(
        self, approval: Approval, tool: str, step: str, position: int, opened: dict[str, Any]
    ) -> None:
        """Until it is closed or its time is over; reminds and escalates on the way. Then the gateway is asked again."""
        expires = parse(approval.expires_at)
        data = {"tool": tool, "position": position, **approval.model_dump(mode="json")}
        if opened.get("asked") != approval.id:
            self.journal.add("call.asked", data, step=step)
        opened["asked"] = approval.id
        steps = [
            (parse(at), kind) for at, kind in ((approval.remind_at, "remind"), (approval.escalate_at, "escalate")) if at
        ]
        steps = sorted(one for one in steps if workflow.now() < one[0] < expires)
        with self.journal.waiting("approval", approval.id, approval.sentence, node=step, until=expires):
            await self._tell()
            for at, kind in [*steps, (expires + APPROVAL_GRACE, "expire")]:
                if await self._until(lambda: approval.id in self.closed, at):
                    break
                if kind != "expire":
                    self.journal.add("call.reminded", {"approval": approval.id, "kind": kind}, step=step)
                    await self._remind(kind, approval.id)
        self._closed(opened, tool, step, position)

    def _closed(self, opened: dict[str, Any], tool: str, step: str, position: int) -> None:
        data = {"approval": opened.pop("asked"), "tool": tool, "position": position}
        self.journal.add("call.closed", data, step=step)

    async def _wait_for_reconciliation(self, outcome: Outcome, step: str) -> None:
        """Nobody knows whether it was done: a person finds out. The signal, or another look after a while."""
        detail = outcome.failure.detail if outcome.failure else outcome.tool
        self.journal.add(
            "call.in_doubt", {"tool": outcome.tool, "call_key": outcome.call_key, "why": detail}, step=step
        )
        with self.journal.waiting("in_doubt", outcome.call_key, detail, node=step, until=None):
            await self._tell()
            await self._until(lambda: outcome.call_key in self.closed, workflow.now() + IN_DOUBT_RECHECK)
            self.closed.discard(outcome.call_key)

    async def undo(self) -> None:
        """Take back what succeeded and can be taken back, newest first, through the same gate.

        What can't be taken back keeps nothing else from it, and is in `standing`.
        """
        self.undoing = True
        undone = {(one.tool, str(one.arguments)) for one in self.done}
        for done in reversed(self.done):
            declared = self.spec.undo_for(done.tool)
            if declared is None:
                continue
            try:
                why = await self._undo(done, declared, undone)
            except Exception as error:  # an author's `arguments`, mostly; a person sees what is left standing
                failed = describe(error, self.spec)
                self.journal.add("undo.failed", {**failed, "tool": done.tool, "undoes": done.position})
                why = str(failed["detail"])
            if why:
                self.standing.append(f"{done.tool} ({why})")

    async def _undo(self, done: Done, declared: Undo, undone: set[tuple[str, str]]) -> str:
        """Why it was not taken back; empty when it was."""
        undoing, undo_arguments = declared.arguments_for(done.arguments, done.value)
        if (undoing, str(undo_arguments)) in undone:
            return ""
        self.journal.add("undo.started", {"tool": done.tool, "by": undoing})
        position = self.ledger.take_position()
        what = {"tool": undoing, "position": position, "undoes": done.position}
        self.journal.add("call.proposed", {**what, "arguments": undo_arguments})
        outcome = await self._call_until_settled(undoing, undo_arguments, "", position, UNDO_PATIENCE, {})
        self.journal.add("call.settled", {**what, **outcome.model_dump(mode="json")})
        if outcome.succeeded:
            return ""
        return f"{undoing}: {outcome.failure.detail if outcome.failure else outcome.state}"

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

    # People, agents, nodes

    async def ask_person(self, question: Mapping[str, Any], *, step: str, position: int) -> Mapping[str, Any]:
        await self._begin()
        task = f"task_{self.run.run.removeprefix('run_')}_{position}"
        asked_before = str(position) in self.open
        with self._opened(position) as opened:
            expires = _kept(opened, "expires", workflow.now() + timedelta(seconds=float(question["within_seconds"])))
            remind_after = question.get("remind_after_seconds")
            remind = _kept(opened, "remind", workflow.now() + timedelta(seconds=float(remind_after or 0)))
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
        given: dict[str, Any] = value if isinstance(value, dict) else {"question": str(value)}
        to = str(given.get("to"))  # may as well be the author's own, as in a mail to be looked at
        question = {
            "title": str(given.get("title") or ""),
            "question": str(given.get("question") or given.get("title") or given),
            "schema": dict(schema) if schema else {},
            "to": to if is_addressee(to) else "principal",
            "within_seconds": timedelta(days=30).total_seconds(),
        }
        position = self.ledger.take_position()
        reply = await self.ask_person(question, step=str(given.get("node") or ""), position=position)
        if reply["state"] != "answered":
            raise BadInput("nobody answered in 30 days", field="interrupt", value=question["question"])
        return reply["answer"]

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
        child = await self._gateway(
            "start_child",
            lambda telling: ChildIn(agent=agent, input=dict(value), position=position, telling=telling),
            ChildOut,
            summary=f"start {agent}",
        )
        if not child.run:
            failure = Failure(kind="policy", detail=child.refused)
            return Outcome(state="denied", tool=tool, call_key="", failure=failure)
        self.journal.add("agent.started", {"agent": agent, "run": child.run}, step=step)
        await self._tell()
        try:
            with self._working():
                result = await workflow.execute_child_workflow(
                    agent,
                    RunInput(
                        run=child.run,
                        agent=agent,
                        version=child.version,
                        input=dict(value),
                        history_events=self.history_events,
                    ),
                    id=child.run,
                    task_queue=workflow.info().task_queue,
                )
            outcome = Outcome(state="succeeded", tool=tool, call_key=child.run, value=result)
        except ChildWorkflowError as error:
            cause = error.cause
            detail = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
            failure = Failure(kind="unknown", detail=detail)
            outcome = Outcome(state="failed", tool=tool, call_key=child.run, failure=failure)
        self.journal.add("agent.finished", {"agent": agent, "run": child.run, "state": outcome.state}, step=step)
        return outcome

    async def run_node(self, node: str, value: Any, *, step: str, position: int) -> Any:  # noqa: ARG002  # a leaf's
        await self._begin()
        refuse_large("What the node is given", node, value)
        try:
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
        wait_id = f"event-{self.journal.seq}"
        with self.journal.waiting("event", wait_id, f"Waits for {event!r}", node=step, until=until):
            if not any(one.name == event for one in self.inbox):
                await self._tell()
            await self._until(lambda: any(one.name == event for one in self.inbox), until)
        found = next((one for one in self.inbox if one.name == event), None)
        if found is None:
            return None
        self.inbox.remove(found)
        self.journal.add("event.received", {"name": event}, step=step)
        return found.payload

    def record(self, kind: str, data: Mapping[str, Any], *, step: str) -> None:
        self.journal.add(kind, data, step=step)


def _kept(opened: dict[str, Any], name: str, at: datetime) -> datetime:
    """A time that was fixed when this began, in whichever history that was."""
    return datetime.fromisoformat(opened.setdefault(name, at.isoformat()))
