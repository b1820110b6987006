"""`chargehand release`: on which release of the agents new runs begin, and which workers may be stopped.

For whoever runs the installation: it speaks to Temporal itself, as a deployment does, and not to the API.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer

from chargehand.cli.show import Json, clean, err, json_out, out, table, when
from chargehand.runs import releases
from chargehand.runs.client import connect
from chargehand.settings import load

app = typer.Typer(no_args_is_help=True, help="Releases of the agents: which one new runs begin on; roll back; drain.")

WAIT_SECONDS = 5.0
T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="The release; see `release list`.")]


@app.command("list")
def list_releases(as_json: Json = False) -> None:
    """Every release, how many new runs it gets, how many of its runs are open, and whether its workers may stop."""
    found = _with(releases.releases)
    if as_json:
        json_out([{**asdict(one), "may_stop": one.may_stop} for one in found])
        return
    rows = [
        (
            clean(one.name),
            one.state,
            f"{one.share:g} %",
            str(one.open_runs),
            "may be stopped" if one.may_stop else "keep up",
            when(one.created_at),
        )
        for one in found
    ]
    table(("Release", "State", "Of new runs", "Open runs", "Its workers", "Since"), rows, empty="There is no release.")


@app.command("current")
def make_current(name: Name, as_json: Json = False) -> None:
    """Let all new runs begin on this release. With an older one: roll back. Runs that go on stay where they are."""
    _with(lambda client: releases.make_current(client, name, by=_whoever()))
    _said(name, as_json=as_json)


@app.command("ramp")
def ramp(
    name: Name,
    percent: Annotated[float, typer.Argument(min=0, max=100, help="Of a hundred new runs, how many; 0 ends it.")],
    as_json: Json = False,
) -> None:
    """Let some of the new runs begin on this release, the others on the current one."""
    _with(lambda client: releases.ramp(client, name, percent, by=_whoever()))
    _said(name, as_json=as_json)


def _whoever() -> str:
    """Who is at this machine, as far as the machine knows: the action log says that it is a claim."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} with chargehand release"


def _said(name: str, *, as_json: bool) -> None:
    found = next(one for one in _with(releases.releases) if one.name == name)
    if as_json:
        json_out({**asdict(found), "may_stop": found.may_stop})
        return
    out.print(f"[green]✓[/] {clean(name)} gets {found.share:g} % of the new runs.")
    err.print("[dim]Runs that go on stay on their releases: keep their workers up, see `chargehand release list`.[/]")


def _with(work: Callable[[Any], Awaitable[T]]) -> T:
    async def connected() -> T:
        return await work(await connect(load(), wait_seconds=WAIT_SECONDS))

    return asyncio.run(connected())
