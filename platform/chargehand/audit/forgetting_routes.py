"""Forgetting over HTTP: erase a person, hold records for the law, drop what is old. Who may erase may do all of it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request

from chargehand import clock
from chargehand.audit import retention
from chargehand.audit.erasure import Eraser
from chargehand.audit.model import Who
from chargehand.audit.views import EraseSubject, Erasure, HoldView, LiftHold, Mention, NewHold, Retire, Retirement
from chargehand.database import Database
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may

router = APIRouter(prefix="/log", tags=["action log"])
Keeper = Annotated[SignedIn, may("erase_subject")]


def _who(who: SignedIn) -> Who:
    return Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method)


def _db(request: Request) -> Database:
    return request.app.state.db


@router.post("/erasures", operation_id="eraseSubject", status_code=201)
async def erase(body: EraseSubject, request: Request, who: Keeper) -> Erasure:
    """Destroy a person's keys and empty every copy: the data is gone, every proof stays valid."""
    eraser: Eraser = request.app.state.erasures
    found = await eraser.erase(who.principal.tenant, body.subject, who=_who(who), reason=body.reason)
    return Erasure(
        subject=found.subject,
        keys=found.keys,
        runs=list(found.runs),
        exports=found.exports,
        left=[Mention(place=one.place, id=one.id) for one in found.left],
    )


@router.get("/holds", operation_id="listHolds")
async def list_holds(request: Request, who: Keeper) -> list[HoldView]:
    """The legal holds in force, oldest first."""
    found = await _db(request).read(lambda connection: retention.holds(connection, who.principal.tenant))
    return [_hold(hold) for hold in found]


@router.post("/holds", operation_id="placeHold", status_code=201)
async def place_hold(body: NewHold, request: Request, who: Keeper) -> HoldView:
    """Keep every record that matches, whatever its age, and refuse to erase whom they concern. Recorded."""
    return _hold(
        await asyncio.to_thread(
            retention.place_hold, _db(request), who.principal.tenant, body.query, who=_who(who), reason=body.reason
        )
    )


@router.post("/holds/{hold}/lift", operation_id="liftHold")
async def lift_hold(hold: str, body: LiftHold, request: Request, who: Keeper) -> list[HoldView]:
    """End a hold; those that are still in force. Recorded."""
    await asyncio.to_thread(
        retention.lift_hold, _db(request), who.principal.tenant, hold, who=_who(who), reason=body.reason
    )
    return await list_holds(request, who)


@router.post("/retirements", operation_id="retireRecords", status_code=201)
async def retire(body: Retire, request: Request, who: Keeper) -> Retirement:
    """Drop the content of signed records older than a time that no hold keeps; hashes and proofs stay. Recorded."""
    count = await asyncio.to_thread(retention.retire, _db(request), who.principal.tenant, body.before, who=_who(who))
    return Retirement(records=count)


def _hold(hold: retention.Hold) -> HoldView:
    return HoldView(
        id=hold.id,
        query=hold.filter,
        reason=hold.reason,
        placed_by=hold.placed_by,
        placed_at=clock.parse(hold.placed_at),
    )
