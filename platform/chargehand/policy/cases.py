"""Expected decisions, run against a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chargehand.policy.documents import CaseEntry
from chargehand.policy.history import RecordedCall, RecordedHistory
from chargehand.policy.model import Decision, Request
from chargehand.policy.snapshot import TenantPolicy

DEFAULT_TIME = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""When a case happens that does not say: a Monday, 10:00 in Shanghai."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: `failed` says what differs, in words; empty if it is as expected. `place` is file:line."""

    name: str
    sentences: dict[str, str]
    place: str
    expected: str
    decision: Decision
    failed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.failed


def check(policy: TenantPolicy, cases: Sequence[tuple[str, int, CaseEntry]] | None = None) -> tuple[CaseResult, ...]:
    """Run the cases of `policy`, or others, under it."""
    chosen = policy.cases if cases is None else cases
    return tuple(_run(policy, file, line, case) for file, line, case in chosen)


def request_of(tenant: str, case: CaseEntry) -> Request:
    """What a case asks."""
    at = case.at or DEFAULT_TIME
    past = [RecordedCall(call.tool, at - call.ago, call.chain, call.arguments, call.run) for call in case.history]
    return Request(
        tenant=tenant,
        chain=case.chain,
        tool=case.tool,
        effect=case.effect,
        arguments=case.arguments,
        at=at,
        run=case.run,
        attributes=case.attributes,
        risk=case.risk,
        history=RecordedHistory(past),
    )


def _run(policy: TenantPolicy, file: str, line: int, case: CaseEntry) -> CaseResult:
    decision = policy.decide(request_of(policy.tenant, case))
    failed: list[str] = []
    if decision.verdict != case.expect:
        why = " ".join(dict.fromkeys(one.sentence for one in decision.reasons))
        failed.append(f"expected {case.expect}, got {decision.verdict}: {why}")
    if case.rules is not None and set(decision.rules) != set(case.rules):
        failed.append(f"expected rules {', '.join(case.rules)}, got {', '.join(decision.rules) or 'none'}")
    if case.approval is not None and set(decision.approval) != set(case.approval):
        failed.append(f"expected approval {', '.join(case.approval)}, got {', '.join(decision.approval) or 'none'}")
    sentences = {"en": case.case, "zh": case.zh}
    return CaseResult(case.case, sentences, f"{file}:{line}", case.expect, decision, tuple(failed))
