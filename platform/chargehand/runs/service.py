"""Runs as people and programs use them: start, list, follow, answer, stop, retry. Every method checks the tenant.

A start is written before Temporal hears of it, and the outbox starts what a crash or a pause of Temporal left behind;
the run's id is the workflow's, so starting twice starts once.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock, ids, telemetry
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.forms import check
from chargehand.audit import log
from chargehand.audit.erasure import refuse_erased
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.identity.model import SignedIn
from chargehand.runs import pause_store, rows, store
from chargehand.runs.activities import RunFacts
from chargehand.runs.client import Connect
from chargehand.runs.ending import end
from chargehand.runs.following import Place, follow
from chargehand.runs.model import (
    ENDED,
    QUEUE_AGENTS,
    SIGNAL_STOP,
    Page,
    PersonTask,
    RunDetail,
    RunEvent,
    RunState,
    RunText,
)
from chargehand.runs.payloads import RunInput, Stop
from chargehand.runs.retry import Retries
from chargehand.runs.rows import dumps
from chargehand.runs.starts import Policy, may_start, may_steer, may_use, new_row, not_narrowed, run_record, write_start
from chargehand.runs.steering import Steering
from chargehand.runs.text_store import Said, texts_of
from chargehand.settings import settings

START = Place()
MOST_TASKS, MOST_MINE = 200, 1000


class RunService:
    """Owned by a process; `client` connects to Temporal when it is first needed."""

    def __init__(
        self,
        db: Database,
        client: Connect,
        agents: AgentCatalog,
        policy: Policy,
    ) -> None:
        self.db = db
        self.client = client
        self.agents = agents
        self.policy = policy
        self.history_events = settings().history_events
        self.steering = Steering(db, client, policy, self.get, self.begin)
        self.retries = Retries(db, agents, policy, self.get)

    # Start

    async def start(
        self, who: SignedIn, agent: str, value: Mapping[str, Any], *, request_key: str = "", retry_of: str = ""
    ) -> RunDetail:
        """Start an agent on behalf of `who`. The same request key starts the same run.

        Raises:
            NotFound: no such agent.
            BadInput: the input does not fit; names the field. Nothing was started.
            Forbidden: policy does not let this person start it; says which rule.
            Conflict: the request key was used for another agent or input, or by somebody else.
        """
        spec = self.agents.find(agent)
        may_use(who, spec)
        check(dict(value), spec.input_schema, field="input")
        tenant, person = who.principal.tenant, who.principal.id
        may_start(self.policy, tenant, (person,), spec, value)
        row = new_row(
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
        if found["principal"] != row.principal:  # neither its id nor what came of it is told
            raise Conflict(f"Somebody else used the key {request_key!r}.", way_out="Use a fresh key.")
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
        may_start(self.policy, parent.tenant, parent.chain, spec, value)
        row = new_row(
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

    async def begin(self, row: Mapping[str, Any], stop: Stop | None = None) -> None:
        """Have Temporal run it, or stop it as it begins; harmless when it does already. Raises RuntimeUnavailable."""
        client = await self.client()
        given = RunInput(
            run=row["id"],
            agent=row["agent"],
            version=row["agent_version"],
            input=orjson.loads(row["input"]),
            history_events=self.history_events,
            bound=True,
            carried=await self.retries.carried(row) if row["retry_from"] else None,
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
                    start_signal=SIGNAL_STOP if stop else None,
                    start_signal_args=[stop] if stop else [],
                )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise RuntimeUnavailable(f"Temporal did not take the run: {error.message}.") from error

        def unit(tx: Transaction) -> None:
            if not store.set_state(tx, row["id"], "running", of=("starting",)):
                pause_store.end_what_began(tx, row["id"])

        await self.db.write(unit)

    async def begin_written(self, tenant: str, run: str) -> None:
        """Begin a run that was written just now. Raises RuntimeUnavailable: then the outbox begins it."""
        row = await self.db.read(lambda connection: store.find_run(connection, run, tenant))
        if row is not None and row["state"] == "starting":
            await self.begin(row)

    # Look

    async def list(
        self,
        who: SignedIn,
        *,
        agent: str = "",
        version: str = "",
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
                version=version,
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

    async def follow(self, who: SignedIn, run: str, *, after: Place = START) -> AsyncIterator[RunEvent | RunText]:
        """Events, and what models write between them, as they come; ends when the run has ended. Raises NotFound."""
        async for one in follow(self.db, who.principal.tenant, run, after):
            yield one

    async def texts(self, who: SignedIn, run: str) -> Mapping[int, Said]:
        """What models wrote in a run, by the position of the call: of each the newest attempt."""
        return await self.db.read(lambda connection: texts_of(connection, who.principal.tenant, run))

    async def _events(self, detail: RunDetail, after: int, limit: int) -> tuple[RunEvent, ...]:
        found = await self.db.read(
            lambda connection: store.read_events(connection, detail.tenant, detail.id, after, limit)
        )
        return tuple(rows.events_on(found, after, gaps=detail.state in ENDED))

    # Act

    async def stop(self, who: SignedIn, run: str, reason: str, *, hard: bool = False) -> RunDetail:
        """Stop a run: gently, its step is finished and what can be taken back is; hard, it just ends.

        Raises:
            NotFound, Conflict (it has ended), Forbidden.
        """
        return await self.steering.stop(who, run, reason, hard=hard)

    async def pause(self, who: SignedIn, run: str, reason: str = "") -> RunDetail:
        """Pause a run: the step that is under way is finished, then nothing new begins until it is resumed.

        Raises:
            NotFound, Forbidden, Conflict (it has ended, is being stopped, or has not begun).
        """
        return await self.steering.pause(who, run, reason)

    async def resume(self, who: SignedIn, run: str, reason: str = "") -> RunDetail:
        """Let a paused run go on. Raises NotFound, Forbidden, Conflict (it is not paused)."""
        return await self.steering.resume(who, run, reason)

    async def retry(self, who: SignedIn, run: str) -> RunDetail:
        """Start a failed or stopped run again from its input, as a run of its own on behalf of `who`.

        Raises:
            NotFound, Conflict (it goes on).
            Forbidden: it is somebody else's, and policy does not let `who` steer it; or `who` may not start the agent.
        """
        detail = await self.get(who, run)
        may_steer(self.policy, who, detail.principal, run, {"run": run, "agent": detail.agent, "act": "retry"})
        if detail.state not in ("failed", "stopped"):
            raise Conflict(f"Only a run that failed or was stopped can be retried; this one is {detail.state}.")
        await self.db.read(lambda connection: refuse_erased(connection, who.principal.tenant, run))
        key = f"retry:{run}:{who.principal.id}"
        return await self.start(who, detail.agent, detail.input, request_key=key, retry_of=run)

    async def retry_from(self, who: SignedIn, run: str, step: str) -> RunDetail:
        """Take a failed or stopped run up at one of its steps. Raises as `retry.Retries.from_step` does."""
        row = await self.retries.from_step(who, run, step)
        if row["state"] == "starting":
            await self._try_begin(row)
        return await self.get(who, row["id"])

    async def send(self, who: SignedIn, run: str, name: str, payload: Any, *, event_id: str = "") -> None:
        """Send an event that the run may `wait_for`. The same `event_id` is one event, however often it is sent.

        Raises:
            NotFound, Conflict (it has ended), Forbidden, BadInput (no name, or a payload that nobody can keep).
            RuntimeUnavailable: Temporal did not take it; send it again under the same id.
        """
        await self.steering.send(who, run, name, payload, event_id=event_id)

    async def lost(self, run: str, why: str) -> bool:
        """End a run whose workflow ended without saying so; whether it was open. For the outbox."""
        row = await self.db.read(lambda connection: store.find_run(connection, run))
        if row is None or row["state"] in ENDED:
            return False
        failure = {"detail": why, "kind": "lost", "way_out": "Look at its calls, then retry it."}
        await self.db.write(lambda tx: self._end(tx, row, "failed", failure))
        return True

    async def end_child(self, parent: RunFacts, run: str) -> None:
        """End the run of another agent that never began, because its place in its parent was cut short before."""
        row = await self.db.read(lambda connection: store.find_run(connection, run, parent.tenant))
        if row is None or row["parent"] != parent.run or row["state"] in ENDED:
            return
        failure = {"detail": "Stopped before it began, with the step that handed over to it.", "kind": "stopped"}
        await self.db.write(lambda tx: self._end(tx, row, "stopped", failure))

    @staticmethod
    def _end(tx: Transaction, row: Mapping[str, Any], state: RunState, failure: dict[str, Any]) -> bool:
        """Nobody asked for it: the platform says so itself."""
        who = Who(principal="service:chargehand", agent=row["agent"], agent_version=row["agent_version"])

        def record(kind: RecordKind, detail: dict[str, Any]) -> Record:
            return Record(
                id=ids.new_id("rec"),
                at=iso(clock.now()),
                tenant=row["tenant"],
                kind=kind,
                who=who,
                run=row["id"],
                outcome=state if kind == "run" else "",
                business_key=row["business_key"],
                trace_id=row["trace_id"],
                arguments=None,
                detail=detail,
            )

        return end(tx, row["tenant"], row["id"], state, record, failure=failure)

    # Person tasks

    async def tasks(
        self, who: SignedIn, *, run: str = "", mine: bool = False, own: bool = False, closed: bool = False
    ) -> list[PersonTask]:
        """Questions that agents ask, newest first: open ones, of one run if named.

        `mine`: those that `who` may answer, however many there are of others; with `own` also those of their runs.
        """
        person, tenant = who.principal.id, who.principal.tenant
        roles = self.policy.roles_of(tenant, person) if mine else ()
        to = (person, *(f"{kind}:{role}" for role in sorted(roles) for kind in ("role", "group"))) if mine else ()
        found = await self.db.read(
            lambda connection: store.list_tasks(
                connection,
                tenant,
                run=run,
                states=() if closed else ("open",),
                to=to,
                person=person if own else "",
                limit=MOST_MINE if mine else MOST_TASKS,
            )
        )
        return [rows.task(row) for row in found]

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
        not_narrowed(who, "steer_runs")
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
            log.append(tx, run_record(who, detail, event, kind="person_task"))

        await self.db.write(unit)
        found = await self.db.read(lambda connection: store.find_task(connection, task, tenant))
        assert found is not None  # noqa: S101  # tasks are never deleted
        return rows.task(found)

    # Below: how it is done

    async def _write_start(self, row: store.RunRow) -> Mapping[str, Any]:
        return await self.db.write(lambda tx: write_start(tx, row))

    async def _try_begin(self, row: Mapping[str, Any]) -> None:
        try:
            await self.begin(row)
        except RuntimeUnavailable:
            return  # it is written: the outbox begins it as soon as Temporal answers


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
