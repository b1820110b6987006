"""Temporal's own database holds no business data: not in inputs, results, notes, questions or errors."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, note
from chargehand.testing import world
from chargehand.worker.local import local_temporal

SECRET = "Ms-Novak-owes-1280"


class State(TypedDict, total=False):
    text: str


async def node(state: State) -> State:
    note(f"about {state['text']}")
    if state["text"].endswith("fail"):
        raise ValueError(state["text"])
    return {"text": state["text"] + "!"}


graph = StateGraph(State)
graph.add_node("node", node)
graph.add_edge(START, "node")
talker = agent(graph, name="talker", owner="group:x")


@pytest.mark.parametrize("text", [SECRET, f"{SECRET}-fail"], ids=["ok", "fails"])
async def test_nothing_readable_is_stored(tmp_path: Path, text: str) -> None:
    async with local_temporal(key=os.urandom(32)) as temporal, world(tmp_path, [talker], temporal=temporal) as here:
        run = await here.start("talker", {"text": text})
        done = await here.end(run.id)
        stored = await temporal.history(run.id)
    assert done.state == ("failed" if text.endswith("fail") else "succeeded")
    assert SECRET not in _plain(stored)


async def test_without_a_key_it_would_be_readable(tmp_path: Path) -> None:
    async with world(tmp_path, [talker]) as here:
        run = await here.start("talker", {"text": SECRET})
        await here.end(run.id)
        assert SECRET in str(_plain(await here.temporal.history(run.id)))


def _plain(history: str) -> str:
    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in texts(one)]
        if isinstance(value, list):
            return [text for one in value for text in texts(one)]
        try:
            return [base64.b64decode(str(value), validate=True).decode(errors="replace")]
        except ValueError:
            return [str(value)]

    return " ".join(texts(json.loads(history)))
