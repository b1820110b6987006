"""The API process: `python -m chargehand.api`. Serves API, MCP endpoint and console until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from chargehand import telemetry
from chargehand.api.app import create_app
from chargehand.api.house import open_house
from chargehand.errors import BadSettings, ChargehandError
from chargehand.settings import Settings, settings

GRACE_SECONDS = 5
"""How long requests may go on after the signal; event streams are told to end at once."""
BACKLOG = 512
LOOK_SECONDS = 0.02


async def serve(given: Settings) -> None:
    """Serve until a signal comes.

    Raises:
        BadSettings, BadPolicy, DatabaseUnavailable, AuditUnavailable: something does not fit; nothing was served.
    """
    listening = listen(given.api_host, given.api_port)
    telemetry.setup("api", folder=given.traces, ids=True)
    app = create_app()
    async with open_house(app, given):
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_SECONDS
        )
        server = uvicorn.Server(config)
        # The server gives the signals on when it has ended; what is behind it must still be taken down then.
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, _ignore)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event to wait for
            await asyncio.sleep(LOOK_SECONDS)
        if server.started and (ready := os.environ.get("CHARGEHAND_READY_FILE")):
            await asyncio.to_thread(Path(ready).touch)
        await serving


def _ignore(_signal: int, _frame: object) -> None:
    """The server has its own handler; what it hands on afterwards is known already."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BadSettings that names the setting when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise BadSettings(
            f"nothing can listen there: {error.strerror}",
            field="CHARGEHAND_API_PORT",
            value=port,
            way_out="Stop what uses it, or set another port.",
        ) from None
    listening.listen(BACKLOG)
    return listening


def main() -> int:
    """The process's exit code: 0, or 1 with one line on stderr that says what does not fit."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        logging.getLogger("chargehand").setLevel(settings().log_level)
        asyncio.run(serve(settings()))
    except ChargehandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    # Temporal's core writes its log to stdout, and blocks when nobody reads it; the interpreter sometimes aborts while
    # it unloads that core, so the process leaves without that.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    code = main()
    telemetry.shutdown()
    sys.stderr.flush()
    os._exit(code)
