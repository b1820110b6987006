"""`chargehand schedule`: start agents at a time, or again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.cli.run import read_input
from chargehand.cli.show import Json, clean, err, json_out, state, table, when
from chargehand.cli.triggers import changed, turn
from chargehand.cli.triggers import delete as remove
from chargehand.runs.triggers.schedule_views import ScheduleView

app = typer.Typer(no_args_is_help=True, help="Start agents at a time, or again and again by cron.")

ScheduleId = Annotated[str, typer.Argument(help="Schedule id, e.g. sch_01…")]


@app.command("create")
def create(
    agent: Annotated[str, typer.Argument(help="Which agent, e.g. complaint-resolution.")],
    cron: Annotated[str, typer.Option(help="Five fields, e.g. '0 8 * * MON-FRI'.")] = "",
    at: Annotated[str, typer.Option(help="Once, e.g. 2026-12-01T08:00; with offset, or in the time zone.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone", "-z", help="e.g. Europe/Berlin.")] = "UTC",
    file: Annotated[str, typer.Option("--input", "-i", help="JSON file with its input; - reads standard input.")] = "",
    pairs: Annotated[list[str] | None, typer.Option("--set", help="name=value instead of a file; repeat.")] = None,
    ends: Annotated[str, typer.Option(help="With --cron: nothing is due after this time.")] = "",
    max_runs: Annotated[int, typer.Option(min=0, help="With --cron: how many runs at most; 0 sets no limit.")] = 0,
    overlap: Annotated[str, typer.Option(help="start another, or skip, while a run of it goes on.")] = "start",
    key: Annotated[str, typer.Option(help="The same key makes the same schedule: safe to repeat.")] = "",
    as_json: Json = False,
) -> None:
    """Schedule an agent on your behalf. Its input is checked first; policy is asked now and at each start."""
    body = {
        "agent": agent,
        "input": read_input(file, pairs or []),
        "cron": cron,
        "at": _time(at, time_zone).isoformat() if at else None,
        "time_zone": time_zone,
        "ends_at": _time(ends, time_zone, "--ends").isoformat() if ends else None,
        "max_runs": max_runs or None,
        "overlap": overlap,
        "key": key,
    }
    with Api() as api:
        made = api.post(ScheduleView, "/schedules", body)
    _say(made, as_json=as_json)


@app.command("edit")
def edit(
    schedule: ScheduleId,
    cron: Annotated[str, typer.Option(help="Five fields, instead of what it has.")] = "",
    at: Annotated[str, typer.Option(help="One time, instead of what it has.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone", "-z", help="e.g. Europe/Berlin.")] = "",
    file: Annotated[str, typer.Option("--input", "-i", help="JSON file with its new input, as a whole.")] = "",
    pairs: Annotated[list[str] | None, typer.Option("--set", help="name=value instead of a file; repeat.")] = None,
    ends: Annotated[str, typer.Option(help="Nothing is due after this time; never lifts it.")] = "",
    max_runs: Annotated[int | None, typer.Option(min=0, help="How many runs at most; 0 lifts the limit.")] = None,
    overlap: Annotated[str, typer.Option(help="start or skip.")] = "",
    as_json: Json = False,
) -> None:
    """Change what your schedule starts, or when. What you leave out stays."""
    with Api() as api:
        zone = time_zone or _zone_of(api, schedule)
        body: dict[str, Any] = {
            **({"cron": cron} if cron else {}),
            **({"at": _time(at, zone).isoformat()} if at else {}),
            **({"time_zone": time_zone} if time_zone else {}),
            **({"input": read_input(file, pairs or [])} if file or pairs else {}),
            **({"ends_at": None if ends == "never" else _time(ends, zone, "--ends").isoformat()} if ends else {}),
            **({"max_runs": max_runs or None} if max_runs is not None else {}),
            **({"overlap": overlap} if overlap else {}),
        }
        found = api.patch(ScheduleView, f"/schedules/{schedule}", body)
    _say(found, as_json=as_json)


def _say(schedule: ScheduleView, *, as_json: bool) -> None:
    changed(schedule, f"{schedule.words} ({schedule.time_zone})", schedule.id, as_json=as_json)
    if not as_json:
        err.print(f"[dim]Starts next: {when(schedule.next_at)}[/]")


def _zone_of(api: Api, schedule: str) -> str:
    found = api.get(list[ScheduleView], "/schedules")
    return next((one.time_zone for one in found if one.id == schedule), "UTC")


def _time(text: str, zone: str, option: str = "--at") -> datetime:
    """A time with its offset, or in the zone. Raises CommandFailed (2)."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        raise CommandFailed(
            f"{option} {text!r} in {zone!r} is no time.",
            code=USAGE,
            way_out=f"e.g. {option} 2026-12-01T08:00 -z Europe/Berlin",
        ) from None


@app.command("list")
def list_schedules(as_json: Json = False) -> None:
    """Your schedules; everybody's if you may see them."""
    with Api() as api:
        found = api.get(list[ScheduleView], "/schedules")
    if as_json:
        json_out(found)
        return
    rows = [
        (
            one.id,
            state(one.state),
            clean(one.agent),
            f"{clean(one.words)} [dim]{clean(one.time_zone)}[/]",
            clean(one.principal_name),
            when(one.next_at),
            f"[red]{clean(one.last_problem)}[/]" if one.last_problem else clean(one.last_run),
        )
        for one in found
    ]
    columns = ("Schedule", "State", "Agent", "When", "For", "Next", "Last")
    table(columns, rows, empty="No schedules. Make one: chargehand schedule create AGENT --cron '0 8 * * MON-FRI'")


@app.command("pause")
def pause(schedule: ScheduleId, as_json: Json = False) -> None:
    """Start nothing until it is resumed; what is due meanwhile is not made up for."""
    turn(ScheduleView, f"/schedules/{schedule}/pause", as_json=as_json)


@app.command("resume")
def resume(schedule: ScheduleId, as_json: Json = False) -> None:
    """Go on with the next due time."""
    turn(ScheduleView, f"/schedules/{schedule}/resume", as_json=as_json, more=_upcoming)


def _upcoming(schedule: ScheduleView) -> str:
    return f"  next {when(schedule.next_at)}" if schedule.next_at else ""


@app.command("delete")
def delete(schedule: ScheduleId, as_json: Json = False) -> None:
    """Start nothing any more. Runs that it started are untouched."""
    remove("/schedules", schedule, as_json=as_json)
