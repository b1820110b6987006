"""The condition language: a small, total subset of Python's expressions, compiled to closures; nothing is evaluated.

    args.amount > 0 and args.amount <= 500
    args.currency in ("CNY", "EUR") and between("08:00", "18:00") and weekday not in ("sat", "sun")
    total("amount", within="1d", of=["agent", "args.customer"]) + args.amount <= 2000
    all(ends_with(address, "@demo.example") for address in args.to)

docs/policy.md has the whole language. What is not on its list does not compile, and what has no clear answer for a
request (an argument that is missing or of the wrong kind) raises ConditionFailed, which denies.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chargehand.policy.facts import ConditionFailed, Facts
from chargehand.policy.grammar import ConditionRefused, Translation

MAX_LENGTH = 1000
MAX_NODES = 200

__all__ = ["Condition", "ConditionFailed", "ConditionRefused", "compile_condition"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. `arguments` are the top-level arguments read without `has`; `optional` those within it."""

    text: str
    test: Callable[[Facts], bool]
    tree: ast.expr | None
    arguments: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    numeric: frozenset[str] = frozenset()
    history_tools: frozenset[str] = frozenset()
    uses_history: bool = False
    attributes: frozenset[tuple[str, str]] = frozenset()
    """(root, name): `person.department` is ("person", "department")."""

    @property
    def always(self) -> bool:
        return self.tree is None


def compile_condition(source: str) -> Condition:
    """Compile `source`; empty means always.

    Raises:
        ConditionRefused: it is not in the language; says what and what to write instead.
    """
    source = source.strip()
    if not source:
        return Condition("", _always, None)
    if len(source) > MAX_LENGTH:
        raise ConditionRefused(f"it is longer than {MAX_LENGTH} characters", "Split it into several rules.")
    if "\\" in source:
        raise ConditionRefused("it has a backslash", "Write the character itself.")
    tree = _parse(source)
    translation = Translation(source)
    test = translation.truth(tree)
    return Condition(
        text=source,
        test=test,
        tree=tree,
        arguments=frozenset(translation.arguments - translation.optional),
        optional=frozenset(translation.optional),
        numeric=frozenset(translation.numeric),
        history_tools=frozenset(translation.history_tools),
        uses_history=translation.uses_history,
        attributes=frozenset(translation.attributes),
    )


def _parse(source: str) -> ast.expr:
    try:
        tree = ast.parse(source, mode="eval").body
        nodes = sum(1 for _ in ast.walk(tree))
    except SyntaxError as error:
        raise ConditionRefused(f"it is not an expression: {error.msg}", "See docs/policy.md, Conditions.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConditionRefused(f"it can't be read: {type(error).__name__}", "Write it shorter.") from None
    if nodes > MAX_NODES:
        raise ConditionRefused(f"it has more than {MAX_NODES} parts", "Split it into several rules.")
    return tree


def _always(_: Facts) -> Any:
    return True
