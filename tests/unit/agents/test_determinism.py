"""The same run gives the same ids and the same order, whatever the process: what the pinned langgraph is patched for.

When this fails after an update of langgraph, see agents/determinism.py and docs/decisions/0061.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID

from langgraph.graph import START, MessagesState, StateGraph

from chargehand import agent
from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.execution import execute
from chargehand.agents.ledger import Ledger

SEED = 7


class FakeRuntime:
    """A fake runtime whose random ids come from a seed; it keeps what is recorded."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.told: list[tuple[str, str, Any]] = []
        self._random = random.Random(SEED)

    def uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def leaves(self) -> bool:
        return False

    def record(self, kind: str, data: Any, *, step: str) -> None:
        self.told.append((kind, step, data.get("task")))


def says(name: str, ticks: int) -> Any:
    async def node(state: MessagesState) -> dict[str, Any]:
        for _ in range(ticks):
            await asyncio.sleep(0)
        return {"messages": [{"role": "assistant", "content": name}]}

    return node


def fan() -> Any:
    graph = StateGraph(MessagesState)
    for number, name in enumerate("abcdefgh"):
        graph.add_node(name, says(name, number % 3))
        graph.add_edge(START, name)
    return graph


async def once() -> tuple[Any, list[Any]]:
    runtime = FakeRuntime()
    spec = agent(fan(), name="fan", owner="group:x")

    async def nobody(_: Any) -> dict[str, Any]:
        return {}

    given = {"messages": [{"role": "user", "content": "go"}]}
    graph = RunCheckpointer(runtime.ledger)
    return await asyncio.create_task(execute(spec, given, runtime, nobody, graph)), runtime.told  # pyright: ignore[reportArgumentType]


async def test_ids_of_messages_and_tasks_and_their_order_are_the_same_every_time() -> None:
    runs = [await once() for _ in range(5)]
    assert all(run == runs[0] for run in runs)
    ids = [message["id"] for message in runs[0][0]["messages"]]
    assert len(set(ids)) == len(ids) == 9


async def test_outside_of_a_run_nothing_is_changed() -> None:
    graph = fan().compile()
    given = {"messages": [{"role": "user", "content": "go"}]}
    one, two = [await graph.ainvoke(given) for _ in range(2)]
    assert {m.id for m in one["messages"]}.isdisjoint(m.id for m in two["messages"])
