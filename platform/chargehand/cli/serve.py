"""`chargehand serve`: one process of an installation; `chargehand dev` is all of them on one machine."""

from __future__ import annotations

import os
import sys

import typer

from chargehand.settings import settings
from chargehand.worker.steady import steady

app = typer.Typer(
    no_args_is_help=True,
    help="Run one process of an installation: api, gateway or agents. Settings come from the environment.",
)


@app.command("api")
def api() -> None:
    """API, console and MCP endpoint. Behind a proxy that ends TLS; needs the database and Temporal."""
    _become("chargehand.api")


@app.command("gateway")
def gateway() -> None:
    """The gateway worker: the only holder of the systems' credentials. Run two or more; leases keep them apart."""
    _become("chargehand.worker.gateway")


@app.command("agents")
def agents() -> None:
    """The agent worker: runs your agents. It refuses to start where it finds a credential in its environment."""
    os.environ |= steady(settings().payload_key)
    _become("chargehand.worker.agents")


def _become(module: str) -> None:
    """This process becomes that one, so that a service manager's signals reach it."""
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606  # our own interpreter and module
