"""What comes from outside and can't be kept is refused by name, and starts or sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, wait_for
from chargehand.errors import BadInput
from chargehand.runs import sizes
from chargehand.runs.triggers import batches
from chargehand.testing import world


class State(TypedDict, total=False):
    n: int
    text: str
    came: Any


async def waits(state: State) -> State:
    return {"came": await wait_for("goods.arrived")}


def waiter() -> Any:
    graph = StateGraph(State)
    graph.add_node(waits)
    graph.add_edge(START, "waits")
    return agent(graph, name="waiter", owner="group:lab")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"text": "half \ud800"}, r"input\.text"),
        ({"n": 10**30}, r"input\.n"),
        ({"more": float("nan")}, r"input\.more"),
        ({"more": {"\udfff": 1}}, r"input\.more"),
        ({"text": "x" * 2_000}, "2011 bytes"),
    ],
)
async def test_an_input_that_nobody_can_keep_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, field: str
) -> None:
    monkeypatch.setattr(sizes, "LARGEST_PASSED_BYTES", 1_000)
    async with world(tmp_path, [waiter()]) as here:
        with pytest.raises(BadInput, match=field):
            await here.start("waiter", value)
        assert (await here.runs.list(here.person("amy"))).items == ()


async def test_an_event_that_nobody_can_keep_is_not_sent(tmp_path: Path) -> None:
    async with world(tmp_path, [waiter()]) as here:
        run = await here.start("waiter", {})
        amy = here.person("amy")
        for name, payload in (("", 1), ("x" * 101, 1), ("\ud800", 1), ("goods.arrived", float("inf")), ("a", "\ud800")):
            with pytest.raises(BadInput):
                await here.runs.send(amy, run.id, name, payload)
        assert [one for one in await here.log(run.id) if one.detail.get("event") == "event_sent"] == []
        await here.runs.send(amy, run.id, "goods.arrived", {"at": "the gate", "日本": "\U0001f600"})
        assert (await here.end(run.id)).result == {"came": {"at": "the gate", "日本": "\U0001f600"}}


async def test_rows_that_nobody_can_keep_start_nothing_and_are_named_when_they_are_checked(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "whole"}, {"more": [float("nan")]}, {"text": "half \ud800"}, {"n": 10**30}]
    async with world(tmp_path, [waiter()]) as here:
        found = batches.check_rows(here.agents.find("waiter"), rows)
        assert [(one.row, one.field) for one in found] == [(1, "more.0"), (2, "text"), (3, "n")]
        assert found[0].detail == "a number is finite"
        for row in rows[1:]:
            with pytest.raises(BadInput, match=r"rows\.1\."):
                await batches.start_rows(here.runs, here.person("amy"), "waiter", [rows[0], row], "key")
        assert (await here.runs.list(here.person("amy"))).items == ()
