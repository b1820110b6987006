"""Separation of duties: who holds two things that no one principal may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chargehand.policy.documents import SeparationEntry
from chargehand.policy.plan import matches
from chargehand.policy.snapshot import Rule, TenantPolicy


@dataclass(frozen=True, slots=True)
class Conflict:
    """One principal with both sides of a separation. `one` and `other` are what gives each side: rules or roles."""

    separation: str
    principal: str
    one: tuple[str, ...]
    other: tuple[str, ...]
    accepted: str
    sentences: Mapping[str, str]


def matrix(policy: TenantPolicy) -> tuple[Conflict, ...]:
    """Every conflict of a compiled policy: only accepted ones, as lint refuses the others."""
    roles_of = {one: frozenset(policy.enforcer.roles(one, policy.tenant)) for one in policy.holders}
    return tuple(violations(policy.separations, policy.rules, roles_of))


def violations(
    separations: Iterable[SeparationEntry], rules: Sequence[Rule], roles_of: Mapping[str, frozenset[str]]
) -> list[Conflict]:
    """Every conflict, accepted ones too (with the reason in `accepted`). A rule that denies gives nothing."""
    granting = [rule for rule in rules if rule.then != "deny"]
    principals = dict.fromkeys((*roles_of, *(rule.subject for rule in rules if ":" in rule.subject)))
    found: list[Conflict] = []
    for entry in separations:
        for principal in principals:
            roles = roles_of.get(principal, frozenset())
            one, other = (_held(entry, side, principal, roles, granting) for side in (0, 1))
            if one and other:
                found.append(_conflict(entry, principal, one, other))
    return found


def _held(
    entry: SeparationEntry, side: int, principal: str, roles: frozenset[str], granting: Sequence[Rule]
) -> tuple[str, ...]:
    if entry.roles is not None:
        return tuple(sorted(roles & set(entry.roles[side])))
    if entry.tools is None:
        return ()
    own = [rule for rule in granting if rule.subject == principal or rule.subject in roles]
    return tuple(rule.id for rule in own if any(overlap(rule.tool, pattern) for pattern in entry.tools[side]))


def overlap(one: str, other: str) -> bool:
    """Whether some tool matches both patterns."""
    if one.endswith("*") and other.endswith("*"):
        return one[:-1].startswith(other[:-1]) or other[:-1].startswith(one[:-1])
    return matches(one, other) if other.endswith("*") else matches(other, one)


def _conflict(entry: SeparationEntry, principal: str, one: tuple[str, ...], other: tuple[str, ...]) -> Conflict:
    kind, kind_zh = ("roles", "角色") if entry.roles is not None else ("rules", "规则")
    first, second = ", ".join(one), ", ".join(other)
    sentences = {
        "en": f"{principal} holds both sides of {entry.id!r} ({entry.says.en}): {kind} {first} and {second}.",
        "zh": f"{principal} 同时拥有“{entry.says.zh}”（{entry.id}）的两方：{kind_zh} {first} 与 {second}。",
    }
    return Conflict(entry.id, principal, one, other, entry.exceptions.get(principal, ""), sentences)
