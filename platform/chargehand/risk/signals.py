"""Minimal risk signals of one call, from what was done before: a first counterparty, an unusual amount, repetition.

Signals inform policy (`risk`) and the approver; they never allow or deny by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any, Literal

COUNTERPARTY_FIELDS = ("customer", "counterparty", "party", "supplier", "vendor", "recipient", "to", "account")
AMOUNT_FIELDS = ("amount", "total", "total_amount")

MIN_SAMPLE = 5
UNUSUAL_FACTOR = 3
REPEATS = 3


@dataclass(frozen=True, slots=True)
class RiskSignal:
    """`sentence` is for people; `message_id` and `parameters` let the console translate it."""

    level: Literal["ok", "medium", "high"]
    sentence: str
    message_id: str
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Assessment:
    """Risk from 0 (none) to 1, and why."""

    risk: float
    signals: tuple[RiskSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """What was done with the same tool before, newest first."""

    amounts: Sequence[Decimal] = ()
    with_counterparty: int = 0
    with_counterparty_today: int = 0
    known_counterparties: bool = False


_POINTS = {"ok": 0.0, "medium": 0.35, "high": 0.6}


def counterparty_of(arguments: Mapping[str, Any]) -> str:
    """`field=value` of the argument that says whom a call concerns, or empty."""
    for name in COUNTERPARTY_FIELDS:
        value = arguments.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return f"{name}={value}"
    return ""


def amount_of(arguments: Mapping[str, Any]) -> Decimal | None:
    """The amount that a call moves, where an argument says so as text or an integer."""
    for name in AMOUNT_FIELDS:
        value = arguments.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            try:
                amount = Decimal(value)
            except ArithmeticError:
                continue
            if amount.is_finite():
                return amount
    return None


def assess(arguments: Mapping[str, Any], past: Past) -> Assessment:
    """Signals of one call. Risks add up and stay at most 1."""
    signals: list[RiskSignal] = []
    whom = counterparty_of(arguments).partition("=")[2]
    if whom and not past.with_counterparty:
        signals.append(
            RiskSignal("medium", f"The first such call for {whom}.", "risk.first_counterparty", {"counterparty": whom})
        )
    elif whom and past.with_counterparty_today >= REPEATS:
        count = past.with_counterparty_today
        sentence = f"{count} such calls for {whom} in the last 24 hours."
        signals.append(RiskSignal("high", sentence, "risk.repeated", {"count": count, "counterparty": whom}))
    elif whom:
        count = past.with_counterparty
        sentence = f"{count} earlier such calls for {whom}."
        signals.append(RiskSignal("ok", sentence, "risk.known_counterparty", {"count": count, "counterparty": whom}))
    amount = amount_of(arguments)
    if amount is not None and len(past.amounts) >= MIN_SAMPLE:
        usual = median(past.amounts)
        if usual > 0 and amount > UNUSUAL_FACTOR * usual:
            factor = f"{amount / usual:.1f}"
            sentence = f"{factor} times the usual amount of {usual}."
            signals.append(RiskSignal("high", sentence, "risk.unusual_amount", {"factor": factor, "usual": str(usual)}))
    return Assessment(min(1.0, sum(_POINTS[signal.level] for signal in signals)), tuple(signals))
