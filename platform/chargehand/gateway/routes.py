"""Single tool calls over HTTP: what is in flight or in doubt, reconciliation, a read tool tried by hand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from chargehand.gateway.views import CallPage, CallView, Reconcile, Tried, TryTool
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may

router = APIRouter(tags=["calls"])
Reader = Annotated[SignedIn, may("read_runs")]


def _gateway(request: Request) -> Any:
    return request.app.state.gateway


@router.get("/calls", operation_id="listCalls")
async def list_calls(
    request: Request,
    who: Reader,
    state: Literal["in_flight", "in_doubt", "waiting", "done", "all"] = "in_flight",
    agent: str = "",
    tool: str = "",
    connector: str = "",
    run: str = "",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> CallPage:
    """Tool calls by where they stand; what a freeze would leave in flight."""
    return await _gateway(request).calls(
        who, state=state, agent=agent, tool=tool, connector=connector, run=run, cursor=cursor, limit=limit
    )


@router.get("/calls/{key}", operation_id="getCall")
async def get_call(key: str, request: Request, who: Reader) -> CallView:
    """One tool call."""
    return await _gateway(request).get_call(who, key)


@router.post("/calls/{key}/reconcile", operation_id="reconcileCall")
async def reconcile(
    key: str, body: Reconcile, request: Request, who: Annotated[SignedIn, may("reconcile")]
) -> CallView:
    """Say what became of a call in doubt, with the evidence; the run goes on from there."""
    return await _gateway(request).reconcile(who, key, body)


@router.post("/tools/{tool}/try", operation_id="tryTool", tags=["connectors"])
async def try_tool(tool: str, body: TryTool, request: Request, who: Annotated[SignedIn, may("try_tools")]) -> Tried:
    """Call a read tool by hand, through the same gateway: decided, recorded, never a write."""
    return await _gateway(request).try_tool(who, tool, body)
