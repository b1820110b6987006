"""What is too large says so by name, and what is kept aside for a run goes with its histories, not before."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from temporalio.service import RPCError, RPCStatusCode
from typing_extensions import TypedDict

from chargehand import agent, call, io_node
from chargehand.runs import activities, node_activity, sizes, sweeping
from chargehand.runs.blobs import BlobFolder
from chargehand.settings import load
from chargehand.testing import world
from chargehand.worker.local import local_temporal
from fixtures.agents_long import TOOLS, page

LIMIT = 2_000_000


class State(TypedDict, total=False):
    number: int
    text: str


@io_node
def big_node(state: State) -> dict[str, str]:
    return {"text": "x" * state.get("number", 0)}


async def read(state: State) -> State:
    return {"text": f"{len((await call(page, number=state.get('number', 0))).text)}"}


def reader(node: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("read", node)
    graph.add_edge(START, "read")
    return agent(graph, name="reader", owner="group:x", tools=TOOLS)


def pages(number: int) -> dict[str, str]:
    return {"text": "x" * number}


@pytest.mark.parametrize(("node", "name"), [(read, "lab.page"), (big_node, "big_node")], ids=["tool", "node"])
async def test_a_result_over_the_limit_ends_the_run_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: Any, name: str
) -> None:
    given = load().model_copy(update={"largest_value": LIMIT})
    monkeypatch.setattr(activities, "settings", lambda: given)
    monkeypatch.setattr(node_activity, "settings", lambda: given)
    key, blobs = os.urandom(32), BlobFolder(tmp_path / "blobs")
    async with (
        local_temporal(key=key, blobs=blobs) as temporal,
        world(tmp_path, [reader(node)], tools={"lab.page": pages}, temporal=temporal) as here,
    ):
        small = await here.end((await here.start("reader", {"number": LIMIT - 1000})).id)
        large = await here.end((await here.start("reader", {"number": LIMIT + 1})).id)
        settled = [one.data for one in await here.events(large.id) if one.kind == "call.settled"]
    assert small.state == "succeeded", small.failure
    assert large.state == "failed"
    assert large.failure is not None
    assert f"{LIMIT} is the most" in large.failure.detail
    assert name in large.failure.detail
    assert [one["state"] for one in settled] == (["succeeded"] if node is read else [])


def test_a_story_outlines_what_is_too_large_to_be_told() -> None:
    large = "x" * 100_000
    assert sizes.told({"tool": "a.b", "value": large, "n": 1}) == {
        "tool": "a.b",
        "value": {"left_out_bytes": 100_002},
        "n": 1,
    }
    assert sizes.told({"value": "x" * 1000}) == {"value": "x" * 1000}


class Forgetful:
    """A fake client of Temporal: it knows the histories of some runs, or answers nothing clear."""

    def __init__(self, *known: str, error: RPCStatusCode = RPCStatusCode.NOT_FOUND) -> None:
        self.known = known
        self.error = error

    def get_workflow_handle(self, run: str) -> Any:
        client = self

        class Handle:
            async def describe(self) -> None:
                if run not in client.known:
                    raise RPCError("no", client.error, b"")

        return Handle()


async def test_parts_go_when_the_history_is_gone_and_the_run_has_ended(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path / "blobs")
    async with world(tmp_path, [reader(read)], tools={"lab.page": pages}) as here:
        ended = (await here.end((await here.start("reader", {"number": 3})).id)).id
        kept = (await here.end((await here.start("reader", {"number": 3})).id)).id
        open_run = "run_01AAAAAAAAAAAAAAAAAAAAAAAA"
        young, unknown = "run_01YYYYYYYYYYYYYYYYYYYYYYYY", "run_01ZZZZZZZZZZZZZZZZZZZZZZZZ"
        row = await here.db.read(lambda connection: sweeping.store.find_run(connection, ended))
        assert row is not None
        copied = {**row, "id": open_run, "request_key": open_run, "state": "waiting"}
        await here.db.write(lambda tx: sweeping.store.insert_ignore(tx.connection, sweeping.store.RUN, [copied]))
        for run in (ended, kept, open_run, unknown):
            blobs.put(run, [("ab" * 32, b"x")])
        old = time.time() - 2 * timedelta(days=1).total_seconds()
        for run, _ in blobs.runs():
            os.utime(blobs.root / run[-2:].lower() / run, (old, old))
        blobs.put(young, [("ab" * 32, b"x")])
        client: Any = Forgetful(kept)
        assert await sweeping.sweep(here.db, client, blobs) == 2
        assert {run for run, _ in blobs.runs()} == {kept, open_run, young}
        unclear: Any = Forgetful(error=RPCStatusCode.UNAVAILABLE)
        with pytest.raises(RPCError):
            await sweeping.sweep(here.db, unclear, blobs)
        assert {run for run, _ in blobs.runs()} == {kept, open_run, young}
