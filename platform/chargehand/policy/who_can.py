"""Who may use a tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargehand.policy.enforcer import SEVERITY
from chargehand.policy.history import RecordedHistory
from chargehand.policy.model import NO_ATTRIBUTES, Effect, Request, Verdict
from chargehand.policy.snapshot import TenantPolicy


@dataclass(frozen=True, slots=True)
class WhoCan:
    """One principal who may use the tool. `depends`: conditions left undecided, as no arguments were given."""

    principal: str
    roles: tuple[str, ...]
    verdict: Verdict
    approval: tuple[str, ...]
    rules: tuple[str, ...]
    depends: tuple[str, ...] = ()


def who_can(
    policy: TenantPolicy,
    tool: str,
    effect: Effect,
    at: datetime,
    arguments: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Mapping[str, Any]] = NO_ATTRIBUTES,
) -> tuple[WhoCan, ...]:
    """Everybody who is allowed or would be asked for, as if nothing was done before; the freest first.

    Without `arguments`: everybody who may with some; the verdict is then the most permissive of the rules' outcomes.
    """
    answers = [_one(policy, one, tool, effect, at, arguments, attributes) for one in sorted(policy.known)]
    found = [answer for answer in answers if answer is not None]
    return tuple(sorted(found, key=lambda answer: (SEVERITY[answer.verdict], answer.principal)))


def _one(
    policy: TenantPolicy,
    who: str,
    tool: str,
    effect: Effect,
    at: datetime,
    arguments: Mapping[str, Any] | None,
    attributes: Mapping[str, Mapping[str, Any]],
) -> WhoCan | None:
    roles = tuple(sorted(policy.enforcer.roles(who, policy.tenant)))
    if arguments is not None:
        request = Request(
            policy.tenant, (who,), tool, effect, arguments, at, attributes=attributes, history=RecordedHistory()
        )
        decision = policy.decide(request)
        if decision.verdict == "deny":
            return None
        return WhoCan(who, roles, decision.verdict, decision.approval, decision.rules)
    rules = [policy.by_id[one.id] for one in policy.enforcer.candidates(who, policy.tenant, tool, effect)]
    unconditional = max((SEVERITY[rule.then] for rule in rules if rule.condition.always), default=-1)
    # What an unconditional rule says holds for any arguments; conditional ones can only restrict it further.
    possible = [rule for rule in rules if rule.then != "deny" and SEVERITY[rule.then] >= unconditional]
    if not possible or unconditional == SEVERITY["deny"]:
        return None
    best = min(possible, key=lambda rule: SEVERITY[rule.then])
    depends = tuple(rule.when for rule in rules if not rule.condition.always)
    return WhoCan(who, roles, best.then, best.approval, tuple(rule.id for rule in rules), depends)
