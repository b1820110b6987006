"""`chargehand connectors`: connected systems, their tools and pins."""

from __future__ import annotations

from typing import Annotated

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_VERIFIED, UNAVAILABLE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out, state, table
from chargehand.connectors.views import ConnectorHealth, ConnectorSummary, QuarantinedTool, ToolView
from chargehand.settings import settings

app = typer.Typer(no_args_is_help=True, help="List connected systems and their tools; check and pin them.")


@app.command("list")
def list_connectors(as_json: Json = False) -> None:
    """Connected systems."""
    with Api() as api:
        found = api.get(list[ConnectorSummary], "/connectors")
    if as_json:
        json_out(found)
        return
    rows = [
        (
            f"[bold]{clean(one.name)}[/]",
            clean(one.title),
            str(one.tools),
            f"[yellow]{one.blocked}[/]" if one.blocked else "",
            clean(one.description),
        )
        for one in found
    ]
    table(("Connector", "System", "Tools", "Blocked", ""), rows, empty="Nothing is connected.")


@app.command("tools")
def tools(
    connector: Annotated[str, typer.Argument(help="Only of this connector.")] = "", as_json: Json = False
) -> None:
    """Tools with what they do to the world, and whether their definition is the reviewed one."""
    with Api() as api:
        found = api.get(list[ToolView], "/tools", connector=connector)
    if as_json:
        json_out(found)
        return
    rows = [
        (f"[bold]{clean(one.name)}[/]", one.effect, one.delivery, state(one.pin), clean(one.description.split("\n")[0]))
        for one in found
    ]
    table(("Tool", "Effect", "Delivery", "Pin", "What it does"), rows, empty="No tools.")


@app.command("check")
def check(connector: Annotated[str, typer.Argument(help="Only this connector.")] = "", as_json: Json = False) -> None:
    """Ask each system now. Ends with 3 if one is down, with 4 if a tool's definition is not the reviewed one."""
    with Api() as api:
        if connector:
            found = [api.post(ConnectorHealth, f"/connectors/{connector}/check")]
        else:
            found = api.post(list[ConnectorHealth], "/connectors/check")
        asked = {one.connector for one in found}
        changed = [one for one in api.get(list[QuarantinedTool], "/quarantine") if one.connector in asked]
    if as_json:
        json_out(
            {"health": [one.model_dump(mode="json") for one in found], "quarantined": [one.tool for one in changed]}
        )
    else:
        rows = [
            (
                clean(h.connector),
                state(h.state),
                "" if h.milliseconds is None else f"{h.milliseconds} ms",
                clean(h.detail),
            )
            for h in found
        ]
        table(("Connector", "Health", "Took", ""), rows, empty="Nothing is connected.")
        for one in changed:
            err.print(
                f"[yellow]![/] {clean(one.tool)}: {clean(one.kind)}. It can't be called until somebody has looked."
            )
            for line in one.lines:
                err.print(f"    {clean(line)}")
    down = [one.connector for one in found if one.state == "down"]
    if down:
        raise CommandFailed(f"Down: {', '.join(down)}.", code=UNAVAILABLE, way_out="The reason stands above.")
    if changed:
        raise CommandFailed(
            f"{len(changed)} tools are quarantined.", code=NOT_VERIFIED, way_out="Review them in the console."
        )


@app.command("pin")
def pin(
    connector: Annotated[str, typer.Argument(help="Which connector; left out: all of ours.")] = "",
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 4 if a pin would change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write pin files from the declarations of our own connectors, to review before a commit. Works without the API."""
    from chargehand.connectors.pins import PinBook
    from chargehand.connectors.registry import load_connectors
    from chargehand.connectors.service import declared_changes, pin_declared

    policies = settings().policies
    ours = [one for one in load_connectors(policies) if one.is_ours and connector in ("", one.name)]
    if not ours:
        raise CommandFailed(f"There is no connector of ours named {connector!r}.", way_out="`connectors list`.")
    pins = PinBook(policies).all()
    changes = [change for one in ours for change in declared_changes(pins, one)]
    written = [] if check_only else [str(pin_declared(policies, one)) for one in ours]
    if as_json:
        found = [{"tool": change.tool, "kind": change.kind, "lines": list(change.lines)} for change in changes]
        json_out({"changes": found, "written": written})
    else:
        for change in changes:
            out.print(f"[yellow]![/] {clean(change.tool)}: {clean(change.kind)}")
            for line in change.lines:
                out.print(f"    {clean(line)}")
        for path in written:
            out.print(f"[green]✓[/] {clean(path)}")
    if check_only and changes:
        raise CommandFailed(
            f"{len(changes)} definitions are not as pinned.", code=NOT_VERIFIED, way_out="chargehand connectors pin"
        )
