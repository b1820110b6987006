"""`chargehand intake`: let messages that a connector offers start agents."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chargehand.cli.client import Api
from chargehand.cli.hook import Maps, fields
from chargehand.cli.run import read_input
from chargehand.cli.show import Json, clean, err, json_out, state, table, when
from chargehand.cli.triggers import changed, turn
from chargehand.cli.triggers import delete as remove
from chargehand.runs.triggers.intake_views import IntakeView

app = typer.Typer(no_args_is_help=True, help="Let messages that a connector offers (mails, …) start agents.")

IntakeId = Annotated[str, typer.Argument(help="Intake id, e.g. intake_01…")]


@app.command("create")
def create(
    agent: Annotated[str, typer.Argument(help="Which agent, e.g. complaint-resolution.")],
    tool: Annotated[str, typer.Argument(help="The tool that reads the messages, e.g. mail.list_new.")],
    name: Annotated[str, typer.Option(help="What you call it, e.g. 'Complaints by mail'.")],
    pairs: Annotated[list[str] | None, typer.Option("--arg", help="name=value of the tool; repeat.")] = None,
    maps: Maps = None,
    every: Annotated[int, typer.Option(min=5, max=86_400, help="Seconds between two reads.")] = 60,
    principal: Annotated[str, typer.Option("--for", help="On whose behalf: you, or e.g. service:mail.")] = "",
    after: Annotated[str, typer.Option(help="end: what comes from now on; '': all that is there.")] = "end",
    as_json: Json = False,
) -> None:
    """Start an agent for each message. It is read once at this moment, to see that it works."""
    body = {
        "agent": agent,
        "tool": tool,
        "name": name,
        "arguments": read_input("", pairs or []),
        "mapping": fields(maps),
        "every_seconds": every,
        "principal": principal,
        "after": after,
    }
    with Api() as api:
        made = api.post(IntakeView, "/intakes", body)
    changed(made, made.name, made.id, as_json=as_json)
    if not as_json:
        err.print(
            f"[dim]Reads {clean(made.tool)} every {made.every_seconds} s, on behalf of {clean(made.principal)}.[/]"
        )


@app.command("edit")
def edit(
    intake: IntakeId,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    pairs: Annotated[list[str] | None, typer.Option("--arg", help="name=value of the tool; all of them.")] = None,
    maps: Maps = None,
    every: Annotated[int | None, typer.Option(min=5, max=86_400, help="Seconds between two reads.")] = None,
    as_json: Json = False,
) -> None:
    """Change your intake. What you leave out stays; arguments and mapping are replaced as a whole."""
    body: dict[str, Any] = {
        **({"name": name} if name else {}),
        **({"arguments": read_input("", pairs)} if pairs else {}),
        **({"mapping": fields(maps)} if maps else {}),
        **({} if every is None else {"every_seconds": every}),
    }
    with Api() as api:
        found = api.patch(IntakeView, f"/intakes/{intake}", body)
    changed(found, found.name, found.id, as_json=as_json)


@app.command("list")
def list_intakes(as_json: Json = False) -> None:
    """The intakes that you may manage."""
    with Api() as api:
        found = api.get(list[IntakeView], "/intakes")
    if as_json:
        json_out(found)
        return
    rows = [
        (
            one.id,
            state(one.state),
            clean(one.name),
            clean(one.tool),
            clean(one.agent),
            str(one.started),
            when(one.last_at),
            f"[red]{clean(one.last_problem)}[/]" if one.last_problem else clean(one.last_run),
        )
        for one in found
    ]
    columns = ("Intake", "State", "Name", "Reads", "Starts", "Started", "Read last", "Last")
    table(columns, rows, empty="No intakes. Make one: chargehand intake create AGENT mail.list_new --arg to=… --map …")


@app.command("pause")
def pause(intake: IntakeId, as_json: Json = False) -> None:
    """Read nothing until it is resumed; what comes meanwhile is read then."""
    turn(IntakeView, f"/intakes/{intake}/pause", {}, as_json=as_json)


@app.command("resume")
def resume(
    intake: IntakeId,
    after: Annotated[str | None, typer.Option(help="Go on after this cursor instead; end: the newest.")] = None,
    as_json: Json = False,
) -> None:
    """Go on where it was. What has started a run already starts no other."""
    turn(IntakeView, f"/intakes/{intake}/resume", {} if after is None else {"after": after}, as_json=as_json)


@app.command("delete")
def delete(intake: IntakeId, as_json: Json = False) -> None:
    """Start nothing any more. Runs that it started are untouched."""
    remove("/intakes", intake, as_json=as_json)
