"""What a run's workflow has done on the gateway's queue: everything that needs credentials or the database.

Who acts is never taken from the payload. The workflow that asks is a run, and the run's row says for whom, by which
agent and in which tenant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.clock import iso, parse
from chargehand.database import Database, Transaction
from chargehand.errors import Ambiguous, ChargehandError, ConnectorUnavailable, NotFound, Unavailable
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.models.model import Limits, ModelAnswer, ModelRequest
from chargehand.models.words import Tell, text_of
from chargehand.outcome import Outcome
from chargehand.runs import saved_store, store
from chargehand.runs.ending import end
from chargehand.runs.heartbeat import heartbeat
from chargehand.runs.keys import call_key
from chargehand.runs.payloads import (
    Approval,
    ChildEnd,
    ChildIn,
    ChildOut,
    Finish,
    ModelCallIn,
    ModelCallOut,
    PersonTaskIn,
    PersonTaskOut,
    Reminder,
    Saved,
    Telling,
    ToolCallIn,
    ToolCallOut,
)
from chargehand.runs.rows import dumps, loads
from chargehand.runs.sizes import too_large
from chargehand.runs.speech import Speech
from chargehand.runs.text_store import Call
from chargehand.settings import settings


class Gateway(Protocol):
    """The one door to connectors; see `gateway.gateway.Gateway`."""

    async def call(self, call: ToolCall) -> Outcome | ApprovalNeeded: ...

    async def give_up(self, call: ToolCall) -> Outcome: ...


class Models(Protocol):
    """The model matrix; see `models.provider.Models`."""

    def tiers(self) -> frozenset[str]: ...

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer: ...


class Reminders(Protocol):
    """What timers do to an approval request; see `approvals.service.ApprovalService`."""

    async def remind(self, approval: str, tenant: str) -> Any: ...

    async def escalate(self, approval: str, tenant: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What never changes about a run, remembered by the worker that serves it."""

    tenant: str
    run: str
    agent: str
    version: str
    chain: tuple[str, ...]
    principal: str
    business_key: str
    signed_in_by: str


class Children(Protocol):
    """Runs of other agents; see `runs.service.RunService`."""

    async def start_child(
        self, parent: RunFacts, agent: str, value: Mapping[str, Any], request_key: str
    ) -> tuple[str, str]: ...

    async def end_child(self, parent: RunFacts, run: str) -> None: ...


class GatewayActivities:
    """One per gateway worker."""

    def __init__(
        self, db: Database, gateway: Gateway, models: Models, reminders: Reminders, children: Children
    ) -> None:
        self.db = db
        self.gateway = gateway
        self.models = models
        self.reminders = reminders
        self.children = children
        self._facts: dict[str, RunFacts] = {}

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.tool_call,
            self.model_call,
            self.model_tiers,
            self.record_events,
            self.remind,
            self.person_task,
            self.expire_task,
            self.start_child,
            self.end_child,
            self.finish_run,
        ]

    @activity.defn(name="tool_call")
    async def tool_call(self, given: ToolCallIn) -> ToolCallOut:
        """Through the gateway. What is not the call's fault is tried again, for ever; nothing was sent meanwhile."""
        facts = await self._run(given.telling)
        key = call_key(facts.tenant, facts.run, given.position)
        call = ToolCall(
            tenant=facts.tenant,
            run=facts.run,
            key=key,
            chain=facts.chain,
            tool=given.tool,
            arguments=given.arguments,
            agent=facts.agent,
            agent_version=facts.version,
            step=given.step,
            business_key=facts.business_key,
        )
        async with heartbeat():
            # The events ride along in the same group commit as the gateway's own record.
            told = asyncio.create_task(self._tell(facts, given.telling))
            try:
                asked = self.gateway.give_up(call) if given.give_up else self.gateway.call(call)
                answer = await _finish(asked)
            except (ConnectorUnavailable, Ambiguous) as error:  # the workflow asks again, or gives up
                return ToolCallOut(key=key, unavailable=str(error))
            except Unavailable as error:
                raise _again(error) from error
            finally:
                await _settled(told)
        if isinstance(answer, Outcome):
            problem = too_large(f"The result of {given.tool}", answer.value, settings().largest_value)
            if problem:
                return ToolCallOut(key=key, outcome=answer.model_copy(update={"value": None}), too_large=problem)
            return ToolCallOut(key=key, outcome=answer)
        return ToolCallOut(
            key=key,
            approval=Approval(
                id=answer.approval,
                sentence=answer.sentence,
                expires_at=iso(answer.expires_at),
                remind_at=iso(answer.remind_at) if answer.remind_at else None,
                escalate_at=iso(answer.escalate_at) if answer.escalate_at else None,
            ),
        )

    @activity.defn(name="model_call")
    async def model_call(self, given: ModelCallIn) -> ModelCallOut:
        """Ask the configured model; the answer is kept by key, so that a crash does not pay twice.

        What it says is written as it comes, and all of it before this returns.
        """
        facts = await self._run(given.telling)
        await self._tell(facts, given.telling)
        request = ModelRequest(
            tenant=facts.tenant,
            run=facts.run,
            key=call_key(facts.tenant, facts.run, given.position),
            agent=facts.agent,
            principal=facts.principal,
            step=given.step,
            limits=Limits(given.call_limit, given.token_limit, given.cost_limit),
            **given.request,
        )
        call = Call(facts.tenant, facts.run, given.position, given.step, given.asked)
        async with heartbeat(), Speech(self.db, call) as speech:
            try:
                answer = await self.models.ask(request, speech.tell)
            except Unavailable as error:
                return ModelCallOut(unavailable=str(error))
            except ChargehandError as error:
                return ModelCallOut(error=str(error))
            try:
                await speech.complete(text_of(answer.message))
            except Unavailable as error:  # the answer is kept: the next attempt finds it, and says it
                raise _again(error) from error
        return ModelCallOut(message=answer.message, usage=answer.usage.as_json())

    @activity.defn(name="model_tiers")
    async def model_tiers(self) -> list[str]:
        return sorted(self.models.tiers())

    @activity.defn(name="record_events")
    async def record_events(self, telling: Telling) -> None:
        await self._tell(await self._run(telling), telling)

    @activity.defn(name="remind")
    async def remind(self, given: Reminder) -> None:
        """Remind or escalate. Both are harmless when repeated or when it was closed meanwhile."""
        facts = await self._run(given.telling)
        await self._tell(facts, given.telling)
        if given.id.startswith("task_"):
            return  # the event above is the reminder: the console shows the task as due
        try:
            if given.kind == "escalate":
                await self.reminders.escalate(given.id, facts.tenant)
            else:
                await self.reminders.remind(given.id, facts.tenant)
        except NotFound:
            return
        except Unavailable as error:
            raise _again(error) from error

    @activity.defn(name="person_task")
    async def person_task(self, given: PersonTaskIn) -> PersonTaskOut:
        """Put a question to a person; putting it twice changes nothing."""
        facts = await self._run(given.telling)
        to = facts.principal if given.to == "principal" else given.to

        def unit(tx: Transaction) -> Mapping[str, Any]:
            row = store.PersonTaskRow(
                id=given.id,
                tenant=facts.tenant,
                run=facts.run,
                agent=facts.agent,
                node=given.node,
                question=given.question,
                title=given.title,
                form=dumps(given.form),
                to=to,
                principal=facts.principal,
                state="open",
                asked_at=iso(clock.now()),
                expires_at=iso(parse(given.expires_at)),
            )
            if store.find_task(tx.connection, given.id) is None:
                store.insert_ignore(tx.connection, store.TASK, [row.model_dump()])
                detail = {"task": given.id, "question": given.question, "to": to}
                log.append(tx, _record(facts, "person_task", {"event": "asked", **detail}, step=given.node))
            self._events(tx, facts, given.telling)
            found = store.find_task(tx.connection, given.id)
            return {} if found is None else dict(found)

        return _task_out(await self._write(unit))

    @activity.defn(name="expire_task")
    async def expire_task(self, given: Reminder) -> PersonTaskOut:
        """Close a question whose time is over, unless it was answered: then the answer."""
        facts = await self._run(given.telling)

        def unit(tx: Transaction) -> Mapping[str, Any]:
            if store.close_task(tx, given.id, "expired"):
                log.append(tx, _record(facts, "person_task", {"event": "expired", "task": given.id}))
            store.mark_told(tx, given.id)
            self._events(tx, facts, given.telling)
            found = store.find_task(tx.connection, given.id)
            return {} if found is None else dict(found)

        return _task_out(await self._write(unit))

    @activity.defn(name="start_child")
    async def start_child(self, given: ChildIn) -> ChildOut:
        """A run for another agent, for the same person; policy decides as for a start by hand."""
        facts = await self._run(given.telling)
        await self._tell(facts, given.telling)
        key = f"child:{call_key(facts.tenant, facts.run, given.position)}"
        try:
            run, version = await self.children.start_child(facts, given.agent, given.input, key)
        except Unavailable as error:
            raise _again(error) from error
        except ChargehandError as error:
            return ChildOut(refused=str(error))
        return ChildOut(run=run, version=version)

    @activity.defn(name="end_child")
    async def end_child(self, given: ChildEnd) -> None:
        """Say of a run below how it ended, if it could not say so itself."""
        facts = await self._run(given.telling)
        await self._tell(facts, given.telling)
        try:
            await self.children.end_child(facts, given.run)
        except Unavailable as error:
            raise _again(error) from error

    @activity.defn(name="finish_run")
    async def finish_run(self, given: Finish) -> None:
        """Record how the run ended, once."""
        facts = await self._run(given.telling)

        def record(kind: RecordKind, detail: dict[str, Any]) -> Record:
            return _record(facts, kind, detail, outcome=given.state if kind == "run" else "")

        def unit(tx: Transaction) -> None:
            self._events(tx, facts, given.telling)
            saved_store.save(tx, facts.tenant, facts.run, [_saved(one) for one in given.saved])
            end(tx, facts.tenant, facts.run, given.state, record, result=given.result, failure=given.failure)

        await self._write(unit)
        self._facts.pop(facts.run, None)

    async def _tell(self, facts: RunFacts, telling: Telling) -> None:
        await self._write(lambda tx: self._events(tx, facts, telling))

    @staticmethod
    def _events(tx: Transaction, facts: RunFacts, telling: Telling) -> None:
        if not telling.events:
            return
        notes = [one for one in telling.events if one.kind == "note"]
        known = store.events_there(tx.connection, facts.run, [one.seq for one in notes]) if notes else frozenset[int]()
        for one in notes:
            if one.seq not in known:  # what an agent says of itself is evidence of that, and of no more
                log.append(tx, _record(facts, "run", {"event": "note", "agent_says": one.data}, step=one.step))
        rows = [{**one.model_dump(exclude={"data"}), "data": dumps(one.data)} for one in telling.events]
        store.add_events(tx, facts.tenant, facts.run, rows)
        last = telling.events[-1].seq
        store.stand(tx, facts.run, seq=last, state=telling.state, waiting=dumps(telling.waiting))

    async def _write(self, unit: Callable[[Transaction], Any]) -> Any:
        try:
            return await self.db.write(unit)
        except Unavailable as error:
            raise _again(error) from error

    async def _run(self, telling: Telling) -> RunFacts:
        """The run whose workflow asks, on the version on which it says that it began."""
        facts = await self._facts_of(activity.info().workflow_id or "")
        began = next((str(one.data["version"]) for one in telling.events if one.kind == "run.started"), facts.version)
        if began != facts.version:  # whoever started it knows another release than the one that took it
            facts = replace(facts, version=began)
            await self._write(lambda tx: store.set_version(tx, facts.run, began))
            self._facts[facts.run] = facts
        return facts

    async def _facts_of(self, run: str) -> RunFacts:
        """A workflow that is no run of ours is refused."""
        known = self._facts.get(run)
        if known is not None:
            return known
        try:
            row = await self.db.read(lambda connection: store.find_run(connection, run))
        except Unavailable as error:
            raise _again(error) from error
        if row is None or row["agent"] != activity.info().workflow_type:
            raise ApplicationError(f"{run!r} is no run of this installation.", type="NotARun", non_retryable=True)
        facts = RunFacts(
            tenant=row["tenant"],
            run=run,
            agent=row["agent"],
            version=row["agent_version"],
            chain=tuple(loads(row["chain"])),
            principal=row["principal"],
            business_key=row["business_key"],
            signed_in_by=row["signed_in_by"],
        )
        if len(self._facts) > 10_000:
            self._facts.clear()
        self._facts[run] = facts
        return facts


async def _finish(
    call: Coroutine[Any, Any, Outcome] | Coroutine[Any, Any, Outcome | ApprovalNeeded],
) -> Outcome | ApprovalNeeded:
    """A call that began is settled, also when its activity is cancelled meanwhile."""
    running = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        return await running


async def _settled(told: asyncio.Task[None]) -> None:
    await asyncio.wait([told])
    told.result()


def _task_out(row: Mapping[str, Any]) -> PersonTaskOut:
    return PersonTaskOut(state=row["state"], answer=loads(row["answer"]), by=row["answered_by"])


def _saved(one: Saved) -> dict[str, Any]:
    return {**one.model_dump(), "nodes": dumps(one.nodes)}


def _again(error: ChargehandError) -> ApplicationError:
    return ApplicationError(str(error), type=error.code)


def _record(facts: RunFacts, kind: Any, detail: dict[str, Any], *, step: str = "", outcome: str = "") -> Record:
    return Record(
        id=ids.new_id("rec"),
        at=iso(clock.now()),
        tenant=facts.tenant,
        kind=kind,
        who=Who(
            principal=facts.principal,
            chain=facts.chain,
            agent=facts.agent,
            agent_version=facts.version,
            signed_in_by=facts.signed_in_by,
        ),
        run=facts.run,
        step=step,
        outcome=outcome,
        business_key=facts.business_key,
        arguments=None,
        detail=detail,
    )
