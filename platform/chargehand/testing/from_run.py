"""A case out of a real run: what the real systems answered it, through the real gateway, and what people really did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargehand import clock
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.runs.model import RunEvent
from chargehand.runs.moments import Film
from chargehand.testing.case import Case, Expected, ModelLine, PersonStep, RecordedCall, RecordedFailure
from chargehand.testing.recorded_models import question_of

_NOT_SENT = frozenset({"policy", "people"})
_NEVER = 10_000
"""Tries that do not get there, of a call that was given up."""
_ENDS = {"run.succeeded": "succeeded", "run.failed": "failed", "run.stopped": "stopped"}


@dataclass(frozen=True, slots=True)
class Said:
    """One person's verdict on an approval request."""

    by: str
    approve: bool
    comment: str = ""


def case_of(
    film: Film, spec: AgentSpec, *, by: str, verdicts: Mapping[str, Sequence[Said]], name: str = "", about: str = ""
) -> Case:
    """The case of a run that has ended. `verdicts` are by approval id, in order; it still holds secrets and people.

    Raises:
        BadInput: the run has not ended, was stopped by hand, or had a call in doubt: what can't be played again.
    """
    story = film.story()
    given = film.given
    state = next((_ENDS[one.kind] for one in reversed(story) if one.kind in _ENDS), "")
    if given is None or state not in ("succeeded", "failed"):
        raise BadInput(
            "only a run that has ended by itself can be recorded", field="run", value=film.run, way_out="Wait for it."
        )
    if any(one.kind in ("call.in_doubt", "event.received", "agent.started") for one in story):
        raise BadInput(
            "a run with a call in doubt, an event from outside or another agent's run can't be recorded",
            field="run",
            value=film.run,
        )
    effects = {tool.name: tool.effect for tool in spec.tools}
    return Case(
        name=name,
        about=about,
        agent=spec.name,
        version=given.version,
        recorded_at=clock.iso(clock.now()),
        by=by.partition(":")[2] or by,
        input=dict(given.input),
        people=list(_people(story, verdicts)),
        calls=list(_calls(story)),
        model=list(_lines(film, story)),
        expect=_expected(story, state, effects),
    )


def _calls(story: Sequence[RunEvent]) -> Iterable[RecordedCall]:
    retries: dict[int, int] = {}
    asked = {one.data["position"]: one for one in story if one.kind == "call.proposed"}
    for one in story:
        if one.kind == "call.retry":
            retries[one.data["position"]] = retries.get(one.data["position"], 0) + 1
        elif one.kind == "call.settled":
            call, failure = asked[one.data["position"]], one.data.get("failure")
            if failure and failure["kind"] in _NOT_SENT:
                continue
            made = RecordedCall(
                tool=one.data["tool"],
                arguments=call.data["arguments"],
                answer=one.data.get("value"),
                unreached=retries.get(one.data["position"], 0),
            )
            if failure and failure["kind"] == "retryable" and made.unreached:
                made.unreached = _NEVER
            if failure:
                made.failure = RecordedFailure(kind=failure["kind"], detail=failure["detail"])
            yield made


def _lines(film: Film, story: Sequence[RunEvent]) -> Iterable[ModelLine]:
    calls = [one.data["position"] for one in story if one.kind == "call.proposed"]
    for position, one in sorted(film.answers.items()):
        asked = question_of(film.questions[position])
        after = sum(call < position for call in calls)
        yield ModelLine.of(one["message"], one["usage"], asked=asked, after=after)


def _people(story: Sequence[RunEvent], verdicts: Mapping[str, Sequence[Said]]) -> Iterable[PersonStep]:
    since: dict[str, datetime] = {}
    tools: dict[str, str] = {}
    for one in story:
        if one.kind == "call.asked":
            since[one.data["id"]], tools[one.data["id"]] = one.at, one.data["tool"]
        elif one.kind == "call.closed":
            name = one.data["approval"]
            for said in verdicts.get(name, ()):
                how = {"approve" if said.approve else "reject": tools[name]}
                yield PersonStep(**how, by=said.by.partition(":")[2] or said.by, comment=said.comment)
            if not verdicts.get(name):
                yield PersonStep(wait=_days(since[name], one.at))
        elif one.kind == "person.asked":
            since[one.data["task"]] = one.at
        elif one.kind == "person.answered":
            yield PersonStep(answer=one.data["answer"], by=str(one.data["by"]).partition(":")[2])
        elif one.kind == "person.expired":
            yield PersonStep(wait=_days(since[one.data["task"]], one.at))


def _days(since: datetime, until: datetime) -> str:
    return f"{max(1, -(-int((until - since).total_seconds()) // 86_400))}d"


def _expected(story: Sequence[RunEvent], state: str, effects: Mapping[str, str]) -> Expected:
    asked = {one.data["position"] for one in story if one.kind == "call.asked"}
    decisions: dict[str, list[Any]] = {}
    approvals: dict[str, list[str]] = {}
    done: dict[str, int] = {}
    ends = {one.data["position"]: one for one in story if one.kind == "call.settled"}
    for one in story:
        if one.kind != "call.proposed" or one.data["position"] not in ends:
            continue
        tool, end = one.data["tool"], ends[one.data["position"]].data
        ask = one.data["position"] in asked
        decisions.setdefault(tool, []).append("ask" if ask else "deny" if end["state"] == "denied" else "allow")
        if ask:
            approvals.setdefault(tool, []).append(_APPROVAL.get(end["state"], "approved"))
        if end["state"] == "succeeded" and effects.get(tool) != "read":
            done[tool] = done.get(tool, 0) + 1
    return Expected(
        state="succeeded" if state == "succeeded" else "failed",
        result=next((one.data["result"] for one in story if one.kind == "run.succeeded"), None),
        decisions=decisions,
        approvals=approvals,
        effects=done,
    )


_APPROVAL = {"rejected": "rejected", "expired": "expired"}
