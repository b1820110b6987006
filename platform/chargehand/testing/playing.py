"""Play a case: the recorded systems, models and people around a real run under a real policy.

Time that a run waits for passes at once. A run that waits for somebody whom the case does not have is stopped there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chargehand import clock
from chargehand.agents.forms import duration
from chargehand.agents.model import AgentSpec
from chargehand.approvals.model import ApprovalRequest
from chargehand.connectors.model import Tool
from chargehand.errors import ChargehandError
from chargehand.runs.model import ENDED, RunDetail, Waiting
from chargehand.testing.case import Case, PersonStep
from chargehand.testing.policies import Policy
from chargehand.testing.recorded import RecordedConnectors
from chargehand.testing.recorded_models import RecordedModels
from chargehand.testing.run import GovernedRun
from chargehand.testing.worlds import World, world
from chargehand.worker.local import LocalTemporal

_PEOPLE = ("approval", "task")
_LEAP = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOST_LEAPS = 24 * 60


@dataclass
class Played:
    """How it went. `problems` are sentences: what the recording or the people's part did not fit.

    `run` is None when it could not even be started.
    """

    case: Case
    run: GovernedRun | None
    problems: list[str] = field(default_factory=list[str])
    unused_people: list[PersonStep] = field(default_factory=list[PersonStep])
    strangers: list[str] = field(default_factory=list[str])


async def play(
    case: Case,
    agents: Iterable[AgentSpec],
    *,
    policy: Policy | None = None,
    temporal: LocalTemporal | None = None,
    strict: bool | None = None,
) -> Played:
    """Play one case. `agents` has the case's agent and those it delegates to; `strict` overrules the case."""
    known = {spec.name: spec for spec in agents}
    if case.agent not in known:
        return Played(
            case, None, [f"There is no agent {case.agent!r}; there are {', '.join(sorted(known)) or 'none'}."]
        )
    tools: Mapping[str, Tool[..., Any]] = {tool.name: tool for spec in known.values() for tool in spec.tools}
    strict = case.strict if strict is None else strict
    connectors = RecordedConnectors({}, tools.values(), recorded=case.calls, strict=strict)
    models = RecordedModels((), recorded=case.model, strict=strict)
    connectors.model = models
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        made = world(folder, known.values(), tools=connectors, policy=policy, temporal=temporal)
        here = await stack.enter_async_context(made)
        began = time.monotonic()
        try:
            run = await here.start(case.agent, case.input, by=case.by)
        except ChargehandError as error:
            return Played(case, None, [f"It was not started: {error}"])
        played = Played(case, None)
        try:
            played.unused_people = await _people(here, run.id, case.people)
        except (AssertionError, ChargehandError) as error:
            played.problems.append(str(error))
        seconds = time.monotonic() - began
        played.run = await here.governed(run.id)
        played.run.seconds = seconds
        played.strangers = [*connectors.strangers, *models.strangers]
    return played


async def _people(here: World, run: str, steps: Iterable[PersonStep]) -> list[PersonStep]:
    """Do what people did, each when its turn has come; what is left when the run has ended."""
    left = list(steps)
    while True:
        now = await _next_stop(here, run, left)
        if now.run.state in ENDED:
            return left
        step = left.pop(0)
        if step.wait:
            await _pass(here, duration(step.wait))
        elif step.event:
            await here.runs.send(here.person(step.by), run, step.event, step.payload)
        elif step.answer is not None:
            task = next(one for one in now.waits if one.kind == "task")
            await here.runs.answer(here.person(step.by), task.id, step.answer)
        else:
            asked = now.asked_about(step.approve or step.reject)
            await here.verdict(asked, by=step.by, approve=bool(step.approve), comment=step.comment)


@dataclass(frozen=True)
class _Standing:
    """A run and those that it delegated to: for what they wait, and what people can answer now."""

    run: RunDetail
    waiting: tuple[Waiting, ...]
    requests: Mapping[str, ApprovalRequest]
    tasks: frozenset[str]

    @property
    def waits(self) -> list[Waiting]:
        return [one for one in self.waiting if one.id in self.requests or one.id in self.tasks]

    def asked_about(self, tool: str) -> ApprovalRequest:
        found = (self.requests[one.id] for one in self.waits if one.kind == "approval")
        return next(one for one in found if one.tool == tool)

    def fits(self, step: PersonStep) -> bool:
        if step.wait or step.event:
            return True
        if step.answer is not None:
            return any(one.kind == "task" for one in self.waits)
        tools = [self.requests[one.id].tool for one in self.waits if one.kind == "approval"]
        return (step.approve or step.reject) in tools


async def _standing(here: World, run: str) -> _Standing:
    amy = here.person("amy")
    details = [await here.runs.get(amy, run)]
    for one in details:  # it grows meanwhile: those that they delegated to
        details += [await here.runs.get(amy, child) for child in one.children]
    requests: dict[str, ApprovalRequest] = {}
    tasks: set[str] = set()
    for one in details:
        items = await here.approvals.inbox(amy, states=("pending",), run=one.id)
        requests |= {item.request.id: item.request for item in items}
        tasks |= {task.id for task in await here.runs.tasks(amy, run=one.id) if task.state == "open"}
    waiting = tuple(wait for one in details if one.state not in ENDED for wait in one.waiting)
    return _Standing(details[0], waiting, requests, frozenset(tasks))


async def _next_stop(here: World, run: str, left: list[PersonStep]) -> _Standing:
    """The run once it has ended, or the next step of the people's part can be done. Lets time pass where it waits."""
    leaps = 0

    async def there() -> _Standing | None:
        nonlocal leaps
        now = await _standing(here, run)
        if now.run.state in ENDED:
            return now
        if len(now.waits) < sum(one.kind in _PEOPLE for one in now.waiting) or not now.waiting:
            return None  # it is on its way: what it waited for has been answered
        if left and now.fits(left[0]):
            return now
        if now.waits:
            said = "; ".join(f"{one.kind} {one.sentence}" for one in now.waits)
            whom = f"the next of the case is {_said(left[0])}" if left else "the case has nobody for it"
            raise AssertionError(f"The run waits for people ({said}), and {whom}.")
        leaps += 1
        if leaps > _MOST_LEAPS:
            raise AssertionError(f"The run still waits after {_MOST_LEAPS} hours: {now.waiting[0].sentence}")
        await here.skip(seconds=_leap(now.waiting).total_seconds())
        return None

    return await here.until(there, f"{run} to go on")


async def _pass(here: World, length: timedelta) -> None:
    """Let time pass, a day at a time, so that reminders and deadlines on the way come in their order."""
    while length > timedelta(0):
        await here.skip(seconds=min(length, _DAY).total_seconds())
        length -= _DAY


def _leap(waiting: tuple[Waiting, ...]) -> timedelta:
    """Until the first that has a time, plus a little; else an hour."""
    times: list[datetime] = [one.until for one in waiting if one.until is not None]
    return max(min(times) - clock.now(), timedelta(0)) + timedelta(seconds=1) if times else _LEAP


def _said(step: PersonStep) -> str:
    return ", ".join(f"{name}: {value}" for name, value in step.model_dump(exclude_defaults=True).items())
