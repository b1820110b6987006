"""Before a run starts: what policy may answer to each tool of an agent, and who may have to agree.

Conditions on arguments are not known yet, so each rule whose subject, tool and effect match is a possibility.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

from chargehand.agents.model import AgentSpec
from chargehand.agents.views import AgentTool, Approvers
from chargehand.connectors.model import Tool
from chargehand.identity.model import SignedIn
from chargehand.policy.enforcer import SEVERITY
from chargehand.policy.model import ApprovalRule, Effect, Verdict
from chargehand.policy.plan import PlannedRule
from chargehand.policy.snapshot import TenantPolicy


class Outlook:
    """Answers by the tenant's policy in force at the moment of asking; without one everything is denied."""

    def __init__(self, policy_of: Callable[[str], TenantPolicy | None]) -> None:
        self._policy_of = policy_of

    def may_start(self, who: SignedIn, spec: AgentSpec) -> bool:
        """Whether some input could be started by this person."""
        policy = self._policy_of(who.principal.tenant)
        links = (who.principal.id, spec.principal)
        return policy is not None and "allow" in _possible(policy, links, f"agent.{spec.name}", "write")[0]

    def may_use(self, who: SignedIn, tool: str, effect: Effect) -> bool:
        """Whether this person, acting alone, could use the tool with some arguments, asked about or not."""
        policy = self._policy_of(who.principal.tenant)
        return policy is not None and _possible(policy, (who.principal.id,), tool, effect)[0] != {"deny"}

    def tools(self, who: SignedIn, spec: AgentSpec) -> list[AgentTool]:
        """The agent's tools, as it would use them for this person."""
        return [self._tool(who, spec, tool) for tool in spec.tools]

    def _tool(self, who: SignedIn, spec: AgentSpec, tool: Tool[..., Any]) -> AgentTool:
        policy = self._policy_of(who.principal.tenant)
        possible: set[Verdict] = {"deny"}
        rules: list[ApprovalRule] = []
        if policy is not None:
            possible, names = _possible(policy, (who.principal.id, spec.principal), tool.name, tool.effect)
            rules = [policy.approvals[name] for name in names if name in policy.approvals]
        return AgentTool(
            name=tool.name,
            description=tool.description,
            says=tool.says,
            says_zh=tool.says_zh,
            effect=tool.effect,
            delivery=tool.delivery,
            possible=sorted(possible, key=lambda verdict: SEVERITY[verdict]),
            approvers=[_approvers(rule) for rule in rules] if "ask" in possible else [],
        )


def _possible(
    policy: TenantPolicy, chain: Sequence[str], tool: str, effect: Effect
) -> tuple[set[Verdict], tuple[str, ...]]:
    """What the chain may be answered, and the approval rules that may be asked for."""
    answers: list[set[Verdict]] = []
    approval: dict[str, None] = {}
    for link in chain:
        rules = policy.enforcer.candidates(link, policy.tenant, tool, effect)
        answers.append(_of_link(rules))
        approval |= dict.fromkeys(name for rule in rules for name in policy.by_id[rule.id].approval)
    return reduce(_strictest, answers), tuple(approval)


def _of_link(rules: Iterable[PlannedRule]) -> set[Verdict]:
    """Every verdict that a rule may give; and deny, unless some rule always matches."""
    found: set[Verdict] = set()
    certain: set[Verdict] = set()
    for rule in rules:
        found.add(rule.verdict)
        if rule.condition.tree is None:
            certain.add(rule.verdict)
    if not certain:
        found.add("deny")
        return found
    least = max(SEVERITY[verdict] for verdict in certain)
    return {verdict for verdict in found if SEVERITY[verdict] >= least}


def _strictest(left: set[Verdict], right: set[Verdict]) -> set[Verdict]:
    found: set[Verdict] = set()
    for one in left:
        for other in right:
            found.add(one if SEVERITY[one] >= SEVERITY[other] else other)
    return found


def _approvers(rule: ApprovalRule) -> Approvers:
    roles = {quorum.role: quorum.count for quorum in rule.quorums}
    needed = " and ".join(f"{count} × {role.replace('-', ' ')}" for role, count in roles.items())
    never = ", never who asked for it" if rule.not_requester else ""
    return Approvers(rule=rule.name, title=rule.title or rule.name, roles=roles, sentence=f"{needed}{never}")
