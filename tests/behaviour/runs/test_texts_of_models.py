"""What models write is in the run's stream while they write: between question and answer, each call's words its own.

The model is a fake one, named so, that speaks at the test's pace.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, message_to_dict
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, chat_model
from chargehand.errors import BadInput, DatabaseUnavailable, Unavailable
from chargehand.models.model import ModelAnswer, ModelRequest, Usage
from chargehand.models.words import Tell
from chargehand.runs import text_store
from chargehand.runs.model import RunEvent, RunText
from chargehand.testing import World, world


def both(old: list[str], new: list[str]) -> list[str]:
    return [*old, *new]


class State(TypedDict, total=False):
    said: Annotated[list[str], both]


async def left(_: State) -> State:
    return {"said": [str((await chat_model("light").ainvoke("left")).text)]}


async def right(_: State) -> State:
    return {"said": [str((await chat_model("light").ainvoke("right")).text)]}


graph = StateGraph(State)
graph.add_node("left", left)
graph.add_node("right", right)
graph.add_edge(START, "left")
graph.add_edge(START, "right")
pair = agent(graph, name="pair", owner="group:test")

single = StateGraph(State)
single.add_node("left", left)
single.add_edge(START, "left")
alone = agent(single, name="alone", owner="group:test")


class FakeModel:
    """Says its words one by one; those who wait for `turn` say theirs in turns. `breaks` fail after their words."""

    def __init__(self, words: dict[str, list[str]], *, breaks: list[list[str]] | None = None) -> None:
        self.words = words
        self.breaks = breaks or []
        self.kept: dict[str, ModelAnswer] = {}
        self.paid = 0

    def tiers(self) -> frozenset[str]:
        return frozenset({"light"})

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
        assert tell is not None
        if request.key in self.kept:
            return self.kept[request.key]
        self.paid += 1
        if self.breaks:
            for word in self.breaks.pop(0):
                tell(word)
            raise Unavailable("it broke off")
        words = self.words[request.step.partition(":")[0]]
        for word in words:
            tell(word)
            await asyncio.sleep(0.15)
        answer = ModelAnswer(message_to_dict(AIMessage("".join(words))), Usage("fake", 1, len(words)))
        self.kept[request.key] = answer
        return answer


async def stream_of(here: World, run: str) -> list[RunEvent | RunText]:
    return [one async for one in here.runs.follow(here.person("amy"), run)]


def by_position(stream: list[RunEvent | RunText]) -> dict[int, list[str | tuple[int, int, str]]]:
    """What the stream tells of each model call, in order: events' kinds and pieces."""
    found: dict[int, list[str | tuple[int, int, str]]] = defaultdict(list)
    for one in stream:
        if isinstance(one, RunText):
            found[one.position].append((one.attempt, one.start, one.text))
        elif one.kind.startswith("model."):
            found[one.data["position"]].append(one.kind)
    return found


async def test_two_models_speak_at_once_and_each_between_its_question_and_its_answer(tmp_path: Path) -> None:
    words = {"left": ["a ", "b ", "c ", "d"], "right": ["1 ", "2 ", "3 ", "4"]}
    async with world(tmp_path, [pair], model=FakeModel(words)) as here:
        run = await here.start("pair", {})
        live = await stream_of(here, run.id)
        again = await stream_of(here, run.id)
        steps = await here.runs.texts(here.person("amy"), run.id)
    assert live == again, "who comes late hears the same"
    told = by_position(live)
    assert len(told) == 2
    for each in told.values():
        assert (each[0], each[-1]) == ("model.asked", "model.answered")
        assert all(isinstance(piece, tuple) for piece in each[1:-1])
        assert len(each) > 3, "in more than one piece"
    assert sorted("".join(str(piece[2]) for piece in each[1:-1]) for each in told.values()) == ["1 2 3 4", "a b c d"]
    order = [one.position for one in live if isinstance(one, RunText)]
    assert order != sorted(order), "they take turns"
    assert sorted(said.words.text for said in steps.values()) == ["1 2 3 4", "a b c d"]


async def test_an_answer_that_broke_off_is_begun_anew(tmp_path: Path) -> None:
    model = FakeModel({"left": ["Dear ", "Li"]}, breaks=[["Hello ", "you"]])
    async with world(tmp_path, [alone], model=model) as here:
        run = await here.start("alone", {})
        await here.end(run.id)
        (told,) = by_position(await stream_of(here, run.id)).values()
    texts = [one for one in told if isinstance(one, tuple)]
    assert told[0] == "model.asked"
    assert told.index("model.retry") > told.index(next(one for one in texts if one[0] == 1))
    assert "".join(text for attempt, _, text in texts if attempt == 1) == "Hello you"
    assert "".join(text for attempt, _, text in texts if attempt == 2) == "Dear Li"
    assert next(start for attempt, start, _ in texts if attempt == 2) == 0


async def test_words_that_could_not_be_written_are_written_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for the first tries: the answer waits for its words, and is paid once."""
    real, failures = text_store.complete, iter([True, True, False])

    def failing(*given: Any) -> None:
        if next(failures, False):
            raise DatabaseUnavailable("away")
        real(*given)

    monkeypatch.setattr(text_store, "begin", lambda *_: (_ for _ in ()).throw(DatabaseUnavailable("away")))
    monkeypatch.setattr(text_store, "complete", failing)
    model = FakeModel({"left": ["Dear ", "Li"]})
    async with world(tmp_path, [alone], model=model) as here:
        run = await here.start("alone", {})
        done = await here.end(run.id)
        (told,) = by_position(await stream_of(here, run.id)).values()
    assert done.result == {"said": ["Dear Li"]}
    assert told == ["model.asked", (1, 0, "Dear Li"), "model.answered"]
    assert model.paid == 1


async def test_a_question_that_is_refused_says_nothing(tmp_path: Path) -> None:
    class Refuses(FakeModel):
        async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
            raise BadInput("no", field="chat_model")

    async with world(tmp_path, [alone], model=Refuses({})) as here:
        run = await here.start("alone", {})
        done = await here.end(run.id)
        assert done.state == "failed"
        assert not [one for one in await stream_of(here, run.id) if isinstance(one, RunText)]
