"""Runs over HTTP: start, follow, stop, retry, answer; schedules; figures by agent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may
from chargehand.runs.views import (
    AgentFigures,
    AgentVersion,
    Answer,
    NewSchedule,
    PersonTask,
    RetryRun,
    RowsChecked,
    Run,
    RunEvent,
    RunPage,
    RunState,
    Schedule,
    StartedRows,
    StartRun,
    StartRuns,
    StepPage,
    StopRun,
)

router = APIRouter(tags=["runs"])
Starter = Annotated[SignedIn, may("start_run")]


def _runs(request: Request) -> Any:
    return request.app.state.runs


@router.post("/runs", operation_id="startRun", status_code=201)
async def start_run(body: StartRun, request: Request, who: Starter) -> Run:
    """Start an agent on my behalf. The input is checked first, and each problem names its field."""
    return await _runs(request).start(who, body)


@router.post("/runs/check", operation_id="checkRows")
async def check_rows(body: StartRuns, request: Request, who: Starter) -> RowsChecked:
    """Check many inputs (the rows of a CSV) without starting anything."""
    return await _runs(request).check_rows(who, body)


@router.post("/runs/batch", operation_id="startRuns", status_code=201)
async def start_runs(body: StartRuns, request: Request, who: Starter) -> StartedRows:
    """Start one run for each row; refused as a whole if a row has a problem."""
    return await _runs(request).start_rows(who, body)


@router.get("/runs", operation_id="listRuns")
async def list_runs(
    request: Request,
    who: Caller,
    agent: str = "",
    state: Annotated[list[RunState] | None, Query()] = None,
    principal: str = "",
    q: Annotated[str, Query(max_length=200, description="Text in subject, input or id")] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """Runs, newest first: mine, or everybody's with `read_runs`."""
    return await _runs(request).list(
        who,
        agent=agent,
        states=state,
        principal=principal,
        text=q,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )


@router.get("/runs/{run}", operation_id="getRun")
async def get_run(run: str, request: Request, who: Caller) -> Run:
    """One run: where it stands, whom it waits for, its result."""
    return await _runs(request).get(who, run)


@router.get("/runs/{run}/steps", operation_id="listSteps")
async def list_steps(
    run: str, request: Request, who: Caller, after: int = 0, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> StepPage:
    """The story of a run, oldest first."""
    return await _runs(request).steps(who, run, after=after, limit=limit)


@router.get(
    "/runs/{run}/events",
    operation_id="followRun",
    response_class=StreamingResponse,
    responses={200: {"model": RunEvent, "content": {"text/event-stream": {}}, "description": "Events named `run`"}},
)
async def follow_run(
    run: str, request: Request, who: Caller, last_event_id: Annotated[int | None, Header()] = None
) -> StreamingResponse:
    """Server-sent events of a run; resumes after `Last-Event-ID` without a gap, ends when the run has ended."""
    return await _runs(request).follow(who, run, after=last_event_id or 0)


@router.post("/runs/{run}/stop", operation_id="stopRun")
async def stop_run(run: str, body: StopRun, request: Request, who: Caller) -> Run:
    """Stop a run: nothing further is called; what is in flight is settled."""
    return await _runs(request).stop(who, run, body.reason)


@router.post("/runs/{run}/retry", operation_id="retryRun", status_code=201)
async def retry_run(run: str, body: RetryRun, request: Request, who: Caller) -> Run:
    """Go on from where it failed, or from a step. Calls that took effect are not repeated."""
    return await _runs(request).retry(who, run, body.from_step)


@router.get(
    "/runs/{run}/evidence",
    operation_id="getRunEvidence",
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_evidence(run: str, request: Request, who: Annotated[SignedIn, may("export_log")]) -> Response:
    """The run's records with proofs, as a file that `chargehand verify` checks without us."""
    return await _runs(request).evidence(who, run)


@router.get("/tasks", operation_id="listTasks")
async def list_tasks(request: Request, who: Caller, run: str = "") -> list[PersonTask]:
    """Questions that agents ask and I may answer."""
    return await _runs(request).tasks(who, run)


@router.post("/runs/{run}/tasks/{task}/answer", operation_id="answerTask")
async def answer_task(run: str, task: str, body: Answer, request: Request, who: Caller) -> PersonTask:
    """Answer a question of an agent; the first answer counts."""
    return await _runs(request).answer(who, run, task, body.value)


@router.get("/schedules", operation_id="listSchedules")
async def list_schedules(request: Request, who: Caller) -> list[Schedule]:
    """Planned starts."""
    return await _runs(request).schedules(who)


@router.post("/schedules", operation_id="createSchedule", status_code=201)
async def create_schedule(body: NewSchedule, request: Request, who: Starter) -> Schedule:
    """Start an agent once later, or again and again."""
    return await _runs(request).create_schedule(who, body)


@router.delete("/schedules/{schedule}", operation_id="deleteSchedule", status_code=204)
async def delete_schedule(schedule: str, request: Request, who: Starter) -> Response:
    """No further starts; runs that started go on."""
    await _runs(request).delete_schedule(who, schedule)
    return Response(status_code=204)


@router.get("/agents/{agent}/figures", operation_id="getAgentFigures", tags=["agents"])
async def agent_figures(
    agent: str, request: Request, who: Caller, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> AgentFigures:
    """Runs, success, approvals asked, spend of the last days."""
    return await _runs(request).figures(who, agent, days)


@router.get("/agents/{agent}/versions", operation_id="listAgentVersions", tags=["agents"])
async def agent_versions(agent: str, request: Request, who: Caller) -> list[AgentVersion]:
    """Versions that have run, newest first."""
    return await _runs(request).versions(who, agent)
