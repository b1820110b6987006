"""How a run comes to be: whether policy allows it, its row, and the record that it was started.

Every way in (a person, another agent, a schedule) starts by these; the row stands before Temporal hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

import orjson

from chargehand import clock, ids
from chargehand.agents.model import AgentSpec
from chargehand.audit import log
from chargehand.audit.model import Record, RecordKind, Who
from chargehand.clock import iso
from chargehand.database import Transaction
from chargehand.errors import Forbidden
from chargehand.identity.abilities import Ability
from chargehand.identity.model import SignedIn
from chargehand.policy.model import Decision, Request
from chargehand.runs import store
from chargehand.runs.model import RunDetail, title_of
from chargehand.runs.rows import dumps
from chargehand.runs.sizes import refuse_large


class Policy(Protocol):
    """What runs ask of policy; see `policy.service.PolicyService`."""

    def decide(self, request: Request) -> Decision: ...

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]: ...


def may_start(policy: Policy, tenant: str, chain: tuple[str, ...], spec: AgentSpec, value: Mapping[str, Any]) -> None:
    """Raises Forbidden that says which rule."""
    _allowed(policy, tenant, chain, f"agent.{spec.name}", value, f"start {spec.title}")


def may_use(who: SignedIn, spec: AgentSpec) -> None:
    """Raises Forbidden where the token is for other tools and agents."""
    if who.tools is not None and not any(fnmatchcase(f"agent.{spec.name}", pattern) for pattern in who.tools):
        raise Forbidden(f"This token may not start {spec.title}.", way_out="Make one that may, or sign in.")


def may_steer(policy: Policy, who: SignedIn, principal: str, what: str, facts: Mapping[str, Any]) -> None:
    """The person for whom something runs may, by a token only if it holds `steer_runs`; for anybody else policy
    decides. Raises Forbidden.
    """
    not_narrowed(who, "steer_runs")
    if who.principal.id != principal:
        chain = (who.principal.id,)
        _allowed(
            policy,
            who.principal.tenant,
            chain,
            "chargehand.steer_runs",
            {**facts, "principal": principal},
            f"steer {what}",
        )


def may_manage_hooks(policy: Policy, who: SignedIn, facts: Mapping[str, Any]) -> None:
    """Whether `who` may let something outside start an agent. `facts`: `agent`, `principal`. Raises Forbidden."""
    not_narrowed(who, "manage_hooks")
    _allowed(
        policy,
        who.principal.tenant,
        (who.principal.id,),
        "chargehand.manage_hooks",
        facts,
        f"let something outside start {facts['agent']}",
    )


def new_row(
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
    """The row of a run that has not begun. Raises BadInput when the input can't be kept: too large, or no JSON."""
    refuse_large("The input", "input", value)
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


def write_start(tx: Transaction, row: store.RunRow, **more: Any) -> Mapping[str, Any]:
    """Write the run and its record, unless its request key is taken; the row that is there afterwards."""
    found = dict(store.insert_run(tx, row))
    if found["id"] == row.id:
        who = Who(
            principal=row.principal,
            chain=tuple(orjson.loads(row.chain)),
            agent=row.agent,
            agent_version=row.agent_version,
            signed_in_by=row.signed_in_by,
        )
        detail = {"event": "started", "parent": row.parent, "retry_of": row.retry_of, **more}
        log.append(
            tx,
            Record(
                id=ids.new_id("rec"),
                at=row.created_at,
                tenant=row.tenant,
                kind="run",
                who=who,
                run=row.id,
                business_key=row.business_key,
                arguments=None,
                trace_id=found["trace_id"],
                detail=detail,
            ),
        )
    return found


def run_record(who: SignedIn, run: RunDetail, detail: dict[str, Any], *, kind: Any = "run") -> Record:
    """What a person did to a run."""
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


def recorder(who: SignedIn, run: RunDetail) -> Callable[[RecordKind, dict[str, Any]], Record]:
    """Makes what the log keeps of it when a person ends a run."""
    return lambda kind, detail: run_record(who, run, detail, kind=kind)


def not_narrowed(who: SignedIn, ability: Ability) -> None:
    """Raises Forbidden where the token is narrower than its owner."""
    if who.abilities is not None and ability not in who.abilities:
        raise Forbidden(f"This token may not {ability!r}.", way_out="Make one that may, or sign in.")


def _allowed(
    policy: Policy, tenant: str, chain: tuple[str, ...], tool: str, facts: Mapping[str, Any], what: str
) -> None:
    request = Request(tenant=tenant, chain=chain, tool=tool, effect="write", arguments=facts, at=clock.now())
    decision = policy.decide(request)
    if decision.verdict == "allow":
        return
    why = " ".join(reason.sentence for reason in decision.reasons)
    asks = "" if decision.verdict == "deny" else " Starting can't wait for an approval; the tools it uses can."
    raise Forbidden(f"{chain[0]} may not {what}. {why}{asks}".strip(), way_out=f"Policy decides on {tool!r}.")
