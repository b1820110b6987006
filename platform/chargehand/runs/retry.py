"""A run that failed or was stopped is taken up at one of its steps, as a run of its own, and does nothing twice.

The new run goes on from the state in which the step began, on behalf of the same person. What took effect from there
on is not done again: a call with the same arguments is answered with the outcome that is recorded, once for each time
that it was made. What failed, was denied or expired is tried anew, under keys of the new run. What nobody knows the
end of (a call in doubt, a run of another agent that goes on) refuses the retry until somebody finds out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, or_, select

from chargehand.agents.catalog import AgentCatalog
from chargehand.audit import log
from chargehand.audit.erasure import refuse_erased
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden
from chargehand.gateway import store as call_store
from chargehand.gateway.model import StoredCall
from chargehand.identity import store as people
from chargehand.identity.model import SignedIn
from chargehand.outcome import Outcome
from chargehand.runs import saved_store, store
from chargehand.runs.keys import call_key, what_of
from chargehand.runs.model import ENDED, RetryStep, RunDetail
from chargehand.runs.payloads import Carried, Done, Earlier, Retried
from chargehand.runs.starts import Policy, may_start, may_steer, may_use, new_row, run_record, write_start

MOST_CALLS = 100_000


@dataclass(frozen=True, slots=True)
class _Told:
    """What a run's story says of positions: taken back, and answered with what an earlier run had done."""

    undone: frozenset[int]
    reused: Mapping[int, str]


class Retries:
    """Owned by a RunService; `get` is its own."""

    def __init__(
        self,
        db: Database,
        agents: AgentCatalog,
        policy: Policy,
        get: Callable[[SignedIn, str], Awaitable[RunDetail]],
    ) -> None:
        self.db = db
        self.agents = agents
        self.policy = policy
        self.get = get

    async def steps(self, who: SignedIn, run: str) -> tuple[str, tuple[RetryStep, ...]]:
        """Why the run can't be taken up at any step (a sentence, or empty), and its steps, newest first."""
        detail = await self.get(who, run)
        return await self.db.read(lambda connection: self._steps(connection, detail))

    async def from_step(self, who: SignedIn, run: str, step: str) -> Mapping[str, Any]:
        """The row of the new run, which has not begun. `step` is a node, as the story names it.

        Raises:
            NotFound: no such run.
            Forbidden: it is somebody else's, and policy does not let `who` steer it; or its person may not start it.
            BadInput: no such step was kept; names those that were.
            Conflict: it goes on, was retried already, or what it did is not clear; says what to do.
        """
        detail = await self.get(who, run)
        facts = {"run": run, "agent": detail.agent, "act": "retry", "retry_from": step}
        may_steer(self.policy, who, detail.principal, run, facts)
        spec = self.agents.find(detail.agent)
        may_use(who, spec)
        may_start(self.policy, detail.tenant, detail.chain, spec, detail.input)

        def unit(tx: Transaction) -> Mapping[str, Any]:
            person = people.find_user(tx.connection, detail.tenant, detail.principal)
            if person is not None and not person.active:
                raise Forbidden(
                    f"{detail.principal}, for whom it ran, can't sign in any more.",
                    way_out="Start it afresh on your own behalf.",
                )
            refused, steps = self._steps(tx.connection, detail)
            if refused:
                raise Conflict(refused, way_out="Retry it from its input, or start it afresh.")
            node = step.partition("/")[0]
            found = next((one for one in steps if node in one.nodes), None)
            if found is None:
                known = ", ".join(dict.fromkeys(name for one in steps for name in one.nodes)) or "none"
                raise BadInput(f"no state was kept for this step; there are: {known}", field="from", value=step)
            if found.refused:
                raise Conflict(found.refused, way_out="Retry it from an earlier step, or from its input.")
            row = new_row(
                spec,
                detail.input,
                tenant=detail.tenant,
                chain=detail.chain,
                principal=detail.principal,
                signed_in_by=detail.signed_in_by,
                request_key=f"retry-from:{run}",
                retry_of=run,
            )
            row.retry_from = str(found.number)
            log.append(tx, run_record(who, detail, {"event": "retried", "from": node, "as": row.id}))
            return write_start(tx, row, retry_from=node, asked_by=who.principal.id)

        return await self.db.write(unit)

    async def carried(self, row: Mapping[str, Any]) -> Carried:
        """What the run takes from the one that it retries. The first has ended, so this is the same whenever asked."""

        def query(connection: Connection) -> Carried:
            number = int(row["retry_from"])
            kept = saved_store.state_of(connection, row["tenant"], row["retry_of"], number)
            if kept is None:
                raise Conflict(f"The state at which {row['id']} begins was erased.", way_out="Start it afresh.")
            done, earlier = _took_effect(connection, row["tenant"], row["retry_of"], kept["position"])
            ledger = {"next_position": kept["position"], "next_checkpoint": kept["counter"], "since": kept["step"]}
            return Carried(
                graph=kept["state"],
                ledger={**ledger, "told": {}, "tasks": {}},
                seq=0,
                calls=len(done),
                done=done,
                retried=Retried(run=row["retry_of"], step=orjson.loads(kept["nodes"])[0], earlier=earlier),
            )

        return await self.db.read(query)

    def _steps(self, connection: Connection, detail: RunDetail) -> tuple[str, tuple[RetryStep, ...]]:
        refused = _refused(connection, detail)
        nodes = set(self.agents.find(detail.agent).compiled.nodes)
        undone = _told(connection, detail.tenant, detail.id).undone
        steps: list[RetryStep] = []
        for row in saved_store.saved(connection, detail.tenant, detail.id):
            names = tuple(orjson.loads(row["nodes"]))
            why = ""
            if gone := sorted(set(names) - nodes):
                why = f"The agent has no step {', '.join(gone)} any more."
            elif any(position < row["position"] for position in undone):
                why = "What an earlier step did was taken back when the run ended."
            steps.append(RetryStep(number=row["number"], nodes=names, refused=why))
        if not refused and not steps:
            refused = "No state of this run was kept."
        return refused, tuple(steps)


def _refused(connection: Connection, detail: RunDetail) -> str:
    """Why no step of it can be taken up; empty if they can."""
    if detail.state not in ("failed", "stopped"):
        return f"Only a run that failed or was stopped can be retried; this one is {detail.state}."
    refuse_erased(connection, detail.tenant, detail.id)
    if again := store.retried_as(connection, detail.tenant, detail.id):
        return f"It was retried already, as {again}."
    runs = [detail.id]
    for run in runs:  # grows while it is walked: the runs that it started, and those that they started
        runs += store.children(connection, detail.tenant, run)
    for run in runs:
        row = store.find_run(connection, run, detail.tenant)
        if row is None or row["state"] not in ENDED:
            return f"The run {run}, which it started, goes on."
        for call in call_store.list_calls(connection, detail.tenant, states=("dispatched", "in_doubt"), run=run):
            what = "is in doubt: reconcile it first" if call.state == "in_doubt" else "has not been settled yet"
            return f"The call {call.key[:12]} of {call.tool} {what}."
    return ""


def _took_effect(connection: Connection, tenant: str, run: str, position: int) -> tuple[list[Done], list[Earlier]]:
    """What the run did before a position, to be taken back if the next one fails too; and what it did from there on."""
    told = _told(connection, tenant, run)
    before = {call_key(tenant, run, number): number for number in range(position)}
    undone = {call_key(tenant, run, number) for number in told.undone}
    done: list[Done] = []
    earlier: list[Earlier] = []
    for call in reversed(call_store.list_calls(connection, tenant, run=run, limit=MOST_CALLS)):
        if call.effect == "read" or call.state != "done" or call.outcome != "succeeded" or call.key in undone:
            continue
        if call.key in before:
            done.append(_done(call, before[call.key]))
        else:
            earlier.append(_of_call(call))
    earlier += [one for key, one in _of_children(connection, tenant, run) if key not in before]
    inherited = _inherited(connection, tenant, run)
    for number, key in told.reused.items():
        if key in inherited and number < position:
            call = call_store.get(connection, tenant, key)
            if call is not None and number not in told.undone:
                done.append(_done(call, number))
        if number < position or number in told.undone:
            inherited.pop(key, None)
    return sorted(done, key=lambda one: one.position), [*earlier, *inherited.values()]


def _inherited(connection: Connection, tenant: str, run: str) -> dict[str, Earlier]:
    """What the run was itself given by the one that it retried, by call key."""
    row = store.find_run(connection, run, tenant)
    if row is None or not row["retry_from"]:
        return {}
    kept = saved_store.state_of(connection, tenant, row["retry_of"], int(row["retry_from"]))
    if kept is None:
        return {}
    _, earlier = _took_effect(connection, tenant, row["retry_of"], kept["position"])
    return {one.outcome.call_key: one for one in earlier}


def _of_children(connection: Connection, tenant: str, run: str) -> Sequence[tuple[str, Earlier]]:
    """Runs of other agents that it started and that succeeded, with the key of the place at which it did."""
    query = select(store.RUN).where(
        store.RUN.c.tenant == tenant, store.RUN.c.parent == run, store.RUN.c.state == "succeeded"
    )
    found: list[tuple[str, Earlier]] = []
    for row in connection.execute(query.order_by(store.RUN.c.created_at)).mappings():
        tool, value = f"agent.{row['agent']}", orjson.loads(row["result"]) if row["result"] else None
        outcome = Outcome(state="succeeded", tool=tool, call_key=row["id"], value=value)
        earlier = Earlier(what=what_of(tool, orjson.loads(row["input"])), run=run, outcome=outcome)
        found.append((row["request_key"].removeprefix("child:"), earlier))
    return found


def _of_call(call: StoredCall) -> Earlier:
    return Earlier(what=what_of(call.tool, call.arguments), run=call.run, outcome=call.as_outcome())


def _done(call: StoredCall, position: int) -> Done:
    return Done(tool=call.tool, arguments=call.arguments, value=call.as_outcome().value, position=position)


def _told(connection: Connection, tenant: str, run: str) -> _Told:
    event = store.EVENT.c
    query = (
        select(event.data)
        .where(event.tenant == tenant, event.run == run, event.kind.in_(("call.settled", "agent.started")))
        .where(or_(event.data.contains('"undoes"'), event.data.contains('"reused"')))
        .order_by(event.seq)
    )
    undone: set[int] = set()
    reused: dict[int, str] = {}
    for data in connection.execute(query).scalars():
        told: Mapping[str, Any] = orjson.loads(data)
        if told.get("undoes") is not None and told.get("state") == "succeeded":
            undone.add(int(told["undoes"]))
        if told.get("reused"):
            reused[int(told["position"])] = str(told.get("call_key") or told.get("run"))
    return _Told(frozenset(undone), reused)
