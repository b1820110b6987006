"""Why a decision is what it is, and what would change it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from chargehand.policy.enforcer import SEVERITY
from chargehand.policy.facts import ConditionFailed, Facts
from chargehand.policy.messages import fill
from chargehand.policy.model import Decision, Request, Verdict
from chargehand.policy.snapshot import Rule, TenantPolicy

MAX_CHANGES = 12
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Considered:
    """A rule on this tool for this principal. `because` says why its condition does not hold or has no answer."""

    rule: Rule
    principal: str
    outcome: Literal["applies", "does not apply", "can't be decided"]
    because: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would give another answer."""

    verdict: Verdict
    approval: tuple[str, ...]
    sentences: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision taken apart. `links` has each principal's own answer: the strictest is the decision."""

    decision: Decision
    links: tuple[tuple[str, Verdict], ...]
    considered: tuple[Considered, ...]
    would_change: tuple[Change, ...]


def explain(policy: TenantPolicy, request: Request) -> Explanation:
    """Decide `request` and say which rules mattered, which did not and why, and what would change the answer."""
    decision = policy.decide(request)
    links: tuple[tuple[str, Verdict], ...] = tuple(
        (link, policy.decide_link(request, link)[0]) for link in request.chain
    )
    considered = tuple(one for link in request.chain for one in _considered(policy, request, link))
    changes = _distinct(decision, _changes(policy, request))
    return Explanation(decision, links, considered, changes)


def _considered(policy: TenantPolicy, request: Request, link: str) -> Iterator[Considered]:
    planned = policy.enforcer.candidates(link, policy.tenant, request.tool, request.effect)
    for one in planned:
        rule = policy.by_id[one.id]
        try:
            holds = rule.condition.test(Facts(request, link, policy.zone))
        except ConditionFailed as error:
            yield Considered(rule, link, "can't be decided", fill(error.message_id, error.parameters))
            continue
        yield Considered(rule, link, "applies" if holds else "does not apply", {} if holds else _unmet(rule))


def _unmet(rule: Rule) -> Mapping[str, str]:
    return {"en": f"Not the case: {rule.when}", "zh": f"不满足：{rule.when}"}


def _distinct(decision: Decision, changes: Iterator[tuple[Decision, Mapping[str, str]]]) -> tuple[Change, ...]:
    """The first change for each other answer and cause, the most permissive first."""
    now = (decision.verdict, frozenset(decision.approval))
    found: dict[str, Change] = {}
    for other, sentences in changes:
        if (other.verdict, frozenset(other.approval)) != now and sentences["en"] not in found:
            found[sentences["en"]] = Change(other.verdict, other.approval, sentences)
    ordered = sorted(found.values(), key=lambda change: SEVERITY[change.verdict])
    return tuple(ordered[:MAX_CHANGES])


def _changes(policy: TenantPolicy, request: Request) -> Iterator[tuple[Decision, Mapping[str, str]]]:
    """Try what the rules on this tool speak of: the values they compare arguments with, and the roles they are for."""
    rules = [rule for rule in policy.rules if _on(rule, request)]
    for name, value in dict.fromkeys(pair for rule in rules for pair in _values(rule)):
        if request.arguments.get(name) != value:
            changed = replace(request, arguments={**request.arguments, name: value})
            decision = policy.decide(changed)
            answer, answer_zh = _answer(decision)
            en, zh = f"With {name} = {value}: {answer}.", f"若 {name} = {value}：{answer_zh}。"
            yield decision, {"en": en, "zh": zh}
    denied = [link for link in request.chain if policy.decide_link(request, link)[0] == "deny"]
    for role in dict.fromkeys(rule.subject for rule in rules if ":" not in rule.subject):
        holders = policy.holders_of(role)
        if len(denied) != 1 or not holders:
            continue
        # A holder stands in for the denied link, so that all that comes with the role is asked.
        stand_in = next((one for one in holders if one.split(":")[0] == denied[0].split(":")[0]), None)
        if stand_in is not None:
            chain = tuple(stand_in if link == denied[0] else link for link in request.chain)
            decision = policy.decide(replace(request, chain=chain))
            answer, answer_zh = _answer(decision)
            en = f"If {denied[0]} held {role}, as {stand_in} does: {answer}."
            zh = f"若 {denied[0]} 像 {stand_in} 一样拥有角色 {role}：{answer_zh}。"
            yield decision, {"en": en, "zh": zh}


def _on(rule: Rule, request: Request) -> bool:
    if rule.effect not in ("any", request.effect):
        return False
    return request.tool.startswith(rule.tool[:-1]) if rule.tool.endswith("*") else rule.tool == request.tool


def _values(rule: Rule) -> Iterator[tuple[str, Any]]:
    """Arguments with the values at which the rule's comparisons change: the literal, and a cent to each side of it."""
    if rule.condition.tree is None:
        return
    for node in ast.walk(rule.condition.tree):
        if not isinstance(node, ast.Compare):
            continue
        for left, right in zip([node.left, *node.comparators], node.comparators, strict=False):
            for side, other in ((left, right), (right, left)):
                name = _argument(side)
                if name:
                    yield from ((name, value) for value in _around(other))


def _argument(node: ast.expr) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id="args"), attr=name):
            return name
        case ast.Name(id="amount" | "currency" as name):
            return name
        case ast.BinOp(op=ast.Add()):
            return _argument(node.left) or _argument(node.right)
        case _:
            return ""


def _around(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool()):
            return
        case ast.Constant(value=str() as text):
            yield text
        case ast.Constant(value=int() | float() as literal):
            at = Decimal(repr(literal))
            yield from (f"{value:f}" for value in (at, at - CENT, at + CENT) if value > 0)
        case ast.Tuple() | ast.List() | ast.Set():
            for item in node.elts:
                yield from _around(item)
        case _:
            return


def _answer(decision: Decision) -> tuple[str, str]:
    if decision.verdict == "allow":
        return "it would run unattended", "将自动执行"
    if decision.verdict == "ask":
        names = ", ".join(decision.approval)
        return f"people would be asked ({names})", f"须审批（{names}）"
    return "it would be denied", "将被拒绝"
