"""Runs over HTTP: start, look, follow, pause, stop, retry, answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from chargehand import clock, ids
from chargehand.agents.ending import documents, ending
from chargehand.approvals.service import ApprovalService
from chargehand.database import Database
from chargehand.errors import Forbidden, NotFound
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, able, may
from chargehand.identity.service import Identity
from chargehand.models.store import cost_of_runs
from chargehand.runs import show
from chargehand.runs.figures import figures, versions
from chargehand.runs.following import Place, place_of
from chargehand.runs.model import RunDetail, RunText
from chargehand.runs.service import RunService
from chargehand.runs.story import Story
from chargehand.runs.triggers import batches
from chargehand.runs.views import (
    AgentFigures,
    AgentVersion,
    Answer,
    BatchView,
    Money,
    PauseRun,
    PersonTaskView,
    RetryRun,
    RetrySteps,
    RetryStepView,
    RowProblem,
    RowsChecked,
    Run,
    RunEventView,
    RunPage,
    RunState,
    RunTextView,
    SendEvent,
    SentEventView,
    StartedRows,
    StartRun,
    StartRuns,
    StepPage,
    StopRun,
)
from chargehand.settings import settings

router = APIRouter(tags=["runs"])
Fleet = Annotated[SignedIn, may("read_runs")]
PING_SECONDS = 15
PLACE = r"^\d{1,18}(\.\d{1,18})?$"
BATCH = 500


def _runs(request: Request) -> RunService:
    return request.app.state.runs


async def _visible(request: Request, who: SignedIn, run: str) -> RunDetail:
    """The run, if it is mine or I may read runs. Raises NotFound, as if it did not exist."""
    detail = await _runs(request).get(who, run)
    if detail.principal != who.principal.id and not able(request, who)("read_runs"):
        raise NotFound(f"There is no run {run!r}.")
    return detail


async def _story(request: Request, who: SignedIn, detail: RunDetail) -> Story:
    story = Story(payloads=_sees_payloads(request, who, detail))
    after = 0
    while events := await _runs(request).events(who, detail.id, after=after, limit=BATCH):
        for event in events:
            story.add(event)
            after = event.seq
    return story


def _sees_payloads(request: Request, who: SignedIn, detail: RunDetail) -> bool:
    return detail.principal == who.principal.id or able(request, who)("see_payloads")


async def _names(request: Request, who: SignedIn, people: set[str]) -> dict[str, str]:
    identity: Identity = request.app.state.identity
    return await identity.names(who.principal.tenant, people)


async def _show(request: Request, who: SignedIn, detail: RunDetail) -> Run:
    approvals: ApprovalService = request.app.state.approvals
    roles: dict[str, list[str]] = {}
    for waiting in detail.waiting:
        if waiting.kind == "approval":
            item = await approvals.get(waiting.id, who)
            roles[waiting.id] = [role for role, _ in item.request.quorums]
    tasks = await _runs(request).tasks(who, run=detail.id)
    roles |= {task.id: [task.to] for task in tasks}
    may_steer = detail.principal == who.principal.id or able(request, who)("steer_runs")
    may_answer = any(_runs(request).may_answer(who, task) for task in tasks)
    names = await _names(request, who, {detail.principal})
    story = await _story(request, who, detail)
    schema, addresses = _output_schema(request, detail.agent), settings().links
    return show.run(
        detail,
        story,
        names,
        waits_for=roles,
        may_steer=may_steer,
        may_answer=may_answer,
        ending=ending(schema, detail.result),
        documents=documents(schema, detail.result, addresses) if story.payloads else (),
    )


async def _costs(request: Request, who: SignedIn, runs: list[str]) -> dict[str, tuple[str, Decimal]]:
    database: Database = request.app.state.db
    return await database.read(lambda connection: cost_of_runs(connection, who.principal.tenant, runs))


def _output_schema(request: Request, agent: str) -> Mapping[str, Any]:
    """Empty for an agent that is not installed any more."""
    try:
        return _runs(request).agents.find(agent).output_schema
    except NotFound:
        return {}


@router.post("/runs", operation_id="startRun", status_code=201)
async def start_run(body: StartRun, request: Request, who: Caller) -> Run:
    """Start an agent on my behalf. The input is checked first, and a problem names its field."""
    return await _show(request, who, await _runs(request).start(who, body.agent, body.input, request_key=body.key))


@router.post("/runs/check", operation_id="checkRows")
async def check_rows(body: StartRuns, request: Request, who: Caller) -> RowsChecked:
    """Check many inputs (the rows of a CSV) without starting anything."""
    del who
    found = batches.check_rows(_runs(request).agents.find(body.agent), body.rows)
    return RowsChecked(rows=len(body.rows), problems=[RowProblem(**asdict(one)) for one in found])


@router.post("/runs/batch", operation_id="startRuns", status_code=201)
async def start_runs(body: StartRuns, request: Request, who: Caller) -> StartedRows:
    """Start one run for each row; refused as a whole if a row has a problem. The same key starts nothing twice."""
    return StartedRows(runs=list(await batches.start_rows(_runs(request), who, body.agent, body.rows, body.key)))


@router.get("/runs/batch", operation_id="getBatch")
async def get_batch(
    key: Annotated[str, Query(min_length=1, max_length=100)], request: Request, who: Caller
) -> BatchView:
    """How far the runs are that I started under a key."""
    found = await batches.find(_runs(request), who, key)
    return BatchView(runs=list(found.runs), by_state=found.by_state)


@router.get("/runs", operation_id="listRuns")
async def list_runs(
    request: Request,
    who: Caller,
    agent: str = "",
    version: Annotated[str, Query(max_length=100, description="Of the agent, in full")] = "",
    state: Annotated[list[RunState] | None, Query()] = None,
    principal: str = "",
    business_key: Annotated[str, Query(description="e.g. the order number")] = "",
    q: Annotated[str, Query(max_length=200, description="Text in title or id")] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """Runs, newest first: mine, or everybody's with `read_runs`."""
    if not able(request, who)("read_runs"):
        if principal not in ("", who.principal.id):
            raise Forbidden("You may see your own runs only.", way_out="Leave `principal` out.")
        principal = who.principal.id
    page = await _runs(request).list(
        who,
        agent=agent,
        version=version,
        states=tuple(state or ()),
        principal=principal,
        business_key=business_key,
        text=q,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    names = await _names(request, who, {item.principal for item in page.items})
    costs = await _costs(request, who, [item.id for item in page.items])
    items = [
        show.summary(
            item, names, ending=ending(_output_schema(request, item.agent), item.result), cost=costs.get(item.id)
        )
        for item in page.items
    ]
    return RunPage(items=items, next=page.next or None)


@router.get("/runs/{run}", operation_id="getRun")
async def get_run(run: str, request: Request, who: Caller) -> Run:
    """One run: where it stands, whom it waits for, its result."""
    return await _show(request, who, await _visible(request, who, run))


@router.get("/runs/{run}/steps", operation_id="listSteps")
async def list_steps(
    run: str,
    request: Request,
    who: Caller,
    after: Annotated[int, Query(ge=0, description="`seq` of the last step seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> StepPage:
    """The story of a run, oldest first."""
    story = await _story(request, who, await _visible(request, who, run))
    steps = [step for _, step in sorted(story.steps.items())]
    if story.payloads:
        steps = show.with_texts(steps, await _runs(request).texts(who, run))
    steps = [step for step in steps if step.seq > after]
    more = len(steps) > limit
    return StepPage(items=steps[:limit], next=str(steps[limit - 1].seq) if more else None)


@router.get(
    "/runs/{run}/events",
    operation_id="followRun",
    response_class=StreamingResponse,
    responses={
        200: {
            "model": RunEventView | RunTextView,
            "content": {"text/event-stream": {}},
            "description": "Named `run`, `text`, `end`",
        }
    },
)
async def follow_run(
    run: str,
    request: Request,
    who: Caller,
    last_event_id: Annotated[str, Header(pattern=PLACE, description="The last id seen, e.g. `12` or `12.3`")] = "0",
) -> EventSourceResponse:
    """Server-sent events of a run; resumes after `Last-Event-ID` without a gap and without a repeat.

    `run`: something happened. `text`: the next words of a model that answers; they come after the `run` event that
    says that it was asked, and before the one that says that it has answered. When the run has ended an event named
    `end` follows and the stream closes.
    """
    detail = await _visible(request, who, run)
    return EventSourceResponse(_events(request, who, detail, Place.parse(last_event_id)), ping=PING_SECONDS)


async def _events(request: Request, who: SignedIn, detail: RunDetail, after: Place) -> AsyncIterator[ServerSentEvent]:
    runs = _runs(request)
    story = Story(payloads=_sees_payloads(request, who, detail))
    seen = 0
    while seen < after.seq and (
        events := await runs.events(who, detail.id, after=seen, limit=min(BATCH, after.seq - seen))
    ):
        for event in events:  # the story before the point of resumption, told to nobody
            story.add(event)
            seen = event.seq
    async for found in runs.follow(who, detail.id, after=after):
        if isinstance(found, RunText):
            name, view = "text", show.text(found, story)
        else:
            step = story.add(found)
            name, view = "run", show.event(await runs.get(who, detail.id), found, step, story)
        yield ServerSentEvent(view.model_dump_json(), event=name, id=str(place_of(found)), retry=1000)
    yield ServerSentEvent("{}", event="end")


@router.post("/runs/{run}/stop", operation_id="stopRun")
async def stop_run(run: str, body: StopRun, request: Request, who: Caller) -> Run:
    """Stop a run: its step is finished, what can be taken back is; with `hard` it just ends."""
    await _visible(request, who, run)
    return await _show(request, who, await _runs(request).stop(who, run, body.reason, hard=body.hard))


@router.post("/runs/{run}/pause", operation_id="pauseRun")
async def pause_run(run: str, body: PauseRun, request: Request, who: Caller) -> Run:
    """Pause a run: its step is finished, then nothing new begins until it is resumed."""
    await _visible(request, who, run)
    return await _show(request, who, await _runs(request).pause(who, run, body.reason))


@router.post("/runs/{run}/resume", operation_id="resumeRun")
async def resume_run(run: str, body: PauseRun, request: Request, who: Caller) -> Run:
    """Let a paused run go on."""
    await _visible(request, who, run)
    return await _show(request, who, await _runs(request).resume(who, run, body.reason))


@router.post("/runs/{run}/events", operation_id="sendEvent", status_code=202)
async def send_event(run: str, body: SendEvent, request: Request, who: Caller) -> SentEventView:
    """Send an event that the run may wait for; the same id is one event, however often it is sent."""
    await _visible(request, who, run)
    event = body.id or ids.new_id("evt")
    await _runs(request).send(who, run, body.name, body.payload, event_id=event)
    return SentEventView(id=event)


@router.post("/runs/{run}/retry", operation_id="retryRun", status_code=201)
async def retry_run(run: str, request: Request, who: Caller, body: RetryRun | None = None) -> Run:
    """Start a failed or stopped run again, as a new run.

    From its input it is a run on my behalf; `from` a step it goes on as the first one would have, for the same person,
    and what took effect is not done again.
    """
    await _visible(request, who, run)
    runs = _runs(request)
    if body is None or not body.from_step:
        return await _show(request, who, await runs.retry(who, run))
    return await _show(request, who, await runs.retry_from(who, run, body.from_step))


@router.get("/runs/{run}/retry", operation_id="listRetrySteps")
async def retry_steps(run: str, request: Request, who: Caller) -> RetrySteps:
    """The steps at which a failed or stopped run can be taken up, and why some can't be."""
    await _visible(request, who, run)
    refused, steps = await _runs(request).retries.steps(who, run)
    return RetrySteps(refused=refused, steps=[RetryStepView.model_validate(asdict(one)) for one in steps])


@router.get("/agents/{agent}/figures", operation_id="getAgentFigures", tags=["agents"])
async def agent_figures(
    agent: str, request: Request, who: Fleet, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> AgentFigures:
    """Runs, success, approvals asked, spend of the last days."""
    _runs(request).agents.find(agent)
    db: Database = request.app.state.db
    since = clock.now() - timedelta(days=days)
    found = await db.read(lambda connection: figures(connection, who.principal.tenant, agent, since))
    return AgentFigures.model_validate(
        {
            "agent": agent,
            "days": days,
            **asdict(found),
            "cost": [Money(amount=str(amount), currency=currency) for currency, amount in found.cost.items()],
        }
    )


@router.get("/agents/{agent}/versions", operation_id="listAgentVersions", tags=["agents"])
async def agent_versions(agent: str, request: Request, who: Fleet) -> list[AgentVersion]:
    """Versions that have run, newest first."""
    spec = _runs(request).agents.find(agent)
    db: Database = request.app.state.db
    found = await db.read(lambda connection: versions(connection, who.principal.tenant, agent))
    return [AgentVersion(**asdict(one), current=one.version == spec.version) for one in found]


@router.get("/tasks", operation_id="listTasks")
async def list_tasks(
    request: Request, who: Caller, run: str = "", state: Literal["open", "all"] = "open"
) -> list[PersonTaskView]:
    """Questions of agents that I may answer, and those of my own runs; all with `read_runs`."""
    runs = _runs(request)
    closed = state == "all"
    tasks = {task.id: task for task in await runs.tasks(who, run=run, mine=True, own=True, closed=closed)}
    if able(request, who)("read_runs"):
        tasks |= {task.id: task for task in await runs.tasks(who, run=run, closed=closed)}
    found = sorted(tasks.values(), key=lambda task: task.asked_at, reverse=True)
    names = await _names(request, who, {task.answered_by for task in found if task.answered_by})
    return [show.task(task, names, may=runs.may_answer(who, task)) for task in found]


@router.post("/tasks/{task}/answer", operation_id="answerTask")
async def answer_task(task: str, body: Answer, request: Request, who: Caller) -> PersonTaskView:
    """Answer a question of an agent; the first answer counts."""
    answered = await _runs(request).answer(who, task, body.value)
    names = await _names(request, who, {answered.answered_by})
    return show.task(answered, names, may=False)
