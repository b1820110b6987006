"""Runs that went on in several histories replay on today's code, for ever: what was carried then is understood now."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.replay import replay
from chargehand.testing import world
from fixtures.agents_long import in_functions, in_subgraph, looping
from fixtures.histories import histories

HISTORIES = Path(__file__).parent / "histories"
AGENTS = {"looping": looping, "in-subgraph": in_subgraph, "in-functions": in_functions}
EVENTS = 12


def doubled(x: int) -> dict[str, int]:
    return {"value": x * 2}


@pytest.mark.parametrize("number", [1, 2], ids=["first", "second"])
@pytest.mark.parametrize("name", sorted(AGENTS))
async def test_a_history_that_was_left_or_taken_up_replays(
    tmp_path: Path, name: str, number: int, request: pytest.FixtureRequest
) -> None:
    stored = HISTORIES / f"carried-{name}-{number}.json"
    if request.config.getoption("--record", default=False):
        stored.write_text(await record(tmp_path, name, number), encoding="utf-8")
    catalog = AgentCatalog([AGENTS[name]()])
    assert await replay(catalog, name, stored.read_text(encoding="utf-8")) == ""


async def record(folder: Path, name: str, number: int) -> str:
    async with world(folder, [AGENTS[name]()], tools={"lab.add": doubled}) as here:
        here.runs.history_events = EVENTS
        run = await here.start(name, {"until": 6})
        await here.end(run.id)
        return (await histories(here, run.id))[number - 1].to_json()
