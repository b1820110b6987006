"""A scripted model, named as such: it stands in place of a language model and says what the test wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
from langchain_core.messages import AIMessage, message_to_dict

from chargehand.errors import BadInput
from chargehand.models.budget import room
from chargehand.models.model import ModelAnswer, ModelRequest, Usage, Used
from chargehand.models.prices import Price
from chargehand.models.words import Tell, text_of

Line = str | dict[str, Any] | AIMessage | ModelAnswer | Callable[[ModelRequest], Any]
"""A text; a dict, given as JSON (structured output); a message as it is (tool calls); a whole answer, with what it
used; a function of the request."""

_WORDS = re.compile(r"\s*\S+|\s+")
_FREE = Price(Decimal(0), Decimal(0))


@dataclass
class ScriptedModel:
    """Says its lines in order, one a call. A repeated key gets the line that it got before."""

    lines: Sequence[Line]
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])
    _said: dict[str, ModelAnswer] = field(default_factory=dict[str, ModelAnswer])

    def tiers(self) -> frozenset[str]:
        return frozenset({"light", "standard", "strong"})

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
        """The next line, told word by word. Raises BadInput when there is none left, or the budget has no room."""
        if request.key not in self._said:
            if request.limits:
                room(request.limits, self._used(request.run), orjson.dumps(request.messages, default=str), _FREE)
            self._said[request.key] = await self._next(request)
            self.requests.append(request)
            if tell is not None:
                for word in _WORDS.findall(text_of(self._said[request.key].message)):
                    tell(word)
        return self._said[request.key]

    async def _next(self, request: ModelRequest) -> ModelAnswer:
        if len(self.requests) >= len(self.lines):
            raise BadInput("the scripted model has no line left", field="model", value=len(self.requests) + 1)
        line = self.lines[len(self.requests)]
        said = line(request) if callable(line) else line
        return said if isinstance(said, ModelAnswer) else _answer(said)

    def _used(self, run: str) -> Used:
        answers = [self._said[one.key].usage for one in self.requests if one.run == run and one.key in self._said]
        spent = sum((one.cost or Decimal(0) for one in answers), Decimal(0))
        return Used(len(answers), sum(one.tokens_in + one.tokens_out for one in answers), spent)


def calls(*tools: tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    """A line in which the model calls tools: `calls(("erp__get_order", {"number": "SO-1"}))`."""
    return AIMessage(
        text,
        tool_calls=[
            {"name": name, "args": arguments, "id": f"call_{index}_{name}", "type": "tool_call"}
            for index, (name, arguments) in enumerate(tools)
        ],
    )


def _answer(said: Any) -> ModelAnswer:
    message = said if isinstance(said, AIMessage) else AIMessage(_text(said))
    return ModelAnswer(message_to_dict(message), Usage("scripted", tokens_in=10, tokens_out=10))


def _text(said: Any) -> str:
    return said if isinstance(said, str) else orjson.dumps(said).decode()
