"""People and roles over HTTP: identity knows the people, policy knows their roles."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from fastapi import APIRouter, Request

from chargehand.identity.abilities import Abilities
from chargehand.identity.model import SignedIn, User
from chargehand.identity.routes import may
from chargehand.identity.service import Identity
from chargehand.identity.views import ChangedAttributes, ChangedPerson, NewPerson, Person, Role
from chargehand.policy.service import PolicyService

router = APIRouter(tags=["people"])
Reader = Annotated[SignedIn, may("read_people")]
Manager = Annotated[SignedIn, may("manage_people")]
Setter = Annotated[SignedIn, may("set_attributes")]


def _identity(request: Request) -> Identity:
    return request.app.state.identity


def _abilities(request: Request) -> Abilities:
    return request.app.state.abilities


def _person(request: Request, user: User) -> Person:
    return Person(
        principal=user.principal.id,
        name=user.principal.name,
        kind=user.principal.kind,
        roles=_abilities(request).roles_of(user.principal),
        abilities=_abilities(request).of(user.principal),
        attributes=user.principal.attributes,
        active=user.active,
        last_sign_in_at=user.last_sign_in_at,
    )


@router.get("/people", operation_id="listPeople")
async def list_people(request: Request, who: Reader) -> list[Person]:
    """People and services of this tenant, with their roles."""
    return [_person(request, user) for user in await _identity(request).people(who.principal.tenant)]


@router.post("/people", operation_id="createPerson", status_code=201)
async def create_person(body: NewPerson, request: Request, who: Manager) -> Person:
    """Let a person sign in. What they may do, policy says."""
    user = await _identity(request).add_person(who, body.login, body.name, body.password.get_secret_value())
    return _person(request, user)


@router.patch("/people/{principal}", operation_id="changePerson")
async def change_person(principal: str, body: ChangedPerson, request: Request, who: Manager) -> Person:
    """Rename, set a new password, or shut out at once."""
    password = None if body.password is None else body.password.get_secret_value()
    user = await _identity(request).change_person(who, principal, name=body.name, active=body.active, password=password)
    return _person(request, user)


@router.patch("/people/{principal}/attributes", operation_id="setAttributes")
async def set_attributes(principal: str, body: ChangedAttributes, request: Request, who: Setter) -> Person:
    """Say what the policy's conditions may read of a person or service; the next decision sees it."""
    policy: PolicyService = request.app.state.policy
    policy.policy(who.principal.tenant).check_attributes(name for name, value in body.attributes.items() if value)
    return _person(request, await _identity(request).set_attributes(who, principal, body.attributes))


@router.get("/roles", operation_id="listRoles")
async def list_roles(request: Request, who: Reader) -> list[Role]:
    """Roles and who of those who can sign in holds them."""
    holders: dict[str, list[str]] = defaultdict(list)
    for user in await _identity(request).people(who.principal.tenant):
        for role in _abilities(request).roles_of(user.principal):
            holders[role].append(user.principal.id)
    return [
        Role(name=role, title=role.replace("-", " ").capitalize(), holders=people)
        for role, people in sorted(holders.items())
    ]
