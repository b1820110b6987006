"""`chargehand hook`: let senders outside start agents by signed messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out, pretty, state, table, when
from chargehand.cli.triggers import changed, turn
from chargehand.runs.triggers.hook_views import DeliveryView, HookView, HookWithSecret, TriedMapping

app = typer.Typer(no_args_is_help=True, help="Let senders outside start agents by signed messages (webhooks).")

HookId = Annotated[str, typer.Argument(help="Hook id, e.g. hook_01…")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", help="field=JMESPath over the message, e.g. order_number=order.number; repeat."),
]


def fields(pairs: list[str] | None) -> dict[str, str]:
    """A mapping from `field=expression` pairs. Raises CommandFailed (2)."""
    made: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, expression = pair.partition("=")
        if not equals or not name or not expression:
            raise CommandFailed(
                f"--map {pair!r} is not field=expression.", code=USAGE, way_out="e.g. --map order_number=order.number"
            )
        made[name] = expression
    return made


@app.command("create")
def create(
    agent: Annotated[str, typer.Argument(help="Which agent, e.g. complaint-resolution.")],
    name: Annotated[str, typer.Option(help="What you call the sender, e.g. 'Web shop'.")],
    maps: Maps = None,
    scheme: Annotated[str, typer.Option(help="standard (Standard Webhooks) or github.")] = "standard",
    principal: Annotated[str, typer.Option("--for", help="On whose behalf: you, or e.g. service:web-shop.")] = "",
    as_json: Json = False,
) -> None:
    """Make a hook. Its secret is shown this once; without --map the message itself is the agent's input."""
    body = {"agent": agent, "name": name, "mapping": fields(maps), "scheme": scheme, "principal": principal}
    with Api() as api:
        made = api.post(HookWithSecret, "/hooks", body)
        _say_secret(made, api.url, as_json=as_json)


@app.command("edit")
def edit(
    hook: HookId,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    maps: Maps = None,
    as_json: Json = False,
) -> None:
    """Change your hook's name or, as a whole, its mapping. What you leave out stays; so do address and secret."""
    body = {**({"name": name} if name else {}), **({"mapping": fields(maps)} if maps else {})}
    with Api() as api:
        found = api.patch(HookView, f"/hooks/{hook}", body)
    changed(found, found.name, found.id, as_json=as_json)


@app.command("list")
def list_hooks(as_json: Json = False) -> None:
    """The hooks that you may manage."""
    with Api() as api:
        found = api.get(list[HookView], "/hooks")
    if as_json:
        json_out(found)
        return
    rows = [
        (one.id, state(one.state), clean(one.name), clean(one.agent), clean(one.principal_name), one.scheme)
        for one in found
    ]
    columns = ("Hook", "State", "Name", "Starts", "For", "Scheme")
    table(columns, rows, empty="No hooks. Make one: chargehand hook create AGENT --name 'Web shop' --map …")


@app.command("try")
def try_mapping(
    agent: Annotated[str, typer.Argument(help="Which agent.")],
    message: Annotated[Path, typer.Argument(help="File with a message as the sender sends it.", exists=True)],
    maps: Maps = None,
    as_json: Json = False,
) -> None:
    """Show what a message would start the agent with. Starts nothing."""
    body = {"agent": agent, "mapping": fields(maps), "message": message.read_text("utf-8")}
    with Api() as api:
        found = api.post(TriedMapping, "/hooks/try", body)
    if as_json:
        json_out(found.input)
        return
    out.print(pretty(found.input))


@app.command("rotate")
def rotate(
    hook: HookId,
    grace: Annotated[int, typer.Option(min=0, max=168, help="Hours for which the old secret stays good.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a new secret, shown this once."""
    with Api() as api:
        made = api.post(HookWithSecret, f"/hooks/{hook}/rotate", {"grace_hours": grace})
        _say_secret(made, api.url, as_json=as_json)


@app.command("disable")
def disable(hook: HookId, as_json: Json = False) -> None:
    """Refuse all that comes, at once."""
    turn(HookView, f"/hooks/{hook}/disable", as_json=as_json)


@app.command("enable")
def enable(hook: HookId, as_json: Json = False) -> None:
    """Take deliveries again."""
    turn(HookView, f"/hooks/{hook}/enable", as_json=as_json)


@app.command("deliveries")
def deliveries(
    hook: HookId,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: Json = False,
) -> None:
    """What came last, and what became of it."""
    with Api() as api:
        found = api.get(list[DeliveryView], f"/hooks/{hook}/deliveries", limit=limit)
    if as_json:
        json_out(found)
        return
    rows = [
        (when(one.at), state(one.outcome), str(one.status), clean(one.message), one.run, clean(one.why))
        for one in found
    ]
    table(("At", "Outcome", "Status", "Message", "Run", "Why"), rows, empty="Nothing came yet.")


def _say_secret(made: HookWithSecret, base: str, *, as_json: bool) -> None:
    if as_json:
        json_out(made)
        return
    out.print(f"[green]✓[/] {clean(made.name)}: {made.id}")
    out.print(f"  Post to  [bold]{base}{made.path}[/]")
    out.print(f"  Secret   [bold]{made.secret}[/]")
    err.print("[dim]The secret is shown this once. Give it to the sender; `hook rotate` makes another.[/]")
