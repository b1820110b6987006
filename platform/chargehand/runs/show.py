"""From runs to what HTTP shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from chargehand.agents.ending import Document, Ending
from chargehand.runs.model import ENDED, HeldUp, PersonTask, RunDetail, RunEvent, RunSummary, RunText, Waiting
from chargehand.runs.story import Story
from chargehand.runs.text_store import Said
from chargehand.runs.views import (
    DocumentView,
    EndingView,
    HeldUpView,
    Money,
    PersonTaskView,
    Run,
    RunAct,
    RunEventView,
    RunFailureView,
    RunSummaryView,
    RunTextView,
    Step,
    TextView,
    WaitingView,
)

Names = Mapping[str, str]


def summary(
    run: RunSummary, names: Names, *, ending: Ending | None = None, cost: tuple[str, Decimal] | None = None
) -> RunSummaryView:
    """`cost`: currency and amount, where a price is known."""
    return RunSummaryView(
        **_summary(run, names, [waiting(one) for one in run.waiting], ending),
        cost=Money(currency=cost[0], amount=str(cost[1])) if cost else None,
    )


def run(
    detail: RunDetail,
    story: Story,
    names: Names,
    *,
    waits_for: Mapping[str, Sequence[str]],
    may_steer: bool,
    may_answer: bool,
    ending: Ending | None = None,
    documents: Sequence[Document] = (),
) -> Run:
    """`waits_for`: by id of what it waits for, who can act."""
    failure = detail.failure
    waits = [waiting(one, waits_for.get(one.id, ())) for one in detail.waiting]
    return Run(
        **_summary(detail, names, waits, ending),
        input=story.shown(detail.input),
        result=story.shown(detail.result),
        failure=RunFailureView(
            detail=failure.detail, way_out=failure.way_out, node=failure.node, line=failure.line, kind=failure.kind
        )
        if failure
        else None,
        nodes=story.nodes,
        parent=detail.parent,
        children=list(detail.children),
        retried_as=detail.retried_as,
        retry_of=detail.retry_of,
        tokens=story.tokens,
        cost=story.cost,
        documents=[DocumentView(field=each.field, url=each.url) for each in documents],
        trace_id=detail.trace_id,
        events=detail.events,
        may=_may(detail, may_steer=may_steer, may_answer=may_answer),
    )


def waiting(one: Waiting, who: Sequence[str] = ()) -> WaitingView:
    return WaitingView(
        kind=one.kind,
        id=one.id,
        sentence=one.sentence,
        node=one.node,
        since=one.since,
        until=one.until,
        who=list(one.who or who),
    )


def held_up(found: HeldUp) -> HeldUpView:
    return HeldUpView(
        kind=found.kind,
        sentence=found.sentence,
        way_out=found.way_out,
        parameters=dict(found.parameters),
        since=found.since,
        node=found.node,
        line=found.line,
    )


def event(detail: RunDetail, found: RunEvent, step: Step | None, story: Story) -> RunEventView:
    """An event; `state`, `waiting` and `result` are as they are now, which may be later than the event."""
    return RunEventView(
        seq=found.seq,
        run=found.run,
        at=found.at,
        kind=found.kind,
        state=detail.state,
        step=step,
        nodes=story.nodes,
        waiting=[waiting(one) for one in detail.waiting],
        result=story.shown(detail.result),
    )


def text(found: RunText, story: Story) -> RunTextView:
    """A piece of what a model writes; its words only for those who may see what the run is about."""
    return RunTextView(
        run=found.run,
        at=found.at,
        position=found.position,
        attempt=found.attempt,
        step=found.step,
        offset=found.start,
        text=found.text if story.payloads else None,
        left_out=found.left_out,
    )


def with_texts(steps: Sequence[Step], texts: Mapping[int, Said]) -> list[Step]:
    """Steps of models with what was written; of calls that were begun twice the last step has it."""
    last = {step.position: step.seq for step in steps if step.position is not None}
    return [
        step.model_copy(
            update={"text": TextView(attempt=said.attempt, text=said.words.text, left_out=said.words.left_out)}
        )
        if step.position is not None and last[step.position] == step.seq and (said := texts.get(step.position))
        else step
        for step in steps
    ]


def task(found: PersonTask, names: Names, *, may: bool) -> PersonTaskView:
    return PersonTaskView(
        id=found.id,
        run=found.run,
        agent=found.agent,
        node=found.node,
        title=found.title,
        question=found.question,
        answer_schema=found.schema,
        to=found.to,
        asked_at=found.asked_at,
        expires_at=found.expires_at,
        state=found.state,
        answer=found.answer,
        answered_by=names.get(found.answered_by, found.answered_by),
        i_may_answer=may and found.state == "open",
    )


def _summary(found: RunSummary, names: Names, waits: list[WaitingView], came: Ending | None) -> dict[str, Any]:
    return {
        "id": found.id,
        "agent": found.agent,
        "agent_version": found.agent_version,
        "title": found.title,
        "business_key": found.business_key,
        "state": found.state,
        "principal": found.principal,
        "principal_name": names.get(found.principal, found.principal),
        "started_at": found.created_at,
        "ended_at": found.ended_at,
        "waiting": waits,
        "held_up": held_up(found.held_up) if found.held_up and found.state not in ENDED else None,
        "ending": EndingView(value=came.value, done=came.done, words=dict(came.words)) if came else None,
    }


def _may(detail: RunDetail, *, may_steer: bool, may_answer: bool) -> list[RunAct]:
    found: list[RunAct] = []
    if may_steer and detail.state not in ENDED:
        found.append("stop")
    if may_steer and detail.state in ("running", "waiting"):
        found.append("pause")
    if may_steer and detail.state == "paused":
        found.append("resume")
    if may_steer and detail.state in ("failed", "stopped"):
        found.append("retry")
    if may_answer:
        found.append("answer")
    return found
