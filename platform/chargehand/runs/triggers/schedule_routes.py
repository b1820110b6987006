"""Schedules over HTTP: make, list, change, pause, resume, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request

from chargehand import clock
from chargehand.errors import NotFound
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, able
from chargehand.identity.service import Identity
from chargehand.runs.model import Schedule
from chargehand.runs.triggers import cron as crons
from chargehand.runs.triggers.schedule_terms import Terms
from chargehand.runs.triggers.schedule_views import ChangeSchedule, DueTimes, NewSchedule, ScheduleView
from chargehand.runs.triggers.schedules import ScheduleChange, Schedules

router = APIRouter(tags=["runs"])


def _schedules(request: Request) -> Schedules:
    return request.app.state.schedules


async def _visible(request: Request, who: SignedIn, schedule: str) -> None:
    """Raises NotFound unless it is mine or I may read runs, as if it did not exist."""
    found = await _schedules(request).get(who, schedule)
    if found.principal != who.principal.id and not able(request, who)("read_runs"):
        raise NotFound(f"There is no schedule {schedule!r}.")


async def _names(request: Request, who: SignedIn, people: set[str]) -> Mapping[str, str]:
    identity: Identity = request.app.state.identity
    return await identity.names(who.principal.tenant, people)


async def _show(request: Request, who: SignedIn, *found: Schedule) -> list[ScheduleView]:
    names = await _names(request, who, {one.principal for one in found})
    can = able(request, who)
    sees, steers = can("see_payloads"), can("steer_runs")

    def show(one: Schedule) -> ScheduleView:
        mine = one.principal == who.principal.id
        fields = {name: value for name, value in asdict(one).items() if name != "tenant"}
        fields["input"] = one.input if mine or sees else {}
        name = names.get(one.principal, one.principal)
        return ScheduleView(**fields, principal_name=name, i_may_change=mine or steers, i_may_edit=mine)

    return [show(one) for one in found]


@router.post("/schedules", operation_id="createSchedule", status_code=201)
async def create_schedule(body: NewSchedule, request: Request, who: Caller) -> ScheduleView:
    """Start an agent on my behalf at a time, or by cron. Policy is asked now, and again at each start."""
    terms = Terms(
        cron=body.cron,
        at=body.at,
        time_zone=body.time_zone,
        ends_at=body.ends_at,
        max_runs=body.max_runs or 0,
        overlap=body.overlap,
    )
    made = await _schedules(request).create(who, body.agent, body.input, terms, request_key=body.key)
    return (await _show(request, who, made))[0]


@router.patch("/schedules/{schedule}", operation_id="changeSchedule")
async def change_schedule(schedule: str, body: ChangeSchedule, request: Request, who: Caller) -> ScheduleView:
    """Change what my schedule starts, or when. What is left out stays; null lifts a limit."""
    await _visible(request, who, schedule)
    change = cast("ScheduleChange", {name: getattr(body, name) for name in body.model_fields_set})
    return (await _show(request, who, await _schedules(request).change(who, schedule, change)))[0]


@router.get("/schedules", operation_id="listSchedules")
async def list_schedules(request: Request, who: Caller) -> list[ScheduleView]:
    """Schedules, newest first: mine, or everybody's with `read_runs`."""
    mine = "" if able(request, who)("read_runs") else who.principal.id
    return await _show(request, who, *await _schedules(request).list(who, principal=mine))


@router.get("/schedules/due", operation_id="previewSchedule")
async def due_times(
    who: Caller,
    cron: Annotated[str, Query(max_length=100, description="Five fields", examples=["0 8 * * MON-FRI"])],
    time_zone: Annotated[str, Query(max_length=64)] = "UTC",
    count: Annotated[int, Query(ge=1, le=20)] = 5,
) -> DueTimes:
    """The next times of a cron expression, before a schedule is made of it."""
    del who
    now = clock.now()
    found = crons.read(cron, time_zone, now)
    return DueTimes(
        cron=found.expression,
        time_zone=time_zone,
        words=crons.words(found.expression),
        next=found.next(count, now),
    )


@router.post("/schedules/{schedule}/pause", operation_id="pauseSchedule")
async def pause_schedule(schedule: str, request: Request, who: Caller) -> ScheduleView:
    """Start nothing until it is resumed; what is due meanwhile is not made up for."""
    await _visible(request, who, schedule)
    return (await _show(request, who, await _schedules(request).pause(who, schedule)))[0]


@router.post("/schedules/{schedule}/resume", operation_id="resumeSchedule")
async def resume_schedule(schedule: str, request: Request, who: Caller) -> ScheduleView:
    """Go on with the next due time."""
    await _visible(request, who, schedule)
    return (await _show(request, who, await _schedules(request).resume(who, schedule)))[0]


@router.delete("/schedules/{schedule}", operation_id="deleteSchedule", status_code=204)
async def delete_schedule(schedule: str, request: Request, who: Caller) -> None:
    """Start nothing any more. Runs that it started are untouched."""
    await _visible(request, who, schedule)
    await _schedules(request).delete(who, schedule)
