"""People and roles over HTTP: identity knows the people, policy knows their roles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may
from chargehand.identity.views import ChangedPerson, NewPerson, Person, Role

router = APIRouter(tags=["people"])
Reader = Annotated[SignedIn, may("read_people")]
Manager = Annotated[SignedIn, may("manage_people")]


def _people(request: Request) -> Any:
    return request.app.state.people


@router.get("/people", operation_id="listPeople")
async def list_people(request: Request, who: Reader) -> list[Person]:
    """People and services of this tenant, with their roles."""
    return await _people(request).list(who)


@router.post("/people", operation_id="createPerson", status_code=201)
async def create_person(body: NewPerson, request: Request, who: Manager) -> Person:
    """Let a person sign in. What they may do, policy says."""
    return await _people(request).create(who, body)


@router.patch("/people/{principal}", operation_id="changePerson")
async def change_person(principal: str, body: ChangedPerson, request: Request, who: Manager) -> Person:
    """Rename, set a new password, or shut out at once."""
    return await _people(request).change(who, principal, body)


@router.get("/roles", operation_id="listRoles")
async def list_roles(request: Request, who: Reader) -> list[Role]:
    """Roles, who holds them and what they may do here."""
    return await _people(request).roles(who)
