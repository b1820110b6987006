"""Judge an agent on a set of cases: what was expected, what happened, and what it used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from chargehand.agents.model import AgentSpec
from chargehand.policy.service import PolicyService
from chargehand.testing.case import Case, Expected
from chargehand.testing.playing import Played, play
from chargehand.testing.policies import Policy
from chargehand.testing.run import GovernedRun
from chargehand.testing.worlds import TENANT
from chargehand.worker.local import LocalTemporal, local_temporal

Money = dict[str, str]
"""Amounts as decimal texts, by currency."""


class MadeCall(BaseModel):
    """One call of a run: what policy said (empty: it was refused before), and how it ended."""

    tool: str
    arguments: dict[str, Any]
    step: str
    decision: str = ""
    rules: list[str] = Field(default_factory=list[str])
    outcome: str


class CaseReport(BaseModel):
    """How a case went. `problems` are sentences, empty where it passed."""

    name: str
    about: str = ""
    agent: str
    version: str = ""
    passed: bool
    problems: list[str] = Field(default_factory=list[str])
    state: str = ""
    result: Any = None
    failure: str = ""
    nodes: list[str] = Field(default_factory=list[str])
    calls: list[MadeCall] = Field(default_factory=list[MadeCall])
    approvals: list[str] = Field(default_factory=list[str], description="`tool: how it ended`")
    effects: dict[str, int] = Field(default_factory=dict[str, int])
    model_calls: int = 0
    tokens: int = 0
    cost: Money = Field(default_factory=dict[str, str])
    unpriced: int = Field(default=0, description="Model calls whose price is not known")
    seconds: float = Field(default=0.0, description="Real time")
    days: float = Field(
        default=0.0, description="From start to end, as the run counts time: people and timers included"
    )

    @property
    def decisions(self) -> dict[str, int]:
        """How many calls were allowed, asked about and denied."""
        found: dict[str, int] = {}
        for one in self.calls:
            if one.decision:
                found[one.decision] = found.get(one.decision, 0) + 1
        return found


class Evaluation(BaseModel):
    """The report of a set."""

    format: Literal[1] = 1
    policy: str = Field(default="", description="Revision of the policy that decided")
    cases: list[CaseReport]

    @property
    def passed(self) -> int:
        return sum(one.passed for one in self.cases)

    @property
    def cost(self) -> Money:
        found: dict[str, Decimal] = {}
        for one in self.cases:
            for currency, amount in one.cost.items():
                found[currency] = found.get(currency, Decimal(0)) + Decimal(amount)
        return {currency: str(amount) for currency, amount in found.items()}


async def evaluate(
    cases: Iterable[Case],
    agents: Iterable[AgentSpec],
    *,
    policy: Policy | None = None,
    temporal: LocalTemporal | None = None,
    strict: bool | None = None,
) -> Evaluation:
    """Play every case and judge it. Without a `temporal` one server is started for all of them.

    Raises:
        BadSettings: the test server is not installed.
    """
    known = list(agents)
    reports: list[CaseReport] = []
    async with AsyncExitStack() as stack:
        for case in cases:
            if temporal is None or temporal.spoiled:
                await stack.aclose()
                temporal = await stack.enter_async_context(local_temporal())
            reports.append(report(await play(case, known, policy=policy, temporal=temporal, strict=strict)))
    return Evaluation(cases=reports, policy=policy.revision(TENANT) if isinstance(policy, PolicyService) else "")


def report(played: Played) -> CaseReport:
    """The report of a case that was played."""
    case, run = played.case, played.run
    if run is None:
        return CaseReport(name=case.name, about=case.about, agent=case.agent, passed=False, problems=played.problems)
    problems = [*played.problems, *judge(run, case.expect)]
    if run.state in ("succeeded", "failed") and played.unused_people:
        problems.append(f"{len(played.unused_people)} steps of the people's part were not needed.")
    answered = [one for one in run.events if one.kind == "model.answered"]
    return CaseReport(
        name=case.name,
        about=case.about,
        agent=case.agent,
        version=run.detail.agent_version,
        passed=not problems,
        problems=problems,
        state=run.state,
        result=run.result,
        failure=run.detail.failure.detail if run.detail.failure else "",
        nodes=run.nodes(),
        calls=_calls(run),
        approvals=[f"{one.tool}: {one.state}" for one in run.requests],
        effects=_counts(one.tool for one in run.connectors.effects),
        model_calls=len(answered),
        tokens=run.tokens,
        cost={currency: str(amount) for currency, amount in run.cost.items()},
        unpriced=sum(one.data.get("cost") is None for one in answered),
        seconds=round(run.seconds, 3),
        days=round((run.events[-1].at - run.events[0].at).total_seconds() / 86_400, 4) if run.events else 0.0,
    )


def judge(run: GovernedRun, expected: Expected) -> Iterator[str]:
    """What does not hold, a sentence each."""
    if expected.state is not None and run.state != expected.state:
        why = f": {run.detail.failure.detail}" if run.detail.failure else ""
        yield f"It is {run.state}, not {expected.state}{why}"
    if expected.result is not None:
        yield from _misses("result", expected.result, run.result)
    for tool, verdicts in (expected.decisions or {}).items():
        found = [str(one.verdict) for one in run.decisions(tool)]
        if found != verdicts:
            yield f"Policy decided {_listed(found)} on {tool}, not {_listed(verdicts)}."
    if expected.approvals is not None:
        yield from _compared("approvals", expected.approvals, _by_tool(run))
    if expected.effects is not None:
        effects = _counts(one.tool for one in run.connectors.effects)
        for tool in sorted({*effects, *expected.effects}):
            if effects.get(tool, 0) != expected.effects.get(tool, 0):
                yield f"{tool} had {effects.get(tool, 0)} effects, not {expected.effects.get(tool, 0)}."
    if expected.nodes is not None and run.nodes() != expected.nodes:
        yield f"The nodes were {_listed(run.nodes())}, not {_listed(expected.nodes)}."
    for tool in expected.never:
        if run.calls(tool):
            yield f"{tool} was called, which must never happen."
    yield from _over(run, expected)


def _over(run: GovernedRun, expected: Expected) -> Iterator[str]:
    limits = expected.limits
    used: list[tuple[str, Any, Any]] = [
        ("calls", len(run.calls()), limits.calls),
        ("model calls", run.kinds().count("model.answered"), limits.model_calls),
        ("tokens", run.tokens, limits.tokens),
        ("in cost", sum(run.cost.values(), Decimal(0)), limits.cost),
        ("days", (run.events[-1].at - run.events[0].at).total_seconds() / 86_400 if run.events else 0, limits.days),
    ]
    for what, amount, limit in used:
        if limit is not None and amount > limit:
            yield f"It used {amount} {what}; {limit} is the most."


def _misses(path: str, wanted: Any, found: Any) -> Iterator[str]:
    """Fields of an object may be more than wanted; everything else is equal or not."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        has = cast("Mapping[str, Any]", found)
        for name, value in cast("Mapping[str, Any]", wanted).items():
            yield from _misses(f"{path}.{name}", value, has.get(name))
    elif wanted != found:
        yield f"{path} is {found!r}, not {wanted!r}."


def _calls(run: GovernedRun) -> list[MadeCall]:
    decided = {one.call_key: one for one in reversed(run.log) if one.decision and one.kind in ("decision", "intent")}
    keys = {one.data["position"]: one.data.get("call_key", "") for one in run.events if one.kind == "call.settled"}
    proposed = [one.data["position"] for one in run.events if one.kind == "call.proposed"]
    made: list[MadeCall] = []
    for call, position in zip(run.calls(), proposed, strict=True):
        record = decided.get(keys.get(position, ""))
        made.append(
            MadeCall(
                tool=call.tool,
                arguments=dict(call.arguments),
                step=call.step,
                decision=record.decision if record else "",
                rules=list(record.rules) if record else [],
                outcome=call.state,
            )
        )
    return made


def _by_tool(run: GovernedRun) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in run.requests:
        found.setdefault(one.tool, []).append(one.state)
    return found


def _compared(what: str, wanted: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> Iterator[str]:
    for tool in sorted({*wanted, *found}):
        if list(wanted.get(tool, ())) != list(found.get(tool, ())):
            yield f"{what} of {tool} were {_listed(found.get(tool, ()))}, not {_listed(wanted.get(tool, ()))}."


def _counts(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "none"
