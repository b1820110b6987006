"""In front of the MCP server: a token, a known origin, and JSON that everybody reads in the same way.

The specification (basic/transports, Security Warning) has servers refuse unknown origins, against DNS rebinding.
"""

from __future__ import annotations

from contextvars import ContextVar
from ipaddress import ip_address
from urllib.parse import urlsplit

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargehand.connectors import strict
from chargehand.errors import BadInput, NotSignedIn
from chargehand.identity.model import SignedIn

CALLER: ContextVar[SignedIn | None] = ContextVar("chargehand.mcp.caller", default=None)
"""Who the request in hand belongs to, for what the SDK asks before it has a context."""


class Entry:
    """Refuses, or hands on. `own_url` is where this installation is reached from elsewhere, empty: only from here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.own_url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = scope.get("chargehand.signed_in")
        if not isinstance(who, SignedIn) or who.method != "token":
            raise NotSignedIn("MCP clients use an API token.", way_out="chargehand token create; send it as Bearer.")
        request = Request(scope, receive)
        origin = request.headers.get("origin")
        if origin is not None and not self._known(origin, request.headers.get("host", "")):
            await _refuse(403, INVALID_REQUEST, "This origin is not known here")(scope, receive, send)
            return
        if request.method != "POST":  # without sessions nothing would ever come on a stream of its own, or end with one
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            return
        body = await request.body()
        try:
            strict.loads(body, field="body")
        except BadInput as error:
            await _refuse(400, PARSE_ERROR, f"Parse error: {error}")(scope, receive, send)
            return
        CALLER.set(who)  # the server has a task of its own for each request
        await self._app(scope, _again(body, receive), send)

    def _known(self, origin: str, host: str) -> bool:
        """Our own page: under the configured URL, or on this very machine."""
        if self.own_url and origin == _origin(self.own_url):
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc == host and _is_loopback(parts.hostname or "")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _refuse(status: int, code: int, message: str) -> Response:
    error = JSONRPCError(jsonrpc="2.0", id=None, error=ErrorData(code=code, message=message))
    return Response(error.model_dump_json(by_alias=True, exclude_unset=True), status, media_type="application/json")


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
