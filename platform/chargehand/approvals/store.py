"""Requests, verdicts and grants: tables and queries. Every query names the tenant; nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Index, Row, Table, insert, or_, select, update
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.approvals.model import ApprovalRequest, Grant, Verdict


class ApprovalRow(SQLModel, table=True):
    """A request. Times are RFC 3339 text in UTC, which sorts as time does; lists and objects are JSON text."""

    __tablename__: Any = "approval_request"
    __table_args__ = (
        Index("approval_request_by_counterparty", "tenant", "counterparty", "tool", "created_at"),
        Index("approval_request_by_state", "tenant", "state", "created_at"),
    )

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    run: str = Field(index=True)
    call_key: str = Field(index=True)
    digest: str
    tool: str
    agent: str
    requester: str
    counterparty: str = ""
    arguments: str
    sentence: str
    rules: str
    quorums: str
    excluded: str
    policy_revision: str
    why: str
    detail: str
    risk: float = 0.0
    batch: str = ""
    created_at: str
    expires_at: str
    remind_at: str = ""
    escalate_at: str = ""
    escalate_to: str = ""
    escalated: bool = False
    handed_over: str = "[]"
    state: str
    closed_at: str = ""


class VerdictRow(SQLModel, table=True):
    """One person's answer, never changed. The key is the person: nobody answers twice, whatever the code does."""

    __tablename__: Any = "approval_verdict"

    tenant: str = Field(primary_key=True)
    approval: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    id: str
    on_behalf_of: str = ""
    approve: bool
    digest: str
    comment: str = ""
    signed_in_by: str
    at: str
    seconds_taken: float | None = None
    instead: str = ""


class GrantRow(SQLModel, table=True):
    """Authority to dispatch one call. `state` goes from ready to used, by one guarded update."""

    __tablename__: Any = "approval_grant"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    approval: str = Field(index=True)
    call_key: str
    digest: str
    expires_at: str
    state: str = "ready"
    used_at: str = ""


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


REQUESTS = _table("approval_request")
VERDICTS = _table("approval_verdict")
GRANTS = _table("approval_grant")


def add_request(connection: Connection, request: ApprovalRequest, counterparty: str) -> None:
    connection.execute(
        insert(REQUESTS),
        {
            "tenant": request.tenant,
            "id": request.id,
            "run": request.run,
            "call_key": request.call_key,
            "digest": request.digest,
            "tool": request.tool,
            "agent": request.agent,
            "requester": request.requester,
            "counterparty": counterparty,
            "arguments": to_json(request.arguments),
            "sentence": request.sentence,
            "rules": to_json(request.rules),
            "quorums": to_json(request.quorums),
            "excluded": to_json(request.excluded),
            "policy_revision": request.policy_revision,
            "why": to_json(request.why),
            "detail": to_json(request.detail),
            "risk": request.risk,
            "batch": request.batch,
            "created_at": clock.iso(request.created_at),
            "expires_at": clock.iso(request.expires_at),
            "remind_at": _text(request.remind_at),
            "escalate_at": _text(request.escalate_at),
            "escalate_to": request.escalate_to,
            "escalated": False,
            "handed_over": "[]",
            "state": request.state,
            "closed_at": "",
        },
    )


def get_request(
    connection: Connection, tenant: str, approval: str, *, for_update: bool = False
) -> ApprovalRequest | None:
    """The request with its verdicts. `for_update` keeps two verdicts from being counted past each other."""
    query = select(REQUESTS).where(REQUESTS.c.tenant == tenant, REQUESTS.c.id == approval)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    return None if row is None else _request(row, verdicts_of(connection, tenant, [approval]).get(approval, ()))


def list_requests(
    connection: Connection,
    tenant: str,
    *,
    states: Sequence[str] = (),
    agent: str = "",
    tool: str = "",
    run: str = "",
    requester: str = "",
    counterparty: str = "",
    search: str = "",
    before: tuple[str, str] | None = None,
    since: str = "",
    limit: int = 100,
) -> list[ApprovalRequest]:
    """Requests of one tenant, newest first; `before` is (created_at, id) of the last one already seen."""
    query = select(REQUESTS).where(REQUESTS.c.tenant == tenant)
    if states:
        query = query.where(REQUESTS.c.state.in_(states))
    for column, wanted in (
        (REQUESTS.c.agent, agent),
        (REQUESTS.c.tool, tool),
        (REQUESTS.c.run, run),
        (REQUESTS.c.requester, requester),
        (REQUESTS.c.counterparty, counterparty),
    ):
        if wanted:
            query = query.where(column == wanted)
    if search:
        text = f"%{_escaped(search)}%"
        query = query.where(
            or_(
                REQUESTS.c.sentence.ilike(text, escape="\\"),
                REQUESTS.c.arguments.ilike(text, escape="\\"),
                REQUESTS.c.id == search,
            )
        )
    if since:
        query = query.where(REQUESTS.c.created_at >= since)
    if before:
        at, approval = before
        query = query.where(or_(REQUESTS.c.created_at < at, (REQUESTS.c.created_at == at) & (REQUESTS.c.id < approval)))
    rows = connection.execute(query.order_by(REQUESTS.c.created_at.desc(), REQUESTS.c.id.desc()).limit(limit)).all()
    verdicts = verdicts_of(connection, tenant, [str(row.id) for row in rows])
    return [_request(row, verdicts.get(row.id, ())) for row in rows]


def change_request(
    connection: Connection, tenant: str, approval: str, values: Mapping[str, Any], *, while_pending: bool = True
) -> bool:
    """Set columns, by default only while it is pending. Returns whether it was."""
    query = update(REQUESTS).where(REQUESTS.c.tenant == tenant, REQUESTS.c.id == approval)
    if while_pending:
        query = query.where(REQUESTS.c.state == "pending")
    return connection.execute(query.values(**values)).rowcount == 1


def add_verdict(connection: Connection, tenant: str, verdict: Verdict) -> None:
    connection.execute(
        insert(VERDICTS),
        {
            "tenant": tenant,
            "approval": verdict.approval,
            "person": verdict.person,
            "id": verdict.id,
            "on_behalf_of": verdict.on_behalf_of,
            "approve": verdict.approve,
            "digest": verdict.digest,
            "comment": verdict.comment,
            "signed_in_by": verdict.signed_in_by,
            "at": clock.iso(verdict.at),
            "seconds_taken": verdict.seconds_taken,
            "instead": "" if verdict.instead is None else to_json(verdict.instead),
        },
    )


def verdicts_of(connection: Connection, tenant: str, approvals: Sequence[str]) -> dict[str, tuple[Verdict, ...]]:
    if not approvals:
        return {}
    query = select(VERDICTS).where(VERDICTS.c.tenant == tenant, VERDICTS.c.approval.in_(approvals))
    found: dict[str, list[Verdict]] = {}
    for row in connection.execute(query.order_by(VERDICTS.c.at, VERDICTS.c.id)):
        found.setdefault(row.approval, []).append(
            Verdict(
                id=row.id,
                approval=row.approval,
                person=row.person,
                approve=row.approve,
                digest=row.digest,
                comment=row.comment,
                signed_in_by=row.signed_in_by,
                at=clock.parse(row.at),
                seconds_taken=row.seconds_taken,
                on_behalf_of=row.on_behalf_of,
                instead=orjson.loads(row.instead) if row.instead else None,
            )
        )
    return {approval: tuple(verdicts) for approval, verdicts in found.items()}


def add_grant(connection: Connection, tenant: str, grant: Grant) -> None:
    connection.execute(
        insert(GRANTS),
        {
            "tenant": tenant,
            "id": grant.id,
            "approval": grant.approval,
            "call_key": grant.call_key,
            "digest": grant.digest,
            "expires_at": clock.iso(grant.expires_at),
            "state": "ready",
            "used_at": "",
        },
    )


def grant_of(connection: Connection, tenant: str, approval: str) -> Grant | None:
    query = select(GRANTS).where(GRANTS.c.tenant == tenant, GRANTS.c.approval == approval)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Grant(row.id, row.approval, row.call_key, row.digest, clock.parse(row.expires_at))


def use_grant(connection: Connection, tenant: str, grant: str, *, call_key: str, digest: str, at: datetime) -> bool:
    """Consume a grant: one guarded update, so that it is used once, for its own call and digest, before it expires."""
    now = clock.iso(at)
    return (
        connection.execute(
            update(GRANTS)
            .where(
                GRANTS.c.tenant == tenant,
                GRANTS.c.id == grant,
                GRANTS.c.state == "ready",
                GRANTS.c.call_key == call_key,
                GRANTS.c.digest == digest,
                GRANTS.c.expires_at > now,
            )
            .values(state="used", used_at=now)
        ).rowcount
        == 1
    )


def return_grant(connection: Connection, tenant: str, grant: str, *, call_key: str) -> bool:
    """Make a used grant ready again, for a call of which provably nothing was sent."""
    return (
        connection.execute(
            update(GRANTS)
            .where(
                GRANTS.c.tenant == tenant,
                GRANTS.c.id == grant,
                GRANTS.c.call_key == call_key,
                GRANTS.c.state == "used",
            )
            .values(state="ready", used_at="")
        ).rowcount
        == 1
    )


def to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _text(at: datetime | None) -> str:
    return "" if at is None else clock.iso(at)


def _time(text: str) -> datetime | None:
    return clock.parse(text) if text else None


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _request(row: Row[Any], verdicts: tuple[Verdict, ...]) -> ApprovalRequest:
    return ApprovalRequest(
        id=row.id,
        tenant=row.tenant,
        run=row.run,
        call_key=row.call_key,
        digest=row.digest,
        tool=row.tool,
        arguments=orjson.loads(row.arguments),
        sentence=row.sentence,
        requester=row.requester,
        agent=row.agent,
        rules=tuple(orjson.loads(row.rules)),
        quorums=tuple((str(role), int(count)) for role, count in orjson.loads(row.quorums)),
        policy_revision=row.policy_revision,
        created_at=clock.parse(row.created_at),
        expires_at=clock.parse(row.expires_at),
        state=row.state,
        verdicts=verdicts,
        why=tuple(orjson.loads(row.why)),
        detail=orjson.loads(row.detail),
        excluded=tuple(orjson.loads(row.excluded)),
        risk=row.risk,
        batch=row.batch,
        remind_at=_time(row.remind_at),
        escalate_at=_time(row.escalate_at),
        escalate_to=row.escalate_to,
        escalated=row.escalated,
        handed_over=tuple((str(giver), str(taker)) for giver, taker in orjson.loads(row.handed_over)),
        closed_at=_time(row.closed_at),
    )
