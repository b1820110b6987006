"""Fake systems, named as such: they stand behind the real gateway in place of connectors.

A fake deduplicates keyed calls as a real connector must, and counts effects, so that a test can say "exactly once".
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from pydantic_core import to_jsonable_python

from chargehand.connectors.definition import declared
from chargehand.connectors.model import Connector, Pin, Tool, ToolResult
from chargehand.connectors.pins import make_pin
from chargehand.errors import Ambiguous, ConnectorUnavailable
from chargehand.outcome import Failure, FailureKind

Answer = Any
"""A value (JSON or a pydantic model), a function of the arguments, or one of the three below."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """The system says no, clearly."""

    kind: FailureKind
    detail: str = "The fake system refuses."


@dataclass(frozen=True, slots=True)
class Down:
    """Provably not reached, for the first `times` calls (None: always); then `then`."""

    times: int | None = None
    then: Answer = None


@dataclass(frozen=True, slots=True)
class NoClearAnswer:
    """The effect happens, and the answer is lost, for the first `times` calls; then `then`."""

    then: Answer
    times: int = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a fake system did."""

    key: str
    tool: str
    arguments: dict[str, Any]


@dataclass
class FakeConnectors:
    """Answers by tool name. `calls` are all messages that arrived, `effects` what was done, once a key."""

    answers: Mapping[str, Answer]
    tools: Iterable[Tool[..., Any]] = ()
    calls: list[Effect] = field(default_factory=list[Effect])
    effects: list[Effect] = field(default_factory=list[Effect])
    model: Any = None
    """The models that were recorded together with them, if any; a world asks those where it is given no others."""
    _done: dict[str, ToolResult] = field(default_factory=dict[str, ToolResult])
    _asked: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self._tools = {tool.name: tool for tool in self.tools}

    def pins(self) -> Mapping[str, Pin]:
        """Pins of the declared tools, as if a person had reviewed them."""
        connectors: dict[str, list[Tool[..., Any]]] = {}
        for tool in self._tools.values():
            connectors.setdefault(tool.connector, []).append(tool)
        return {
            review.tool: make_pin(review, declared(self._tools[review.tool]))
            for name, tools in connectors.items()
            for review in Connector(name, name, f"fake.{name}", tuple(tools)).reviews
        }

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        """As a connector pool answers. Raises ConnectorUnavailable, Ambiguous where the answers say so."""
        del deadline  # a fake is never late
        given = Effect(key, tool, dict(arguments))
        self._asked[tool] = self._asked.get(tool, 0) + 1
        answer = self.answers.get(tool)
        if isinstance(answer, Down):
            if answer.times is None or self._asked[tool] <= answer.times:
                raise ConnectorUnavailable(f"The fake system of {tool} is down.")
            answer = answer.then
        self.calls.append(given)
        lost = isinstance(answer, NoClearAnswer) and self._asked[tool] <= answer.times
        if isinstance(answer, NoClearAnswer):
            answer = answer.then
        result = self._done.get(key) or await self._do(given, answer)
        if lost:
            raise Ambiguous(f"The fake answer of {tool} was lost.")
        return result

    async def _do(self, given: Effect, answer: Answer) -> ToolResult:
        if given.tool not in self.answers:
            return ToolResult(given.tool, failure=Failure(kind="not_found", detail="The fake has no answer for it."))
        if callable(answer) and not isinstance(answer, type):
            answer = cast("Callable[..., Any]", answer)(**given.arguments)
            if inspect.isawaitable(answer):
                answer = await answer
        if isinstance(answer, Refuses):
            return ToolResult(given.tool, failure=Failure(kind=answer.kind, detail=answer.detail))
        result = ToolResult(given.tool, value=to_jsonable_python(answer))
        declaration = self._tools.get(given.tool)
        if declaration is None or declaration.effect != "read":
            self.effects.append(given)
            self._done[given.key] = result
        return result

    def complain(self) -> None:
        """Raises AssertionError when the systems were asked for something that the test does not provide."""

    def did(self, tool: str) -> list[dict[str, Any]]:
        """Arguments of every effect of a tool, in order."""
        return [one.arguments for one in self.effects if one.tool == tool]
