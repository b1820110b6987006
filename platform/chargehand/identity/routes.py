"""Sign-in and tokens over HTTP, and the two dependencies by which every other route knows who asks and what they may.

A route names the ability it needs (`may("read_log")`) or that being signed in is enough (`Caller`); a test fails for a
route that names neither.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from chargehand.errors import Forbidden, NotSignedIn
from chargehand.identity.abilities import ABILITIES, Ability
from chargehand.identity.cookie import clear_cookie, refuse_plain_http, set_cookie
from chargehand.identity.model import ApiToken, SignedIn
from chargehand.identity.service import Identity
from chargehand.identity.views import CreatedToken, Me, NewToken, SignIn, Token

router = APIRouter(tags=["session"])


def signed_in(request: Request) -> SignedIn:
    """Who asks, as the sign-in middleware found. Raises NotSignedIn."""
    who = request.scope.get("chargehand.signed_in")
    if not isinstance(who, SignedIn):
        raise NotSignedIn("This needs a signed-in person or an API token.", way_out="Sign in, or send a token.")
    return who


Caller = Annotated[SignedIn, Depends(signed_in)]


def may(ability: Ability) -> Any:
    """A dependency: who asks, if policy grants them `ability`. Raises Forbidden."""

    def check(request: Request, who: Caller) -> SignedIn:
        if not request.app.state.abilities.may(who, ability):
            raise Forbidden(
                f"{who.principal.name} does not hold a role that grants “{ability}”.",
                way_out="An administrator can grant it in the policies.",
            )
        return who

    check.ability = ability  # pyright: ignore[reportFunctionMemberAccess]  # read by the OpenAPI document and by tests
    return Depends(check)


def able(request: Request, who: SignedIn) -> Callable[[Ability], bool]:
    """For a route that shows more to those who may: a question without an exception."""
    return lambda ability: request.app.state.abilities.may(who, ability)


def _identity(request: Request) -> Identity:
    return request.app.state.identity


def _me(request: Request, who: SignedIn) -> Me:
    can = able(request, who)
    return Me(
        tenant=who.principal.tenant,
        principal=who.principal.id,
        name=who.principal.name,
        method=who.method,
        roles=request.app.state.abilities.roles_of(who.principal),
        abilities=[ability for ability in ABILITIES if can(ability)],
        expires_at=who.expires_at,
    )


@router.post("/session", operation_id="signIn")
async def sign_in(body: SignIn, request: Request, response: Response) -> Me:
    """Sign in with name and password; sets the session cookie."""
    refuse_plain_http(request)
    tenant = body.tenant or request.app.state.tenant
    address = request.client.host if request.client else ""
    who, secret = await _identity(request).sign_in(tenant, body.name, body.password.get_secret_value(), address=address)
    set_cookie(request, response, secret, host_cookie=body.host_cookie)
    return _me(request, who)


@router.get("/session", operation_id="getMe")
async def me(request: Request, who: Caller) -> Me:
    """Who I am, my roles, and what I may do."""
    return _me(request, who)


@router.delete("/session", operation_id="signOut", status_code=204)
async def sign_out(request: Request, response: Response, who: Caller) -> None:
    """End this session, here and on the server."""
    await _identity(request).sign_out(who)
    clear_cookie(request, response)


@router.get("/tokens", operation_id="listTokens")
async def list_tokens(request: Request, who: Caller) -> list[Token]:
    """My API tokens; never their secrets."""
    return [Token.model_validate(_token(token)) for token in await _identity(request).tokens(who)]


@router.post("/tokens", operation_id="createToken", status_code=201)
async def create_token(body: NewToken, request: Request, who: Caller) -> CreatedToken:
    """A token that acts as me, narrowed and expiring; its secret is shown once."""
    token, secret = await _identity(request).create_token(
        who,
        body.name,
        lifetime=timedelta(days=body.days),
        abilities=None if body.abilities is None else frozenset(body.abilities),
        tools=None if body.tools is None else tuple(body.tools),
    )
    return CreatedToken.model_validate(_token(token) | {"secret": secret})


@router.delete("/tokens/{token}", operation_id="revokeToken", status_code=204)
async def revoke_token(token: str, request: Request, who: Caller) -> None:
    """Revoke one of my tokens, at once."""
    await _identity(request).revoke_token(who, token)


def _token(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "owner": token.owner,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "abilities": None if token.abilities is None else sorted(token.abilities),
        "tools": None if token.tools is None else list(token.tools),
    }
