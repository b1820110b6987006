"""From policies to what HTTP shows of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel

from chargehand.policy import views
from chargehand.policy.cases import CaseResult
from chargehand.policy.compare import Backtest, PolicyDiff
from chargehand.policy.drafts import Draft, Revision
from chargehand.policy.explain import Explanation
from chargehand.policy.model import ApprovalRule, Decision, Problem
from chargehand.policy.separation import Conflict, violations
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import Rule, TenantPolicy
from chargehand.policy.words import say

View = TypeVar("View", bound=BaseModel)


def same(view: type[View], found: object) -> View:
    """`found` as a view with the same names. Raises ValidationError where one is missing: a test would see it."""
    return view.model_validate(found, from_attributes=True)


def overview(policies: PolicyService, policy: TenantPolicy) -> views.PolicyOverview:
    disk = policies.on_disk(policy.tenant)
    return views.PolicyOverview(
        revision=policy.revision,
        origin="database" if policies.counter(policy.tenant) else "files",
        source=policy.source,
        differs_on_disk=list(disk.differs) if disk else [],
        time_zone=policy.zone.key,
        rules=rules(policy.rules),
        approval_rules=[_approval_rule(one) for one in policy.approvals.values()],
        roles=[
            views.RoleView(
                name=name,
                says=role.says.model_dump(),
                includes=list(role.includes),
                holders=list(policy.holders_of(name)),
            )
            for name, role in policy.roles.items()
        ],
        attributes={name: says.model_dump() for name, says in policy.attributes.items()},
        warnings=problems(policy.warnings),
        files=dict(policy.documents),
    )


def rules(found: Iterable[Rule]) -> list[views.RuleView]:
    return [rule(one) for one in found]


def rule(one: Rule) -> views.RuleView:
    return views.RuleView(
        id=one.id,
        verdict=one.then,
        subject=one.subject,
        tool=one.tool,
        effect=one.effect,
        condition=one.when,
        approval=list(one.approval),
        says=dict(one.sentences),
        means={"en": say(one, "en"), "zh": say(one, "zh")},
        source=f"{one.file}:{one.line}",
    )


def problems(found: Iterable[Problem]) -> list[views.PolicyProblem]:
    return [
        views.PolicyProblem(
            where=f"{one.file}:{one.line}",
            detail=one.detail,
            way_out=one.way_out,
            rule=one.rule,
            severity=one.severity,
        )
        for one in found
    ]


def decision(found: Decision) -> views.DecisionView:
    return views.DecisionView(
        verdict=found.verdict,
        reasons=[
            views.ReasonView(
                rule=one.rule,
                principal=one.principal,
                verdict=one.verdict,
                message_id=one.message_id,
                sentences=dict(one.sentences) or {"en": one.sentence},
            )
            for one in found.reasons
        ],
        approval=list(found.approval),
        policy_revision=found.policy_revision,
    )


def explanation(found: Explanation) -> views.Explanation:
    return views.Explanation(
        decision=decision(found.decision),
        links=dict(found.links),
        considered=[
            views.ConsideredRule(
                rule=rule(one.rule), principal=one.principal, outcome=one.outcome, because=dict(one.because)
            )
            for one in found.considered
        ],
        would_change=[same(views.WouldChange, one) for one in found.would_change],
    )


def conflicts_of(policy: TenantPolicy) -> list[views.SeparationConflict]:
    """Who holds, under this policy, what no one may hold together."""
    roles = {one: frozenset(policy.enforcer.roles(one, policy.tenant)) for one in policy.holders}
    return conflicts(violations(policy.separations, policy.rules, roles))


def conflicts(found: Iterable[Conflict]) -> list[views.SeparationConflict]:
    return [same(views.SeparationConflict, one) for one in found]


def cases(found: Iterable[CaseResult]) -> list[views.CaseResultView]:
    return [
        views.CaseResultView(
            name=one.name,
            sentences=one.sentences,
            place=one.place,
            expected=one.expected,
            got=one.decision.verdict,
            passed=one.passed,
            failed=list(one.failed),
        )
        for one in found
    ]


def draft_summary(found: Draft) -> views.DraftSummary:
    return same(views.DraftSummary, found)


def draft(found: Draft) -> views.DraftView:
    return same(views.DraftView, found)


def diff(found: PolicyDiff, after: TenantPolicy, checked: Iterable[CaseResult]) -> views.DraftDiff:
    return views.DraftDiff(
        before=found.before,
        after=found.after,
        added=rules(found.added),
        removed=rules(found.removed),
        changed=[views.ChangedRule(before=rule(old), after=rule(new)) for old, new in found.changed],
        gained=[views.Assignment(principal=principal, role=role) for principal, role in found.gained],
        lost=[views.Assignment(principal=principal, role=role) for principal, role in found.lost],
        approvals=list(found.approvals),
        files=[views.FileDiff(file=file, unified=unified) for file, unified in found.files],
        separation=conflicts_of(after),
        cases=cases(checked),
        warnings=problems(after.warnings),
    )


def backtest(found: Backtest, milliseconds: int) -> views.BacktestView:
    return views.BacktestView(
        candidate=found.candidate,
        decided=found.decided,
        skipped=found.skipped,
        flips=[
            views.FlipView(
                seq=one.call.seq,
                at=one.call.at,
                tool=one.call.tool,
                chain=list(one.call.chain),
                run=one.call.run,
                before=one.before,
                after=decision(one.after),
            )
            for one in found.flips
        ],
        milliseconds=milliseconds,
    )


def revision(found: Revision) -> views.RevisionView:
    return same(views.RevisionView, found)


def _approval_rule(found: ApprovalRule) -> views.ApprovalRuleView:
    remind, escalate = found.remind_after, found.escalate_after
    return views.ApprovalRuleView(
        name=found.name,
        titles=dict(found.titles) or {"en": found.title or found.name},
        quorums=[same(views.QuorumView, one) for one in found.quorums],
        deadline_seconds=int(found.deadline.total_seconds()),
        remind_after_seconds=int(remind.total_seconds()) if remind else None,
        escalate_after_seconds=int(escalate.total_seconds()) if escalate else None,
        escalate_to=found.escalate_to,
        not_requester=found.not_requester,
        not_agent_owner=found.not_agent_owner,
        not_policy_author=found.not_policy_author,
    )
