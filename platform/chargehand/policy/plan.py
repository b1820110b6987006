"""Reading a Casbin matcher as a plan: which parts are hash keys, patterns, the role, the rule's own condition.

A matcher with any other part is refused: it could only be interpreted row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from chargehand.policy.conditions import Condition
from chargehand.policy.model import Verdict

_EQUAL = re.compile(r"(r|p)\.(\w+) == (r|p)\.(\w+)")
_ROLE = re.compile(r"g\(r\.(\w+), p\.(\w+), r\.(\w+)\)")
_PATTERN = re.compile(r"keyMatch\(r\.(\w+), p\.(\w+)\)")
_CONDITION = re.compile(r"eval\(p\.(\w+)\)")


class UnplannableModel(ValueError):
    """model.conf asks for something that can't be planned; the message names the part."""


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """One policy row, ready to be asked. `others` are further (request field, pattern) pairs to match."""

    position: int
    id: str
    row: tuple[str, ...]
    verdict: Verdict
    others: tuple[tuple[int, str], ...]
    condition: Condition


@dataclass(slots=True)
class Bucket:
    """The rules of one subject: by exact tool, and by prefix for each length of prefix."""

    exact: dict[str, list[PlannedRule]]
    prefixes: dict[int, dict[str, list[PlannedRule]]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The matcher's parts as positions in request and policy tokens."""

    equal: tuple[tuple[int, int], ...]
    subject: tuple[int, int]
    domain: int
    tool: tuple[int, int]
    patterns: tuple[tuple[int, int], ...]
    condition: int
    effect: int
    id: int

    @property
    def key(self) -> itemgetter[Any]:
        """From a request's values to the key of the index."""
        return itemgetter(*(request for request, _ in self.equal))

    def row_key(self, row: tuple[str, ...]) -> Any:
        return itemgetter(*(policy for _, policy in self.equal))(row)


def read_shape(matcher: str, request: list[str], policy: list[str]) -> Shape:
    """`matcher` is Casbin's text with `r_x`/`p_x` or `r.x`/`p.x` names; `request` and `policy` the field names.

    Raises:
        UnplannableModel: a part is not an equality, one `g`, `keyMatch`, or one `eval`; or a field is missing.
    """
    text = re.sub(r"\b([rp])_(\w+)", r"\1.\2", matcher)
    equal: list[tuple[int, int]] = []
    patterns: list[tuple[int, int]] = []
    subjects: list[tuple[int, int, int]] = []
    conditions: list[int] = []
    try:
        for part in (piece.strip() for piece in text.split("&&")):
            if match := _EQUAL.fullmatch(part):
                sides = {match[1]: match[2], match[3]: match[4]}
                equal.append((request.index(sides["r"]), policy.index(sides["p"])))
            elif match := _ROLE.fullmatch(part):
                subjects.append((request.index(match[1]), policy.index(match[2]), request.index(match[3])))
            elif match := _PATTERN.fullmatch(part):
                patterns.append((request.index(match[1]), policy.index(match[2])))
            elif match := _CONDITION.fullmatch(part):
                conditions.append(policy.index(match[1]))
            else:
                raise UnplannableModel(f"the matcher's part {part!r} can't be planned")
        tool = next(pair for pair in patterns if request[pair[0]] == "tool")
        ((subject, role, domain),) = subjects
        (condition,) = conditions
        if not any(at == domain for at, _ in equal):
            raise UnplannableModel("the matcher does not compare the tenants of request and rule")
        effect, rule_id = policy.index("eft"), policy.index("id")
    except (ValueError, KeyError, StopIteration) as error:
        if isinstance(error, UnplannableModel):
            raise
        raise UnplannableModel(
            "the matcher needs r.dom == p.dom, one g(…), keyMatch(r.tool, p.tool), one eval(p.cond); p needs eft and id"
        ) from None
    others = tuple(pair for pair in patterns if pair != tool)
    return Shape(tuple(equal), (subject, role), domain, tool, others, condition, effect, rule_id)


def matches(value: str, pattern: str) -> bool:
    """Casbin's keyMatch where `*` stands last: a prefix, else equality."""
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
