"""Webhooks over HTTP: set up, change, rotate, turn on and off, deliveries. Their own door is `api.hook_door`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, able
from chargehand.identity.service import Identity
from chargehand.runs.model import Delivery, Hook
from chargehand.runs.triggers.hook_views import (
    ChangeHook,
    DeliveryView,
    HookView,
    HookWithSecret,
    NewHook,
    RotateHook,
    TriedMapping,
    TryMapping,
)
from chargehand.runs.triggers.hooks import HookChange, Hooks

router = APIRouter(tags=["runs"])


def _hooks(request: Request) -> Hooks:
    return request.app.state.hooks


async def _names(request: Request, who: SignedIn, hooks: list[Hook]) -> Mapping[str, str]:
    identity: Identity = request.app.state.identity
    return await identity.names(who.principal.tenant, {one.principal for one in hooks})


def _fields(who: SignedIn, hook: Hook, names: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(hook).items() if name != "tenant"}
    name = names.get(hook.principal, hook.principal)
    mine = hook.made_by == who.principal.id
    return fields | {"path": f"/hooks/{hook.id}", "principal_name": name, "i_may_edit": mine}


async def _view(request: Request, who: SignedIn, hook: Hook) -> HookView:
    return HookView(**_fields(who, hook, await _names(request, who, [hook])))


async def _with_secret(request: Request, who: SignedIn, hook: Hook, secret: str) -> HookWithSecret:
    return HookWithSecret(**_fields(who, hook, await _names(request, who, [hook])), secret=secret)


@router.post("/hooks", operation_id="createHook", status_code=201)
async def create_hook(body: NewHook, request: Request, who: Caller) -> HookWithSecret:
    """Let a sender start an agent by signed messages. The secret is shown this once."""
    hook, secret = await _hooks(request).create(
        who, body.agent, name=body.name, fields=body.mapping, scheme=body.scheme, principal=body.principal
    )
    return await _with_secret(request, who, hook, secret)


@router.get("/hooks", operation_id="listHooks")
async def list_hooks(request: Request, who: Caller) -> list[HookView]:
    """Hooks that I may manage, newest first."""
    found = await _hooks(request).list(who)
    names = await _names(request, who, found)
    return [HookView(**_fields(who, one, names)) for one in found]


@router.post("/hooks/try", operation_id="tryHookMapping")
async def try_mapping(body: TryMapping, request: Request, who: Caller) -> TriedMapping:
    """What a message would start the agent with; a problem names its field. Starts nothing."""
    return TriedMapping(input=await _hooks(request).preview(who, body.agent, body.mapping, body.message.encode()))


@router.get("/hooks/{hook}", operation_id="getHook")
async def get_hook(hook: str, request: Request, who: Caller) -> HookView:
    """One hook, without its secret."""
    return await _view(request, who, await _hooks(request).get(who, hook))


@router.patch("/hooks/{hook}", operation_id="changeHook")
async def change_hook(hook: str, body: ChangeHook, request: Request, who: Caller) -> HookView:
    """Change the name or the mapping of a hook of mine. What is left out stays; so do its address and its secret."""
    change = cast("HookChange", {name: getattr(body, name) for name in body.model_fields_set})
    return await _view(request, who, await _hooks(request).change(who, hook, change))


@router.post("/hooks/{hook}/rotate", operation_id="rotateHook")
async def rotate_hook(hook: str, body: RotateHook, request: Request, who: Caller) -> HookWithSecret:
    """A new secret, shown this once; the old one stays good for the hours named."""
    changed, secret = await _hooks(request).rotate(who, hook, grace=timedelta(hours=body.grace_hours))
    return await _with_secret(request, who, changed, secret)


@router.post("/hooks/{hook}/disable", operation_id="disableHook")
async def disable_hook(hook: str, request: Request, who: Caller) -> HookView:
    """Refuse all that comes, at once."""
    return await _view(request, who, await _hooks(request).turn(who, hook, "disabled"))


@router.post("/hooks/{hook}/enable", operation_id="enableHook")
async def enable_hook(hook: str, request: Request, who: Caller) -> HookView:
    """Take deliveries again."""
    return await _view(request, who, await _hooks(request).turn(who, hook, "active"))


@router.get("/hooks/{hook}/deliveries", operation_id="listDeliveries")
async def list_deliveries(
    hook: str, request: Request, who: Caller, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[DeliveryView]:
    """The last deliveries and what became of them, newest first."""
    found = await _hooks(request).deliveries(who, hook, limit=limit)
    sees = able(request, who)("see_payloads")

    def show(one: Delivery) -> DeliveryView:
        # What a message said may stand in the reason; `bad signature` and the like say nothing of it.
        fields = {name: value for name, value in asdict(one).items() if name != "hook"}
        fields["why"] = one.why if sees or not one.message else ""
        return DeliveryView(**fields)

    return [show(one) for one in found]
