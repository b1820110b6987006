"""A case out of a real run: what the real systems answered it, through the real gateway, and what people really did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from chargehand import clock
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.runs.model import RunEvent
from chargehand.runs.moments import Film
from chargehand.testing.case import Case, Expected, ModelLine, PersonStep, RecordedCall, RecordedFailure
from chargehand.testing.recorded_models import question_of

T = TypeVar("T")
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
    films: Sequence[Film],
    agents: Mapping[str, AgentSpec],
    *,
    by: str,
    verdicts: Mapping[str, Sequence[Said]],
    name: str = "",
    about: str = "",
) -> Case:
    """The case of a run that has ended, the first film, and of those that it delegated to, the others.

    `verdicts` are by approval id, in order. The case still holds secrets and people. What systems, models and people
    did in all of these runs is one sequence, since it is played as one; decisions and approvals that are expected are
    the first run's, effects those of all.

    Raises:
        BadInput: the run has not ended, or something in it can't be played again; says what.
    """
    film = films[0]
    story = film.story()
    given = film.given
    state = next((_ENDS[one.kind] for one in reversed(story) if one.kind in _ENDS), "")
    if given is None or state not in ("succeeded", "failed"):
        raise BadInput(
            "only a run that has ended by itself can be recorded", field="run", value=film.run, way_out="Wait for it."
        )
    for each in films:
        for one in each.story():
            if (why := _unplayable(one)) is not None:
                raise BadInput(f"a run with {why} can't be recorded", field="run", value=each.run, way_out=_BY_HAND)
    spec = agents[given.agent]
    effects = {tool.name: tool.effect for one in agents.values() for tool in one.tools}
    expected = _expected(story, state, effects)
    for each in films[1:]:
        for tool, count in (_expected(each.story(), state, effects).effects or {}).items():
            expected.effects = {**(expected.effects or {}), tool: (expected.effects or {}).get(tool, 0) + count}
    times, calls = _timed(_calls(each.story()) for each in films)
    return Case(
        name=name,
        about=about,
        agent=spec.name,
        version=given.version,
        recorded_at=clock.iso(clock.now()),
        by=by.partition(":")[2] or by,
        input=dict(given.input),
        people=_in_order(_people(each.story(), verdicts) for each in films),
        calls=calls,
        model=_in_order(_lines(each, times) for each in films),
        expect=expected,
    )


_BY_HAND = "Write the case by hand, or record another run."


def _unplayable(event: RunEvent) -> str | None:
    if event.kind == "call.in_doubt":
        return f"a call in doubt ({event.data.get('tool', 'unknown')})"
    if event.kind == "event.received":
        return f"an event from outside ({event.data['name']}), whose content the story does not keep,"
    if event.kind == "agent.started" and event.data.get("reused"):
        return f"a run of {event.data['agent']} that an earlier try had made"
    return None


def _timed(parts: Iterable[Iterable[tuple[datetime, T]]]) -> tuple[list[datetime], list[T]]:
    """What several runs did, as one sequence, with its times."""
    found = sorted((one for part in parts for one in part), key=lambda one: one[0])
    return [at for at, _ in found], [what for _, what in found]


def _in_order(parts: Iterable[Iterable[tuple[datetime, T]]]) -> list[T]:
    return _timed(parts)[1]


def _calls(story: Sequence[RunEvent]) -> Iterable[tuple[datetime, RecordedCall]]:
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
            yield one.at, made


def _lines(film: Film, calls: Sequence[datetime]) -> Iterable[tuple[datetime, ModelLine]]:
    """`calls` are the times at which calls ended."""
    times = {one.data["position"]: one.at for one in film.story() if one.kind == "model.answered"}
    for position, one in sorted(film.answers.items()):
        asked, at = question_of(film.questions[position]), times.get(position, film.story()[0].at)
        after = sum(call <= at for call in calls)
        yield at, ModelLine.of(one["message"], one["usage"], asked=asked, after=after)


def _people(story: Sequence[RunEvent], verdicts: Mapping[str, Sequence[Said]]) -> Iterable[tuple[datetime, PersonStep]]:
    since: dict[str, datetime] = {}
    tools: dict[str, str] = {}
    for one in story:
        if one.kind == "call.asked":
            since[one.data["id"]], tools[one.data["id"]] = one.at, one.data["tool"]
        elif one.kind == "call.closed":
            name = one.data["approval"]
            for said in verdicts.get(name, ()):
                how = {"approve" if said.approve else "reject": tools[name]}
                yield one.at, PersonStep(**how, by=said.by.partition(":")[2] or said.by, comment=said.comment)
            if not verdicts.get(name):
                yield one.at, PersonStep(wait=_days(since[name], one.at))
        elif one.kind == "person.asked":
            since[one.data["task"]] = one.at
        elif one.kind == "person.answered":
            yield one.at, PersonStep(answer=one.data["answer"], by=str(one.data["by"]).partition(":")[2])
        elif one.kind == "person.expired":
            yield one.at, PersonStep(wait=_days(since[one.data["task"]], one.at))


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
