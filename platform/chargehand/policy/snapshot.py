"""One tenant's policy, compiled: immutable, so that a reload swaps it whole and a decision never sees half of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from chargehand.errors import BadInput
from chargehand.policy.conditions import Condition
from chargehand.policy.documents import CaseEntry, RoleEntry, Says, SeparationEntry
from chargehand.policy.enforcer import SEVERITY, PlannedEnforcer
from chargehand.policy.facts import Facts
from chargehand.policy.frozen import FrozenDict
from chargehand.policy.messages import reason
from chargehand.policy.model import ApprovalRule, Decision, Effect, Problem, Reason, Request, Verdict

Documents = Mapping[str, str]
"""A tenant's files: name in the tenant's folder (rules.yaml, cases/refunds.yaml) to text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written; `effect` is the tool's, `any` for each. `file` and `line` say where."""

    id: str
    subject: str
    tool: str
    effect: Effect | Literal["any"]
    when: str
    then: Verdict
    approval: tuple[str, ...]
    sentences: Mapping[str, str]
    file: str
    line: int
    condition: Condition = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """A revision in force or proposed. `revision` is the hash of its content; `source` says where it came from."""

    tenant: str
    revision: str
    zone: ZoneInfo
    rules: tuple[Rule, ...]
    roles: Mapping[str, RoleEntry]
    holders: Mapping[str, tuple[str, ...]]
    approvals: Mapping[str, ApprovalRule]
    attributes: Mapping[str, Says]
    separations: tuple[SeparationEntry, ...]
    cases: tuple[tuple[str, int, CaseEntry], ...]
    documents: Documents
    source: str
    warnings: tuple[Problem, ...]
    enforcer: PlannedEnforcer = field(repr=False)
    by_id: Mapping[str, Rule] = field(repr=False)
    known: frozenset[str] = field(repr=False)
    """Principals that the policy speaks of; a role's name is none, so nobody acts as a role."""

    def decide(self, request: Request) -> Decision:
        """Decide each link of the chain; the strictest answer wins. Never raises."""
        strictest = -1
        verdict: Verdict = "deny"
        reasons: list[Reason] = []
        if not request.chain:
            return Decision("deny", (reason("policy.no_chain", principal=""),), self.revision)
        for link in request.chain:
            answer, because = self.decide_link(request, link)
            severity = SEVERITY[answer]
            if severity > strictest:
                strictest, verdict, reasons = severity, answer, because
            elif severity == strictest:
                reasons += because
        if verdict != "ask":
            return Decision(verdict, tuple(reasons), self.revision)
        approval = tuple(dict.fromkeys(name for one in reasons for name in self.by_id[one.rule].approval))
        return Decision(verdict, tuple(reasons), self.revision, approval)

    def decide_link(self, request: Request, link: str) -> tuple[Verdict, list[Reason]]:
        """What the rules say to one link alone."""
        if link not in self.known:
            return "deny", [reason("policy.unknown_principal", principal=link)]
        facts = Facts(request, link, self.zone)
        judgement = self.enforcer.judge(link, self.tenant, request.tool, request.effect, facts)
        if judgement.failed is not None:
            failure = judgement.failed
            why = (failure.message_id, failure.parameters)
            return "deny", [reason("policy.condition_failed", principal=link, rule=judgement.rules[0].id, why=why)]
        if not judgement.rules:
            return "deny", [self._nothing(request, link, judgement.considered)]
        by_id = self.by_id
        return judgement.verdict, [
            Reason(
                rule.id,
                link,
                rule.verdict,
                (sentences := by_id[rule.id].sentences)["en"],
                "rule." + rule.id,
                _NOTHING,
                sentences,
            )
            for rule in judgement.rules
        ]

    def holders_of(self, role: str) -> tuple[str, ...]:
        """Principals who hold `role`, direct or through another role, sorted."""
        return tuple(sorted(one for one in self.holders if role in self.enforcer.roles(one, self.tenant)))

    def check_attributes(self, names: Iterable[str]) -> None:
        """Raises BadInput for the first name that tenant.yaml does not declare: no condition could read it."""
        for name in names:
            if name not in self.attributes:
                known = ", ".join(sorted(self.attributes)) or "none"
                way_out = f"Declared in tenant.yaml: {known}."
                raise BadInput(
                    "is no attribute of this tenant's policy", field="attributes", value=name, way_out=way_out
                )

    def _nothing(self, request: Request, link: str, considered: int) -> Reason:
        message = "policy.no_condition_met" if considered else "policy.no_rule"
        return reason(message, principal=link, tool=request.tool, effect=request.effect)


_NOTHING = FrozenDict()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every tenant's policy in force. Tenants share nothing but this map."""

    tenants: Mapping[str, TenantPolicy]
    model: str
    broken: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tenants whose policy can't be used, with the reason."""

    def decide(self, request: Request) -> Decision:
        policy = self.tenants.get(request.tenant)
        if policy is None and request.tenant in self.broken:
            because = reason(
                "policy.broken",
                principal=request.chain[0] if request.chain else "",
                tenant=request.tenant,
                why=self.broken[request.tenant],
            )
            return Decision("deny", (because,), "")
        if policy is None:
            because = reason(
                "policy.no_policy", principal=request.chain[0] if request.chain else "", tenant=request.tenant
            )
            return Decision("deny", (because,), "")
        return policy.decide(request)

    def replaced(self, policy: TenantPolicy) -> Snapshot:
        """This snapshot with one tenant's policy exchanged."""
        broken = {tenant: why for tenant, why in self.broken.items() if tenant != policy.tenant}
        return Snapshot({**self.tenants, policy.tenant: policy}, self.model, broken)

    def without(self, tenant: str, why: str) -> Snapshot:
        """This snapshot with nothing in force for one tenant: everything is denied to it."""
        tenants = {name: policy for name, policy in self.tenants.items() if name != tenant}
        return Snapshot(tenants, self.model, {**self.broken, tenant: why})
