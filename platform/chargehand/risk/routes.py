"""The stop switch and alerts over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may
from chargehand.risk.views import AlertView, FreezeView, HandleAlert, LiftFreeze, NewFreeze

router = APIRouter(tags=["risk"])
Freezer = Annotated[SignedIn, may("freeze")]
Handler = Annotated[SignedIn, may("handle_alerts")]


def _risk(request: Request) -> Any:
    return request.app.state.risk


@router.get("/freezes", operation_id="listFreezes")
async def list_freezes(request: Request, who: Caller, lifted: bool = False) -> list[FreezeView]:
    """What is stopped, by whom and why. Everyone may see it."""
    return await _risk(request).freezes(who, lifted=lifted)


@router.post("/freezes", operation_id="freeze", status_code=201)
async def freeze(body: NewFreeze, request: Request, who: Freezer) -> FreezeView:
    """Stop an agent, a tool, a connector or the tenant: no further call is dispatched."""
    return await _risk(request).freeze(who, body)


@router.post("/freezes/{freeze}/lift", operation_id="liftFreeze")
async def lift(freeze: str, body: LiftFreeze, request: Request, who: Freezer) -> FreezeView:
    """Let it go on."""
    return await _risk(request).lift(who, freeze, body)


@router.get("/alerts", operation_id="listAlerts")
async def list_alerts(
    request: Request, who: Handler, state: Literal["open", "handled", "all"] = "open"
) -> list[AlertView]:
    """What the detectors found in the action log."""
    return await _risk(request).alerts(who, state)


@router.post("/alerts/{alert}/handle", operation_id="handleAlert")
async def handle_alert(alert: str, body: HandleAlert, request: Request, who: Handler) -> AlertView:
    """Acknowledge or dismiss an alert."""
    return await _risk(request).handle(who, alert, body)
