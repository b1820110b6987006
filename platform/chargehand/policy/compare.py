"""What a candidate changes: in its rules, for given requests, and for calls that were recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chargehand.errors import BadInput
from chargehand.policy.history import RecordedCall, RecordedHistory
from chargehand.policy.model import NO_ATTRIBUTES, Decision, Effect, Request, Verdict
from chargehand.policy.snapshot import Rule, TenantPolicy


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """`changed` has (before, after). `files` has a unified diff for each file that differs."""

    before: str
    after: str
    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: tuple[tuple[Rule, Rule], ...]
    gained: tuple[tuple[str, str], ...]
    lost: tuple[tuple[str, str], ...]
    approvals: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """One request under both policies."""

    now: Decision
    candidate: Decision

    @property
    def flipped(self) -> bool:
        """Whether the verdict, or who is asked, differs."""
        return (self.now.verdict, set(self.now.approval)) != (self.candidate.verdict, set(self.candidate.approval))


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A recorded call as the action log has it. `arguments` is None where they are no longer readable."""

    seq: int
    at: datetime
    chain: tuple[str, ...]
    tool: str
    effect: Effect
    arguments: dict[str, Any] | None
    verdict: Verdict
    run: str = ""
    risk: float = 0.0
    counts: bool = True
    """Whether later history sees it: false for a call that was denied, rejected, expired or failed."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A recorded call that the candidate would have decided otherwise. `before` is what was decided then."""

    call: PastDecision
    before: Verdict
    after: Decision


@dataclass(frozen=True, slots=True)
class Backtest:
    """`decided` calls, `skipped` for want of arguments, and each flip."""

    candidate: str
    decided: int
    skipped: int
    flips: tuple[Flip, ...]


def simulate(policy: TenantPolicy, candidate: TenantPolicy, requests: Iterable[Request]) -> tuple[Simulated, ...]:
    """Each request now and under the candidate."""
    return tuple(Simulated(policy.decide(one), candidate.decide(one)) for one in requests)


def backtest(
    candidate: TenantPolicy,
    calls: Iterable[PastDecision],
    attributes: Mapping[str, Mapping[str, Any]] = NO_ATTRIBUTES,
    *,
    earlier: Iterable[PastDecision] = (),
) -> Backtest:
    """Re-decide recorded calls, oldest first, each with the history as it was just before it.

    `earlier` are older calls that only count as history. What `attributes` were then is not known: these count.
    """
    past = [_recorded(call) for call in earlier if call.counts and call.arguments is not None]
    flips: list[Flip] = []
    decided = skipped = 0
    for call in sorted(calls, key=lambda one: (one.at, one.seq)):
        request = _request(candidate.tenant, call, past, attributes)
        if request is None:
            skipped += 1
            continue
        decided += 1
        after = candidate.decide(request)
        if after.verdict != call.verdict:
            flips.append(Flip(call, call.verdict, after))
        if call.counts:
            past.append(_recorded(call))
    return Backtest(candidate.revision, decided, skipped, tuple(flips))


def diff(before: TenantPolicy, after: TenantPolicy) -> PolicyDiff:
    """What `after` changes; a rule that only moved is not changed."""
    old, new = before.by_id, after.by_id
    kept = [(old[name], new[name]) for name in new if name in old]
    held, holds = _assignments(before), _assignments(after)
    names = sorted({*before.approvals, *after.approvals})
    return PolicyDiff(
        before=before.revision,
        after=after.revision,
        added=tuple(rule for name, rule in new.items() if name not in old),
        removed=tuple(rule for name, rule in old.items() if name not in new),
        changed=tuple((a, b) for a, b in kept if replace(a, file="", line=0) != replace(b, file="", line=0)),
        gained=tuple(sorted(holds - held)),
        lost=tuple(sorted(held - holds)),
        approvals=tuple(name for name in names if before.approvals.get(name) != after.approvals.get(name)),
        files=tuple(_file_diffs(before, after)),
    )


def _assignments(policy: TenantPolicy) -> set[tuple[str, str]]:
    """(principal, role) pairs, roles through other roles included."""
    return {(one, role) for one in policy.holders for role in policy.enforcer.roles(one, policy.tenant)}


def _file_diffs(before: TenantPolicy, after: TenantPolicy) -> Iterable[tuple[str, str]]:
    for name in sorted({*before.documents, *after.documents}):
        old, new = before.documents.get(name, ""), after.documents.get(name, "")
        if old != new:
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="")
            yield name, "\n".join(lines)


def _request(
    tenant: str, call: PastDecision, past: list[RecordedCall], attributes: Mapping[str, Mapping[str, Any]]
) -> Request | None:
    if call.arguments is None:
        return None
    try:
        return Request(
            tenant=tenant,
            chain=call.chain,
            tool=call.tool,
            effect=call.effect,
            arguments=call.arguments,
            at=call.at,
            run=call.run,
            attributes=attributes,
            risk=call.risk,
            history=RecordedHistory(past),
        )
    except BadInput:
        return None


def _recorded(call: PastDecision) -> RecordedCall:
    return RecordedCall(call.tool, call.at, call.chain, call.arguments or {}, call.run)
