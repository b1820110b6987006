"""Run a connector's server: `python -m …`, over stdio (default) or streamable HTTP.

`open_system` is an async context manager that yields the implementation and closes what it opened; it reads the
connector's own variables, and is not entered for `--help`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import uvicorn
from mcp.server.stdio import stdio_server
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from chargehand import telemetry
from chargehand.connectors.model import Connector
from chargehand.connectors.server import build
from chargehand.errors import BadSettings, ChargehandError
from chargehand.settings import settings

OpenSystem = Callable[[], AbstractAsyncContextManager[object]]

TOKEN_VARIABLE = "CHARGEHAND_CONNECTOR_TOKEN"  # noqa: S105  # the variable's name, not its value
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(connector: Connector, open_system: OpenSystem, argv: Sequence[str] | None = None) -> None:
    """The `python -m` entry of a connector: serve until the input ends (stdio) or a signal comes (HTTP).

    Exits with 2 and a sentence on stderr when the settings are not usable.
    """
    options = _parser(connector).parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"{connector.name}: %(levelname)s %(message)s")
    try:
        telemetry.setup(f"connector-{connector.name}", folder=settings().traces)
        if options.transport == "stdio":
            asyncio.run(_serve_stdio(connector, open_system))
        else:
            asyncio.run(_serve_http(connector, open_system, options.host, options.port))
    except ChargehandError as error:
        sys.stderr.write(f"{connector.name}: {error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        telemetry.shutdown()


def _parser(connector: Connector) -> ArgumentParser:
    tools = ", ".join(tool.operation for tool in connector.tools)
    variables = ", ".join(connector.environment) or "none"
    parser = ArgumentParser(
        prog=f"python -m {connector.module}",
        description=f"{connector.title}, as an MCP server. Tools: {tools}.",
        epilog=f"Variables that it reads: {variables}. Over HTTP, {TOKEN_VARIABLE} demands that bearer token.",
    )
    parser.add_argument("--transport", choices=("stdio", "streamable-http"), default="stdio", help="default: stdio")
    parser.add_argument("--host", default="127.0.0.1", help="address for streamable-http; default: this machine only")
    parser.add_argument("--port", type=int, default=0, help="port for streamable-http; default: a free one, printed")
    return parser


async def _serve_stdio(connector: Connector, open_system: OpenSystem) -> None:
    async with open_system() as implementation:
        server = build(connector, implementation)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


async def _serve_http(connector: Connector, open_system: OpenSystem, host: str, port: int) -> None:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if host not in _LOOPBACK and not token:
        raise BadSettings(
            "whoever reaches this address could use the connector",
            field="--host",
            value=host,
            way_out=f"Set {TOKEN_VARIABLE} to a secret that callers must send as a bearer token.",
        )
    async with open_system() as implementation:
        app = build(connector, implementation).streamable_http_app(json_response=True, stateless_http=True, host=host)
        if token:
            app.user_middleware.append(Middleware(_BearerToken, token=token))
        config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        sock = config.bind_socket()
        sys.stderr.write(f"{connector.name}: http://{host}:{sock.getsockname()[1]}/mcp\n")
        sys.stderr.flush()
        await server.serve(sockets=[sock])


class _BearerToken:
    """Refuses HTTP requests that do not carry the token, compared in constant time."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)
