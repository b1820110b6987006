"""Intakes over HTTP: set up, look, change, pause, resume, delete."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, cast

from fastapi import APIRouter, Request

from chargehand.connectors.service import ConnectorService
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may
from chargehand.identity.service import Identity
from chargehand.runs.model import Intake
from chargehand.runs.triggers.intake_views import ChangeIntake, IntakeTool, IntakeView, NewIntake, ResumeIntake
from chargehand.runs.triggers.intakes import IntakeChange, Intakes

router = APIRouter(tags=["runs"])
Maker = Annotated[SignedIn, may("manage_hooks")]


def _intakes(request: Request) -> Intakes:
    return request.app.state.intakes


async def _show(request: Request, who: SignedIn, *found: Intake) -> list[IntakeView]:
    identity: Identity = request.app.state.identity
    names = await identity.names(who.principal.tenant, {one.principal for one in found})

    def show(one: Intake) -> IntakeView:
        fields = {name: value for name, value in asdict(one).items() if name != "tenant"}
        mine = one.made_by == who.principal.id
        return IntakeView(**fields, principal_name=names.get(one.principal, one.principal), i_may_edit=mine)

    return [show(one) for one in found]


@router.post("/intakes", operation_id="createIntake", status_code=201)
async def create_intake(body: NewIntake, request: Request, who: Caller) -> IntakeView:
    """Start an agent for each message that a connector offers. It is read once at this moment, to see that it works."""
    made = await _intakes(request).create(
        who,
        body.agent,
        body.tool,
        name=body.name,
        arguments=body.arguments,
        fields=body.mapping,
        every_seconds=body.every_seconds,
        principal=body.principal,
        after=body.after,
    )
    return (await _show(request, who, made))[0]


@router.get("/intakes", operation_id="listIntakes")
async def list_intakes(request: Request, who: Caller) -> list[IntakeView]:
    """Intakes that I may manage, newest first."""
    return await _show(request, who, *await _intakes(request).list(who))


@router.get("/intakes/tools", operation_id="listIntakeTools")
async def list_tools(request: Request, _who: Maker) -> list[IntakeTool]:
    """Reviewed tools that offer messages, for a new intake; not those in quarantine."""
    connectors: ConnectorService = request.app.state.connectors
    callable_now = [tool.tool for tool in await connectors.tools() if tool.pin == "pinned"]
    return [
        IntakeTool(
            name=offer.tool,
            description=offer.description,
            input_schema=dict(offer.input_schema),
            message_fields=list(offer.fields),
        )
        for offer in _intakes(request).offers(callable_now)
    ]


@router.get("/intakes/{intake}", operation_id="getIntake")
async def get_intake(intake: str, request: Request, who: Caller) -> IntakeView:
    """One intake: how far it has read, and what went wrong last."""
    return (await _show(request, who, await _intakes(request).get(who, intake)))[0]


@router.patch("/intakes/{intake}", operation_id="changeIntake")
async def change_intake(intake: str, body: ChangeIntake, request: Request, who: Caller) -> IntakeView:
    """Change an intake of mine. What is left out stays; it goes on where it was."""
    change = cast("IntakeChange", {name: getattr(body, name) for name in body.model_fields_set})
    return (await _show(request, who, await _intakes(request).change(who, intake, change)))[0]


@router.post("/intakes/{intake}/pause", operation_id="pauseIntake")
async def pause_intake(intake: str, request: Request, who: Caller) -> IntakeView:
    """Read nothing until it is resumed; what comes meanwhile is read then."""
    return (await _show(request, who, await _intakes(request).pause(who, intake)))[0]


@router.post("/intakes/{intake}/resume", operation_id="resumeIntake")
async def resume_intake(intake: str, body: ResumeIntake, request: Request, who: Caller) -> IntakeView:
    """Go on where it was, or after another cursor. What has started a run already starts no other."""
    return (await _show(request, who, await _intakes(request).resume(who, intake, after=body.after)))[0]


@router.delete("/intakes/{intake}", operation_id="deleteIntake", status_code=204)
async def delete_intake(intake: str, request: Request, who: Caller) -> None:
    """Start nothing any more. Runs that it started are untouched."""
    await _intakes(request).delete(who, intake)
