"""Who is it, and did they mean it? In front of every route, so that none can forget to ask.

Everything under /api and /mcp is refused without a valid session cookie or bearer token; open are only the operations
in `OPEN`. A request that changes something and is authenticated by a cookie must also come from our own page: browsers
say so in `Sec-Fetch-Site` or `Origin`, and no other site can add the header `X-Chargehand` without asking first.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chargehand.errors import Forbidden, NotSignedIn
from chargehand.identity.cookie import cookie_secret
from chargehand.identity.model import SignedIn
from chargehand.identity.service import Identity

OPEN = frozenset({("GET", "/api/health"), ("POST", "/api/session")})
GUARDED = ("/api", "/mcp")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-chargehand"


class Gate:
    """Middleware: puts `chargehand.signed_in` into the scope, or refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and is_guarded(scope["path"]):
            request = Request(scope)
            who = await authenticate(request)
            # The MCP endpoint takes no cookie, so nothing can be forged there, and a client without a token hears 401.
            if (who is None or who.method != "token") and scope["path"] != "/mcp":
                refuse_forgery(request)
            if who is None and (request.method, scope["path"]) not in OPEN:
                raise NotSignedIn("This needs a signed-in person or an API token.", way_out="Sign in, or send a token.")
            scope["chargehand.signed_in"] = who
        await self.app(scope, receive, send)


def is_guarded(path: str) -> bool:
    """All but the console's own files."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in GUARDED)


async def authenticate(request: Request) -> SignedIn | None:
    """Who asks. A bearer token that is not valid is refused, never replaced by a cookie that is.

    Raises NotSignedIn.
    """
    identity: Identity = request.app.state.identity
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        who = await identity.by_token(token.strip()) if scheme.lower() == "bearer" else None
        if who is None:
            raise NotSignedIn("The token is not valid: unknown, expired or revoked.", way_out="Create a new token.")
        return who
    secret = cookie_secret(request)
    return await identity.by_session(secret) if secret else None


def refuse_forgery(request: Request) -> None:
    """Raises Forbidden for a change that another site may have caused."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in (None, "same-origin") or (origin is not None and not _is_own(request, origin)):
        raise Forbidden("This request came from another site.", way_out="Use Chargehand's own page, or a token.")
    if request.headers.get(CSRF_HEADER) is None:
        raise Forbidden(
            "This request lacks the header X-Chargehand, by which we know that our own page sent it.",
            way_out="Send X-Chargehand: 1, or use a token.",
        )


def _is_own(request: Request, origin: str) -> bool:
    parts = urlsplit(origin)
    return (parts.scheme, parts.netloc) == (request.url.scheme, request.url.netloc)
