"""The stop switch and alerts over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may
from chargehand.identity.service import Identity
from chargehand.risk.alerts import Alert, AlertService
from chargehand.risk.freeze import FreezeService
from chargehand.risk.model import Freeze
from chargehand.risk.views import AlertView, FreezeView, HandleAlert, LiftFreeze, NewFreeze

router = APIRouter(tags=["risk"])
Freezer = Annotated[SignedIn, may("freeze")]
Handler = Annotated[SignedIn, may("handle_alerts")]


def _freezes(request: Request) -> FreezeService:
    return request.app.state.freezes


@router.get("/freezes", operation_id="listFreezes")
async def list_freezes(request: Request, who: Caller, lifted: bool = False) -> list[FreezeView]:
    """What is stopped, by whom and why. Everyone may see it."""
    found = await _freezes(request).list(who, in_force=not lifted)
    identity: Identity = request.app.state.identity
    people = {person for freeze in found for person in (freeze.frozen_by, freeze.lifted_by) if person}
    names = await identity.names(who.principal.tenant, people)
    return [_view(freeze, names) for freeze in found]


@router.post("/freezes", operation_id="freeze", status_code=201)
async def freeze(body: NewFreeze, request: Request, who: Freezer) -> FreezeView:
    """Stop an agent, a tool, a connector or the tenant: no further call is dispatched."""
    return _view(await _freezes(request).freeze(who, body.scope, body.name, body.reason), _me(who))


@router.post("/freezes/{freeze}/lift", operation_id="liftFreeze")
async def lift(freeze: str, body: LiftFreeze, request: Request, who: Freezer) -> FreezeView:
    """Let it go on."""
    return _view(await _freezes(request).lift(who, freeze, body.reason), _me(who))


def _me(who: SignedIn) -> dict[str, str]:
    return {who.principal.id: who.principal.name}


def _view(freeze: Freeze, names: Mapping[str, str]) -> FreezeView:
    return FreezeView(
        id=freeze.id,
        scope=freeze.scope,
        name=freeze.name.removeprefix("agent:"),
        reason=freeze.reason,
        frozen_by=names.get(freeze.frozen_by, freeze.frozen_by),
        frozen_at=freeze.frozen_at,
        lifted_by=names.get(freeze.lifted_by, freeze.lifted_by),
        lifted_at=freeze.lifted_at,
    )


def _alerts(request: Request) -> AlertService:
    return request.app.state.alerts


@router.get("/alerts", operation_id="listAlerts")
async def list_alerts(
    request: Request, who: Handler, state: Literal["open", "handled", "all"] = "open"
) -> list[AlertView]:
    """What the detectors found in the last day of the action log, newest first."""
    found = await _alerts(request).all(who)
    return [_alert(one) for one in found if state == "all" or (one.state == "open") == (state == "open")]


@router.post("/alerts/{alert}/handle", operation_id="handleAlert")
async def handle_alert(alert: str, body: HandleAlert, request: Request, who: Handler) -> AlertView:
    """Acknowledge or dismiss an alert; recorded."""
    return _alert(await _alerts(request).handle(who, alert, dismiss=body.dismiss, comment=body.comment))


def _alert(alert: Alert) -> AlertView:
    return AlertView(
        id=alert.id,
        level=alert.level,
        detector=alert.detector,
        sentence=alert.sentence,
        message_id=f"alert.{alert.detector}",
        parameters=alert.parameters,
        agent=alert.agent,
        tool=alert.tool,
        principal=alert.principal,
        run=alert.run,
        records=list(alert.records),
        raised_at=alert.raised_at,
        state=alert.state,
        handled_by=alert.handled_by,
        comment=alert.comment,
    )
