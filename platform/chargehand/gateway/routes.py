"""Single tool calls over HTTP: what is in flight or in doubt, reconciliation, a read tool tried by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from chargehand import clock
from chargehand.errors import BadInput
from chargehand.gateway.model import StoredCall
from chargehand.gateway.service import CallService, Where
from chargehand.gateway.views import CallPage, CallView, Reconcile, Tried, TryTool
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import able, may

router = APIRouter(tags=["calls"])
Reader = Annotated[SignedIn, may("read_runs")]


def _calls(request: Request) -> CallService:
    return request.app.state.calls


@router.get("/calls", operation_id="listCalls")
async def list_calls(
    request: Request,
    who: Reader,
    state: Where = "in_flight",
    agent: str = "",
    tool: str = "",
    connector: str = "",
    run: str = "",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> CallPage:
    """Tool calls by where they stand, newest first; what a freeze would leave in flight."""
    found = await _calls(request).calls(
        who, where=state, agent=agent, tool=tool, connector=connector, run=run, before=_parse(cursor), limit=limit
    )
    last = found[-1] if len(found) == limit else None
    payloads = able(request, who)("see_payloads")
    return CallPage(
        items=[_view(call, payloads=payloads) for call in found],
        next=f"{clock.iso(last.proposed_at)}~{last.key}" if last else None,
    )


def _parse(cursor: str) -> tuple[str, str] | None:
    if not cursor:
        return None
    at, mark, key = cursor.partition("~")
    if not mark:
        raise BadInput("That is no cursor of ours.", field="cursor", value=cursor, way_out="Take it from `next`.")
    return at, key


@router.get("/calls/{key}", operation_id="getCall")
async def get_call(key: str, request: Request, who: Reader) -> CallView:
    """One tool call. Its records are in the action log under its key."""
    life = await _calls(request).get(who, key)
    return _view(life.call, payloads=able(request, who)("see_payloads"))


@router.post("/calls/{key}/reconcile", operation_id="reconcileCall")
async def reconcile(
    key: str, body: Reconcile, request: Request, who: Annotated[SignedIn, may("reconcile")]
) -> CallView:
    """Say what became of a call in doubt, with the evidence; the run goes on from there."""
    settled = await _calls(request).reconcile(
        key, who, happened=body.happened, evidence=body.evidence, comment=body.comment, result=body.result
    )
    return _view(settled, payloads=able(request, who)("see_payloads"))


@router.post("/tools/{tool}/try", operation_id="tryTool", tags=["connectors"])
async def try_tool(tool: str, body: TryTool, request: Request, who: Annotated[SignedIn, may("try_tools")]) -> Tried:
    """Call a read tool by hand, as oneself, through the same gateway: decided, recorded, never a write."""
    outcome, seconds = await _calls(request).try_tool(who, tool, body.arguments)
    return Tried(outcome=outcome, milliseconds=round(seconds * 1000))


def _view(call: StoredCall, *, payloads: bool) -> CallView:
    return CallView(
        key=call.key,
        run=call.run,
        agent=call.agent,
        principal=call.chain[0] if call.chain else "",
        tool=call.tool,
        effect=call.effect,
        delivery=call.delivery,
        sentence=call.sentence,
        state=call.state,
        outcome=call.outcome,
        detail=call.failure.detail if call.failure else "",
        finding=call.finding,
        arguments=call.arguments if payloads else None,
        digest=call.digest,
        rules=list(call.rules),
        approval=call.approval,
        mandate=call.mandate,
        business_key=call.business_key,
        attempts=call.attempts,
        proposed_at=call.proposed_at,
        dispatched_at=call.first_sent_at,
        settled_at=call.settled_at,
        may_arrive_until=call.alive_until,
    )
