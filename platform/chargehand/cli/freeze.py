"""`chargehand freeze`: the big red stop."""

from __future__ import annotations

from typing import Annotated

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out, table, when
from chargehand.gateway.views import CallPage
from chargehand.risk.views import FreezeView

app = typer.Typer(no_args_is_help=True, help="Stop an agent, a tool, a connector or everything; and let it go on.")

SCOPES = ("agent", "tool", "connector", "tenant")


@app.command("now")
def freeze(
    what: Annotated[str, typer.Argument(help="agent:NAME, tool:NAME, connector:NAME, or tenant for everything.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; everybody sees it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """No further call is dispatched, at once. Shows what was in flight and can't be called back."""
    scope, _, name = what.partition(":")
    if scope not in SCOPES or bool(name) == (scope == "tenant"):
        raise CommandFailed(
            f"{what!r} can't be frozen.", code=USAGE, way_out="e.g. agent:complaint-resolution, tool:mail.send, tenant"
        )
    if not yes and not typer.confirm(f"Freeze {what}?", err=True):
        raise CommandFailed("Nothing was frozen.", code=NOT_DONE)
    with Api() as api:
        found = api.post(FreezeView, "/freezes", {"scope": scope, "name": name, "reason": reason})
        narrowed = {scope: name} if scope != "tenant" else {}
        flying = api.get(CallPage, "/calls", state="in_flight", **narrowed)
    if as_json:
        json_out({"freeze": found.model_dump(mode="json"), "in_flight": flying.model_dump(mode="json")["items"]})
        return
    out.print(f"[bold red]■[/] {clean(what)} is frozen: {clean(found.id)}")
    rows = [(clean(c.tool), clean(c.sentence), clean(c.run), when(c.dispatched_at)) for c in flying.items]
    table(("In flight", "What", "Run", "Since"), rows, empty="Nothing was in flight.")
    err.print(f"[dim]Let it go on: chargehand freeze lift {clean(found.id)} --reason …[/]")


@app.command("list")
def list_freezes(
    lifted: Annotated[bool, typer.Option(help="Also those that were lifted.")] = False, as_json: Json = False
) -> None:
    """What is frozen, by whom and why."""
    with Api() as api:
        found = api.get(list[FreezeView], "/freezes", lifted=lifted or None)
    if as_json:
        json_out(found)
        return
    rows = [
        (
            clean(f.id),
            clean(f"{f.scope} {f.name}".strip()),
            clean(f.reason),
            clean(f.frozen_by),
            when(f.frozen_at),
            when(f.lifted_at),
        )
        for f in found
    ]
    table(("Freeze", "What", "Why", "By", "Since", "Lifted"), rows, empty="Nothing is frozen.")


@app.command("lift")
def lift(
    freeze: Annotated[str, typer.Argument(help="Id of the freeze.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it may go on.")],
    as_json: Json = False,
) -> None:
    """Let it go on."""
    with Api() as api:
        found = api.post(FreezeView, f"/freezes/{freeze}/lift", {"reason": reason})
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] {clean(f'{found.scope} {found.name}'.strip())} goes on.")
