"""What a condition sees of one request, and the strict readings of a value. Anything unclear raises, which denies."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chargehand.policy.model import History, Request

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Plain decimals only: no exponent, sign +, spaces, grouping, leading zeros or digits of other scripts.
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?")
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])
_KINDS: Mapping[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    tuple: "a list",
    type(None): "null",
}


class ConditionFailed(Exception):
    """A condition has no answer for this request. `message_id` and `parameters` are for `messages.fill`."""

    def __init__(self, message_id: str, **parameters: Any) -> None:
        super().__init__(message_id)
        self.message_id = message_id
        self.parameters = parameters


class Facts:
    """One request seen by one link of its chain. Local time is worked out once, when asked for."""

    __slots__ = ("_local", "principal", "request", "variables", "zone")

    def __init__(self, request: Request, principal: str, zone: ZoneInfo) -> None:
        self.request = request
        self.principal = principal
        self.zone = zone
        self.variables: list[Any] = []
        self._local: datetime | None = None

    @property
    def local(self) -> datetime:
        """The request's time in the tenant's zone."""
        if self._local is None:
            if self.request.at.tzinfo is None:
                raise ConditionFailed("condition.missing", path="the time zone of the request's time")
            self._local = self.request.at.astimezone(self.zone)
        return self._local

    @property
    def person(self) -> str:
        return self.request.chain[0]

    @property
    def agent(self) -> str:
        """The link that acted last, if it is an agent."""
        for link in reversed(self.request.chain):
            if link.startswith("agent:"):
                return link
        raise ConditionFailed("condition.missing", path="agent")

    def acting(self, who: str) -> str:
        """The id of the `principal` being decided, the `person` first in the chain, or the `agent` last in it."""
        return self.principal if who == "principal" else self.person if who == "person" else self.agent

    def attributes(self, who: str) -> Mapping[str, Any]:
        """What is known of it; an attribute that is absent has no answer."""
        return self.request.attributes.get(self.acting(who), {})

    @property
    def history(self) -> History:
        if self.request.history is None:
            raise ConditionFailed("condition.no_history")
        return self.request.history


Value = Callable[[Facts], Any]
"""A sub-expression, compiled: reads its value from the facts, or raises ConditionFailed."""
Test = Callable[[Facts], bool]
Kind = Literal["number", "text", "truth", "any"]
"""What a sub-expression is known to be before it is read."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far back history looks: a length of time, or since local midnight."""

    text: str
    length: timedelta | None

    def since(self, facts: Facts) -> datetime:
        if self.length is None:
            return facts.local.replace(hour=0, minute=0, second=0, microsecond=0)
        return facts.request.at - self.length


def number(value: Any, path: str) -> Decimal | int:
    """An exact number: Decimal, int, finite float as it is written, or text such as "1280.00"."""
    kind = type(value)
    if kind is str:
        if _DECIMAL.fullmatch(value) is None:
            raise ConditionFailed("condition.not_a_number", path=path, kind="other text")
        return Decimal(value)
    if kind is int:
        return value
    if kind is Decimal:
        if not value.is_finite():
            raise ConditionFailed("condition.not_finite", path=path)
        return value
    if kind is float:
        if not math.isfinite(value):
            raise ConditionFailed("condition.not_finite", path=path)
        return Decimal(repr(value))
    raise ConditionFailed("condition.not_a_number", path=path, kind=kind_of(value))


def text(value: Any, path: str) -> str:
    if type(value) is not str:
        raise ConditionFailed("condition.not_text", path=path, kind=kind_of(value))
    return value


def truth(value: Any, path: str) -> bool:
    if value is True or value is False:
        return value
    raise ConditionFailed("condition.not_a_truth", path=path, kind=kind_of(value))


def items(value: Any, path: str) -> tuple[Any, ...]:
    if type(value) is not tuple:
        raise ConditionFailed("condition.not_a_list", path=path, kind=kind_of(value))
    return value


def same(left: Any, right: Any, path: str, other: str) -> bool:
    """Equality of two values of one kind; numbers compare as numbers. Text never equals a number silently."""
    kinds = (type(left), type(right))
    if kinds == (str, str) or kinds == (bool, bool):
        return left == right
    numeric = (int, float, Decimal)
    if kinds[0] in numeric or kinds[1] in numeric:
        return number(left, path) == number(right, other)
    raise ConditionFailed("condition.not_comparable", path=path, kind=kind_of(left), other=other)


def exact(operation: str, left: Decimal | int, right: Decimal | int) -> Decimal:
    """left + - * right without rounding. Raises where 60 digits are not enough."""
    try:
        a, b = Decimal(left), Decimal(right)
        if operation == "+":
            return _EXACT.add(a, b)
        return _EXACT.subtract(a, b) if operation == "-" else _EXACT.multiply(a, b)
    except DecimalException:
        raise ConditionFailed("condition.not_exact") from None


def history_text(value: Any, path: str) -> str:
    """An argument as history compares it; see `History`."""
    if type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    raise ConditionFailed("condition.not_text", path=path, kind=kind_of(value))


def kind_of(value: Any) -> str:
    kind: Any = type(value)
    return _KINDS.get(kind, "an object")
