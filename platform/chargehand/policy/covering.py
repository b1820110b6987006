"""When one rule makes another useless, and when a condition can never hold. Sound, not complete: doubt says nothing.

A condition is read as a conjunction. Bounds on one value (`args.amount > 500`) are compared as numbers, every other
conjunct as text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from chargehand.policy.conditions import Condition
from chargehand.policy.enforcer import SEVERITY
from chargehand.policy.plan import matches
from chargehand.policy.snapshot import Rule

_MIRROR: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}


@dataclass(slots=True)
class Bounds:
    """What a conjunction says of one number: its least and greatest value, and whether those are excluded."""

    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False

    def above(self, at: Decimal, *, is_open: bool) -> None:
        if self.low is None or at > self.low or (at == self.low and is_open):
            self.low, self.low_open = at, is_open

    def below(self, at: Decimal, *, is_open: bool) -> None:
        if self.high is None or at < self.high or (at == self.high and is_open):
            self.high, self.high_open = at, is_open

    @property
    def empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def within(self, other: Bounds) -> bool:
        """Whether every value of this is one of `other`."""
        low = other.low is None or (
            self.low is not None
            and (self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open)))
        )
        high = other.high is None or (
            self.high is not None
            and (self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open)))
        )
        return low and high


@dataclass(slots=True)
class Conjunction:
    """A condition taken apart: bounds by value, texts of the rest."""

    bounds: dict[str, Bounds] = field(default_factory=dict[str, Bounds])
    rest: set[str] = field(default_factory=set[str])
    equal: dict[str, set[str]] = field(default_factory=dict[str, set[str]])


def never_true(condition: Condition) -> str:
    """Why the condition can't hold for any request, or nothing."""
    taken = take_apart(condition)
    for value, bounds in taken.bounds.items():
        if bounds.empty:
            return f"no {value} is within its bounds"
    for value, texts in taken.equal.items():
        if len(texts) > 1:
            return f"{value} can't equal {' and '.join(sorted(texts))} at once"
    for part in taken.rest:
        if f"not {part}" in taken.rest:
            return f"it wants {part} both to hold and not to"
    return ""


def implies(left: Condition, right: Condition) -> bool:
    """Whether `right` holds, with an answer, whenever `left` does."""
    if right.always:
        return True
    if left.text == right.text:
        return True
    a, b = take_apart(left), take_apart(right)
    if not b.rest <= a.rest:
        return False
    return all(value in a.bounds and a.bounds[value].within(bounds) for value, bounds in b.bounds.items())


def take_apart(condition: Condition) -> Conjunction:
    taken = Conjunction()
    if condition.tree is None:
        return taken
    for part in _conjuncts(condition.tree):
        bound = _bound(part)
        if bound is None:
            taken.rest.add(ast.unparse(part))
            _equality(part, taken)
            continue
        value, op, number = bound
        bounds = taken.bounds.setdefault(value, Bounds())
        match op:
            case ast.Lt() | ast.LtE():
                bounds.below(number, is_open=isinstance(op, ast.Lt))
            case ast.Gt() | ast.GtE():
                bounds.above(number, is_open=isinstance(op, ast.Gt))
            case _:
                bounds.below(number, is_open=False)
                bounds.above(number, is_open=False)
    return taken


def covers(wide: Rule, narrow: Rule, subjects: Mapping[str, frozenset[str]]) -> bool:
    """Whether `wide` matches every request that `narrow` matches. `subjects` has the roles that each subject holds."""
    subject = wide.subject == narrow.subject or wide.subject in subjects.get(narrow.subject, ())
    if not subject or (wide.effect not in ("any", narrow.effect)):
        return False
    tool = wide.tool == narrow.tool or (wide.tool.endswith("*") and matches(narrow.tool, wide.tool))
    return tool and implies(narrow.condition, wide.condition)


def find_shadows(rules: Sequence[Rule], subjects: Mapping[str, frozenset[str]]) -> Iterator[tuple[Rule, Rule]]:
    """Pairs (rule that never changes a decision, the rule because of which)."""
    by_subject: dict[str, list[Rule]] = {}
    for rule in rules:
        by_subject.setdefault(rule.subject, []).append(rule)
    indexed = {subject: _Indexed(own) for subject, own in by_subject.items()}
    for rule in rules:
        for subject in {rule.subject, *subjects.get(rule.subject, ())}:
            by = (
                next((one for one in indexed[subject].near(rule) if _shadows(one, rule, subjects)), None)
                if subject in indexed
                else None
            )
            if by is not None:
                yield rule, by
                break


class _Indexed:
    """One subject's rules by tool, so that ten thousand rules are not compared pair by pair."""

    def __init__(self, rules: list[Rule]) -> None:
        self.exact: dict[str, list[Rule]] = {}
        self.prefixes: list[Rule] = []
        for rule in rules:
            if rule.tool.endswith("*"):
                self.prefixes.append(rule)
            else:
                self.exact.setdefault(rule.tool, []).append(rule)

    def near(self, rule: Rule) -> Iterator[Rule]:
        yield from self.exact.get(rule.tool, ())
        yield from self.prefixes


def _shadows(by: Rule, rule: Rule, subjects: Mapping[str, frozenset[str]]) -> bool:
    if by.id == rule.id or SEVERITY[by.then] < SEVERITY[rule.then] or not covers(by, rule, subjects):
        return False
    if by.then != rule.then:
        return True
    if by.then == "ask" and not set(rule.approval) <= set(by.approval):
        return False  # both are asked for
    # Of two that say the same, the later one is the useless one.
    return not covers(rule, by, subjects) or (by.line < rule.line)


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _conjuncts(value)
    elif isinstance(node, ast.Compare) and len(node.ops) > 1:
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
            yield ast.Compare(left, [op], [right])
    else:
        yield node


def _bound(node: ast.expr) -> tuple[str, ast.cmpop, Decimal] | None:
    """`args.amount <= 500` as (its text, the comparison, the number), turned so that the number is on the right."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq):
        return None
    left, op, right = node.left, node.ops[0], node.comparators[0]
    if _number(right) is None:
        left, right = right, left
        op = _MIRROR[type(op)]() if type(op) in _MIRROR else op
    number = _number(right)
    if number is None or _number(left) is not None:
        return None
    return _value_name(left), op, number


def _equality(node: ast.expr, taken: Conjunction) -> None:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
        left, right = node.left, node.comparators[0]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            taken.equal.setdefault(_value_name(left), set()).add(ast.unparse(right))


def _number(node: ast.expr) -> Decimal | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Decimal(repr(node.value))
    return None


def _value_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name) and node.id in ("amount", "currency"):
        return f"args.{node.id}"
    return ast.unparse(node)
