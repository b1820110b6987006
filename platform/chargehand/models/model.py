"""A question to a language model, its answer, and what it used."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What the run may use of models in all: calls, tokens asked and answered, US dollars. None: no limit."""

    calls: int | None = None
    tokens: int | None = None
    cost: Decimal | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.calls, self.tokens, self.cost))


@dataclass(frozen=True, slots=True)
class Used:
    """What a run's calls used of models so far, or have reserved."""

    calls: int
    tokens: int
    cost: Decimal


OPTIONS = frozenset(
    {"frequency_penalty", "max_tokens", "parallel_tool_calls", "presence_penalty", "reasoning_effort", "seed", "top_p"}
)
"""What an author may say of a question beside its temperature, by OpenAI's names."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """`messages` and `tool_choice` as LangChain writes them; `tools` and `response_format` as OpenAI does; `options`
    are of OPTIONS. `key` never changes."""

    tenant: str
    run: str
    key: str
    agent: str
    principal: str
    step: str
    tier: str
    messages: list[dict[str, Any]]
    temperature: float = 0.0
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    stop: list[str] | None = None
    limits: Limits = field(default_factory=Limits)
    options: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used. `cost` is None where no price is known: unknown, not free."""

    model: str
    tokens_in: int
    tokens_out: int
    cost: Decimal | None = None
    currency: str = "USD"
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost": None if self.cost is None else str(self.cost),
            "currency": self.currency,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The message as LangChain writes it."""

    message: dict[str, Any]
    usage: Usage
    detail: dict[str, Any] = field(default_factory=dict[str, Any])
