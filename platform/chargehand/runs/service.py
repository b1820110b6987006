"""Runs as people and programs use them: start, list, follow, answer, stop, retry. Every method checks the tenant.

A start is written before Temporal hears of it, and the outbox starts what a crash or a pause of Temporal left behind;
the run's id is the workflow's, so starting twice starts once.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import orjson
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock, ids, telemetry
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.forms import check
from chargehand.agents.model import AgentSpec
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.identity.model import SignedIn
from chargehand.policy.model import Decision, Request
from chargehand.runs import rows, store
from chargehand.runs.activities import RunFacts
from chargehand.runs.client import Connect
from chargehand.runs.model import (
    ENDED,
    QUEUE_AGENTS,
    SIGNAL_EVENT,
    SIGNAL_STOP,
    Page,
    PersonTask,
    RunDetail,
    RunEvent,
    RunState,
    title_of,
)
from chargehand.runs.payloads import RunInput, SentEvent, Stop
from chargehand.runs.rows import dumps

FOLLOW_SECONDS = 0.25


class Policy(Protocol):
    """What runs ask of policy; see `policy.service.PolicyService`."""

    def decide(self, request: Request) -> Decision: ...

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]: ...


class Withdrawals(Protocol):
    """What becomes of the approvals that a stopped run still asks; see `approvals.service.ApprovalService`."""

    async def close_for_run(self, tenant: str, run: str, reason: str) -> Any: ...


class RunService:
    """Owned by a process; `client` connects to Temporal when it is first needed."""

    def __init__(
        self,
        db: Database,
        client: Connect,
        agents: AgentCatalog,
        policy: Policy,
        approvals: Withdrawals | None = None,
    ) -> None:
        self.db = db
        self.client = client
        self.agents = agents
        self.policy = policy
        self.approvals = approvals

    # Start

    async def start(
        self, who: SignedIn, agent: str, value: Mapping[str, Any], *, request_key: str = "", retry_of: str = ""
    ) -> RunDetail:
        """Start an agent on behalf of `who`. The same request key starts the same run.

        Raises:
            NotFound: no such agent.
            BadInput: the input does not fit; names the field. Nothing was started.
            Forbidden: policy does not let this person start it; says which rule.
            Conflict: the request key was used for another agent or input.
        """
        spec = self.agents.find(agent)
        check(dict(value), spec.input_schema, field="input")
        tenant, person = who.principal.tenant, who.principal.id
        self._may_start(tenant, (person,), spec, value)
        row = self._row(
            spec,
            value,
            tenant=tenant,
            chain=(person, spec.principal),
            principal=person,
            signed_in_by=who.method,
            request_key=request_key,
            retry_of=retry_of,
        )
        found = await self._write_start(row)
        if (found["agent"], found["input"]) != (row.agent, row.input):
            raise Conflict(
                f"The key {request_key!r} was used for another start ({found['id']}).", way_out="Use a fresh key."
            )
        if found["state"] == "starting":
            await self._try_begin(found)
        return await self.get(who, found["id"])

    async def start_child(
        self, parent: RunFacts, agent: str, value: Mapping[str, Any], request_key: str
    ) -> tuple[str, str]:
        """A run of another agent for the same person, written but not begun: its parent begins it. Id and version."""
        spec = self.agents.find(agent)
        check(dict(value), spec.input_schema, field="input")
        self._may_start(parent.tenant, parent.chain, spec, value)
        row = self._row(
            spec,
            value,
            tenant=parent.tenant,
            chain=(*parent.chain, spec.principal),
            principal=parent.principal,
            signed_in_by=parent.signed_in_by,
            request_key=request_key,
            parent=parent.run,
        )
        row.state = "running"  # the outbox begins what is `starting`; this one's parent does it
        found = await self._write_start(row)
        return found["id"], found["agent_version"]

    async def begin(self, row: Mapping[str, Any]) -> None:
        """Have Temporal run it; harmless when it does already. Raises RuntimeUnavailable."""
        client = await self.client()
        given = RunInput(
            run=row["id"], agent=row["agent"], version=row["agent_version"], input=orjson.loads(row["input"])
        )
        try:
            with telemetry.within(row["trace_id"]):
                await client.start_workflow(
                    row["agent"],
                    given,
                    id=row["id"],
                    task_queue=QUEUE_AGENTS,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=row["agent"],
                )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise RuntimeUnavailable(f"Temporal did not take the run: {error.message}.") from error
        await self.db.write(lambda tx: store.set_state(tx, row["id"], "running", of=("starting",)))

    # Look

    async def list(
        self,
        who: SignedIn,
        *,
        agent: str = "",
        states: Iterable[RunState] = (),
        principal: str = "",
        business_key: str = "",
        text: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        """Runs of the tenant, newest first. `cursor` is the `next` of the page before. Raises BadInput."""
        before = _cursor(cursor) if cursor else None
        found = await self.db.read(
            lambda connection: store.list_runs(
                connection,
                who.principal.tenant,
                agent=agent,
                states=states,
                principal=principal,
                business_key=business_key,
                text=text,
                since=since,
                until=until,
                before=before,
                limit=limit,
            )
        )
        page = found[:limit]
        more = len(found) > limit
        return Page(tuple(rows.summary(row) for row in page), _to_cursor(page[-1]) if more and page else "")

    async def get(self, who: SignedIn, run: str) -> RunDetail:
        """One run. Raises NotFound."""
        tenant = who.principal.tenant

        def query(connection: Any) -> RunDetail | None:
            row = store.find_run(connection, run, tenant)
            if row is None:
                return None
            return rows.detail(row, store.children(connection, tenant, run), store.retried_as(connection, tenant, run))

        found = await self.db.read(query)
        if found is None:
            raise NotFound(f"There is no run {run!r}.")
        return found

    async def events(self, who: SignedIn, run: str, *, after: int = 0, limit: int = 500) -> tuple[RunEvent, ...]:
        """Events with numbers after `after`, without gaps, oldest first. Raises NotFound."""
        detail = await self.get(who, run)
        return await self._events(detail, after, limit)

    async def follow(self, who: SignedIn, run: str, *, after: int = 0) -> AsyncIterator[RunEvent]:
        """Events as they come, from `after` on, none twice, none left out; ends when the run has ended."""
        while True:
            detail = await self.get(who, run)  # read before its events: an ended run has all of them by then
            found = await self._events(detail, after, 500)
            for one in found:
                yield one
                after = one.seq
            if found:
                continue
            if detail.state in ENDED:
                return
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _events(self, detail: RunDetail, after: int, limit: int) -> tuple[RunEvent, ...]:
        found = await self.db.read(
            lambda connection: store.read_events(connection, detail.tenant, detail.id, after, limit)
        )
        events: list[RunEvent] = []
        for row in found:
            # Two activities of one run may commit out of order; what is behind a gap comes with the next look.
            if row["seq"] != after + len(events) + 1 and detail.state not in ENDED:
                break
            events.append(rows.event(row))
        return tuple(events)

    # Act

    async def stop(self, who: SignedIn, run: str, reason: str, *, hard: bool = False) -> RunDetail:
        """Stop a run: gently, its step is finished and what can be taken back is; hard, it just ends.

        Raises:
            NotFound, Conflict (it has ended), Forbidden, RuntimeUnavailable.
        """
        detail = await self.get(who, run)
        self._may_act(who, detail, {"run": run, "hard": hard})
        if detail.state in ENDED:
            raise Conflict(f"The run has {detail.state} already.")
        client = await self.client()
        handle = client.get_workflow_handle(run)
        state = "stopped" if hard else "stopping"
        columns = {"ended_at": iso(clock.now()), "waiting": "[]"} if hard else {}
        failure = dumps({"detail": f"Stopped at once: {reason}", "kind": "stopped"})

        def unit(tx: Transaction) -> None:
            kept = {"failure": failure, **columns} if hard else columns
            if store.set_state(tx, run, state, of=("starting", "running", "waiting", "stopping"), **kept):
                event = {"event": "stopped" if hard else "stopping", "reason": reason, "hard": hard}
                log.append(tx, _record(who, detail, event))

        await self.db.write(unit)
        if self.approvals is not None:
            await self.approvals.close_for_run(detail.tenant, run, reason)
        try:
            if hard:
                await handle.terminate(reason=f"{who.principal.id}: {reason}")
            else:
                await handle.signal(SIGNAL_STOP, Stop(by=who.principal.id, reason=reason))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise RuntimeUnavailable(f"Temporal did not take the stop: {error.message}.") from error
        return await self.get(who, run)

    async def retry(self, who: SignedIn, run: str) -> RunDetail:
        """Start a failed or stopped run again from its input, as a run of its own. Raises Conflict while it goes on."""
        detail = await self.get(who, run)
        if detail.state not in ("failed", "stopped"):
            raise Conflict(f"Only a run that failed or was stopped can be retried; this one is {detail.state}.")
        key = f"retry:{run}:{who.principal.id}"
        return await self.start(who, detail.agent, detail.input, request_key=key, retry_of=run)

    async def send(self, who: SignedIn, run: str, name: str, payload: Any, *, event_id: str = "") -> None:
        """Send an event that the run may `wait_for`. Raises NotFound, Conflict, Forbidden, RuntimeUnavailable."""
        detail = await self.get(who, run)
        self._may_act(who, detail, {"run": run, "event": name})
        if detail.state in ENDED:
            raise Conflict(f"The run has {detail.state} already.")
        client = await self.client()
        event = SentEvent(id=event_id or ids.new_id("evt"), name=name, payload=payload)
        try:
            await client.get_workflow_handle(run).signal(SIGNAL_EVENT, event)
        except RPCError as error:
            raise RuntimeUnavailable(f"Temporal did not take the event: {error.message}.") from error

    async def lost(self, run: str, why: str) -> bool:
        """End a run whose workflow ended without saying so; whether it was open. For the outbox."""
        row = await self.db.read(lambda connection: store.find_run(connection, run))
        if row is None or row["state"] in ENDED:
            return False
        failure = {"detail": why, "kind": "lost", "way_out": "Look at its calls, then retry it."}
        at = iso(clock.now())
        who = Who(principal="service:chargehand", agent=row["agent"], agent_version=row["agent_version"])
        record = Record(
            id=ids.new_id("rec"),
            at=at,
            tenant=row["tenant"],
            kind="run",
            who=who,
            run=run,
            outcome="failed",
            business_key=row["business_key"],
            arguments=None,
            detail={"event": "failed", "failure": failure},
        )

        def unit(tx: Transaction) -> bool:
            columns = {"failure": dumps(failure), "waiting": "[]", "ended_at": at}
            ended = store.set_state(tx, run, "failed", of=("starting", "running", "waiting", "stopping"), **columns)
            if ended:
                log.append(tx, record)
            return ended

        ended = await self.db.write(unit)
        if ended and self.approvals is not None:
            await self.approvals.close_for_run(row["tenant"], run, why)
        return ended

    # Person tasks

    async def tasks(
        self, who: SignedIn, *, run: str = "", mine: bool = False, closed: bool = False
    ) -> list[PersonTask]:
        """Questions that agents ask: open ones, of one run if named; `mine`: those that `who` may answer."""
        states = () if closed else ("open",)
        found = await self.db.read(
            lambda connection: store.list_tasks(connection, who.principal.tenant, run=run, states=states)
        )
        every = [rows.task(row) for row in found]
        return [one for one in every if not mine or self.may_answer(who, one)]

    def may_answer(self, who: SignedIn, task: PersonTask) -> bool:
        """Whether the task is this person's to answer."""
        kind, _, name = task.to.partition(":")
        if kind == "person":
            return task.to == who.principal.id
        return name in self.policy.roles_of(who.principal.tenant, who.principal.id)

    async def answer(self, who: SignedIn, task: str, answer: Any) -> PersonTask:
        """Answer a question; the first answer counts, and the outbox tells the run.

        Raises:
            NotFound, Forbidden (it is not yours to answer), BadInput (it does not fit the form), Conflict (closed).
        """
        tenant = who.principal.tenant
        row = await self.db.read(lambda connection: store.find_task(connection, task, tenant))
        if row is None:
            raise NotFound(f"There is no question {task!r}.")
        asked = rows.task(row)
        if not self.may_answer(who, asked):
            raise Forbidden(f"This question is for {asked.to}.", way_out="Ask somebody who may answer it.")
        check(answer, asked.schema, field="answer")
        at = clock.now()
        if at >= asked.expires_at:
            raise Conflict("The time to answer is over.")
        detail = await self.get(who, asked.run)

        def unit(tx: Transaction) -> None:
            columns = {"answer": dumps(answer), "answered_by": who.principal.id, "answered_at": iso(at), "told": False}
            if not store.close_task(tx, task, "answered", **columns):
                raise Conflict("Somebody else was faster, or the question was closed.", way_out="Look at it again.")
            event = {"event": "answered", "task": task, "by": who.principal.id, "answer": answer}
            log.append(tx, _record(who, detail, event, kind="person_task"))

        await self.db.write(unit)
        found = await self.db.read(lambda connection: store.find_task(connection, task, tenant))
        assert found is not None  # noqa: S101  # tasks are never deleted
        return rows.task(found)

    # Below: how it is done

    def _may_start(self, tenant: str, chain: tuple[str, ...], spec: AgentSpec, value: Mapping[str, Any]) -> None:
        self._allowed(tenant, chain, f"agent.{spec.name}", value, f"start {spec.title}")

    def _may_act(self, who: SignedIn, detail: RunDetail, arguments: Mapping[str, Any]) -> None:
        """The person for whom it runs may; for anybody else policy decides."""
        if who.principal.id != detail.principal:
            facts = {**arguments, "agent": detail.agent, "principal": detail.principal}
            self._allowed(
                who.principal.tenant, (who.principal.id,), "chargehand.steer_runs", facts, f"steer {detail.id}"
            )

    def _allowed(self, tenant: str, chain: tuple[str, ...], tool: str, facts: Mapping[str, Any], what: str) -> None:
        request = Request(tenant=tenant, chain=chain, tool=tool, effect="write", arguments=facts, at=clock.now())
        decision = self.policy.decide(request)
        if decision.verdict == "allow":
            return
        why = " ".join(reason.sentence for reason in decision.reasons)
        asks = "" if decision.verdict == "deny" else " Starting can't wait for an approval; the tools it uses can."
        raise Forbidden(f"{chain[0]} may not {what}. {why}{asks}".strip(), way_out=f"Policy decides on {tool!r}.")

    def _row(
        self,
        spec: AgentSpec,
        value: Mapping[str, Any],
        *,
        tenant: str,
        chain: tuple[str, ...],
        principal: str,
        signed_in_by: str,
        request_key: str,
        parent: str = "",
        retry_of: str = "",
    ) -> store.RunRow:
        run = ids.new_id("run")
        business_key = str(value.get(spec.business_key) or "") if spec.business_key else ""
        return store.RunRow(
            id=run,
            tenant=tenant,
            request_key=request_key or run,
            agent=spec.name,
            agent_version=spec.version,
            title=title_of(spec.title, business_key),
            business_key=business_key,
            state="starting",
            principal=principal,
            chain=dumps(chain),
            signed_in_by=signed_in_by,
            input=orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS, default=str).decode(),
            parent=parent,
            retry_of=retry_of,
            created_at=iso(clock.now()),
        )

    async def _write_start(self, row: store.RunRow) -> Mapping[str, Any]:
        record = Record(
            id=ids.new_id("rec"),
            at=row.created_at,
            tenant=row.tenant,
            kind="run",
            who=Who(
                principal=row.principal,
                chain=tuple(orjson.loads(row.chain)),
                agent=row.agent,
                agent_version=row.agent_version,
                signed_in_by=row.signed_in_by,
            ),
            run=row.id,
            business_key=row.business_key,
            arguments=None,
            detail={"event": "started", "parent": row.parent, "retry_of": row.retry_of},
        )

        def unit(tx: Transaction) -> Mapping[str, Any]:
            found = dict(store.insert_run(tx, row))
            if found["id"] == row.id:
                log.append(tx, record)
            return found

        return await self.db.write(unit)

    async def _try_begin(self, row: Mapping[str, Any]) -> None:
        try:
            await self.begin(row)
        except RuntimeUnavailable:
            return  # it is written: the outbox begins it as soon as Temporal answers


def _record(who: SignedIn, run: RunDetail, detail: dict[str, Any], *, kind: Any = "run") -> Record:
    return Record(
        id=ids.new_id("rec"),
        at=iso(clock.now()),
        tenant=run.tenant,
        kind=kind,
        who=Who(principal=who.principal.id, agent=run.agent, agent_version=run.agent_version, signed_in_by=who.method),
        run=run.id,
        business_key=run.business_key,
        arguments=None,
        detail=detail,
    )


def _to_cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at']} {row['id']}".encode()).decode()


def _cursor(text: str) -> tuple[str, str]:
    try:
        at, _, run = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        clock.parse(at)
    except (ValueError, UnicodeDecodeError):
        raise BadInput("this is no cursor of ours", field="cursor", value=text) from None
    return at, run


def connected(client: Client) -> Connect:
    """A Connect that returns a client that is there already."""

    async def make() -> Client:
        return client

    return make
