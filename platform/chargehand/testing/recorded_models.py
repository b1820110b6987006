"""Models' answers, recorded once from the real endpoint, replayed strictly: each to the question that it was given."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import yaml

from chargehand.errors import BadInput, Unavailable
from chargehand.models.model import ModelAnswer, ModelRequest
from chargehand.models.words import text_of
from chargehand.runs.activities import Models
from chargehand.testing.case import ModelLine, Question
from chargehand.testing.models import ScriptedModel


@dataclass
class RecordedModels(ScriptedModel):
    """Answers from a recording, each recorded answer once. `strict`: any other question fails the test.

    Not strict, another question gets the answer that was given next or last; `strangers` lists those questions.
    """

    recorded: Sequence[ModelLine] = ()
    strict: bool = True
    strangers: list[str] = field(default_factory=list[str])
    _left: list[ModelLine] = field(default_factory=list[ModelLine])

    def __post_init__(self) -> None:
        self._left = list(self.recorded)

    def tiers(self) -> frozenset[str]:
        return super().tiers() if self.recorded else frozenset()

    async def _next(self, request: ModelRequest) -> ModelAnswer:
        asked = question_of({name: getattr(request, name) for name in _PARTS})
        found = next((one for one in self._left if one.asked == asked), None)
        found = found or next((one for one in self._left if one.asked is None), None)
        if found is None:
            self.strangers.append(_difference(request.step, asked, self._left or self.recorded))
            if self.strict:
                raise Unavailable(self.strangers[-1])
            if not self.recorded:
                raise BadInput("the recording has no answer of a model", field="model", value=request.step)
            found = self._left[0] if self._left else self.recorded[-1]
        self._left = [one for one in self._left if one is not found]
        return found.answer()


@dataclass
class RecordingModels(ScriptedModel):
    """Passes questions on to the real endpoint and keeps what it answered. `calls`: how many were made until now."""

    real: Models | None = None
    calls: Callable[[], int] = lambda: 0
    kept: list[ModelLine] = field(default_factory=list[ModelLine])

    def tiers(self) -> frozenset[str]:
        return self.real.tiers() if self.real else frozenset()

    async def _next(self, request: ModelRequest) -> ModelAnswer:
        if self.real is None:
            raise Unavailable("The recording is over.")
        answer = await self.real.ask(request)
        asked = question_of({name: getattr(request, name) for name in _PARTS})
        self.kept.append(ModelLine.of(answer.message, answer.usage.as_json(), asked=asked, after=self.calls()))
        return answer


_TERMS = ("tools", "tool_choice", "response_format", "temperature", "stop")
_PARTS = ("tier", "messages", *_TERMS, "options")


def question_of(request: Mapping[str, Any]) -> Question:
    """The question of a request with the parts of a ModelRequest. Without ids: LangGraph makes them in each run."""
    tools: Sequence[Mapping[str, Any]] = request.get("tools") or ()
    terms = {name: request.get(name) or None for name in _TERMS}
    if request.get("options"):  # a question without them has the hash that it had before there were any
        terms["options"] = request["options"]
    return Question(
        tier=str(request["tier"]),
        messages=[_said(one) for one in request["messages"]],
        tools=[str(one.get("function", one).get("name", "")) for one in tools],
        terms=hashlib.sha256(orjson.dumps(terms, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:16],
    )


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    data: Mapping[str, Any] = message["data"]
    said: dict[str, Any] = {str(message["type"]): text_of(message)}
    content: Any = data["content"]
    if isinstance(content, list):  # a picture, a sound: what it was, not the thing itself
        for block in cast("list[Any]", content):
            if not isinstance(block, str) and block.get("type") != "text":
                digest = hashlib.sha256(orjson.dumps(block, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
                said.setdefault("beside", []).append(f"{block.get('type')} {digest[:16]}")
    if calls := data.get("tool_calls"):
        said["calls"] = [{"name": one["name"], "args": one["args"]} for one in calls]
    return said


def _difference(step: str, asked: Question, recorded: Sequence[ModelLine]) -> str:
    """What was asked beside the recorded question that it is nearest to."""
    lines, known = _lines(asked), [one.asked for one in recorded if one.asked is not None]
    if not known:
        return f"{step} asked a model, and no answer is recorded that is left. It asked:\n" + "\n".join(lines)
    nearest = max(known, key=lambda one: difflib.SequenceMatcher(None, lines, _lines(one)).ratio())
    shown = difflib.unified_diff(_lines(nearest), lines, "recorded", "asked", lineterm="", n=2)
    return f"{step} asked a model something else than recorded:\n" + "\n".join(shown) + "\nRecord again if it is right."


def _lines(asked: Question) -> list[str]:
    return yaml.safe_dump(asked.model_dump(), sort_keys=False, allow_unicode=True, width=110).splitlines()
