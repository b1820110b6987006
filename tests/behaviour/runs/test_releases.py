"""Releases that break graph, state, tools and policy strand nothing: each run ends on the release on which it began.

On Temporal's real dev server: the time-skipping one knows no Worker Deployments. Each release is a process of its own.
The short form runs with all tests; `make releases` runs 200 runs through ten releases.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from chargehand import clock
from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.model import ENDED
from chargehand.runs.releases import current, make_current, release_of, releases
from fixtures.company import AMY, Here, company, until
from fixtures.release_worker import WAITS, effects, release, story

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("count", "runs", "timer_seconds"),
    [
        pytest.param(3, 12, 25, id="3-releases"),
        pytest.param(10, 200, 240, id="10-releases", marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
async def test_no_run_is_wedged_and_no_step_runs_on_another_release(
    tmp_path: Path, count: int, runs: int, timer_seconds: int, record_property: pytest.RecordProperty
) -> None:
    began = time.monotonic()
    started: list[tuple[str, str]] = []
    names = itertools.count(1)
    async with company(tmp_path) as here:
        at = clock.now() + timedelta(seconds=timer_seconds)

        async def start(number: int) -> None:
            new = [
                (await here.start(f"job-{next(names)}", wait := WAITS[place % 4], at), wait) for place in range(number)
            ]
            started.extend(new)
            await until(lambda: here.waits([run for run, _ in new]))

        each = runs // count
        for number in range(1, count + 1):
            ramps, comes_back, dies = number % 5 == 2, number % 5 == 3, number in (4, count)
            await here.release(number, share=50 if ramps else 100)
            here.revision = number
            if number == count - 1:
                here.pins.change()  # a tool is reviewed anew while calls of it wait for people
            if comes_back:  # half of its runs, then back to the release before, then on again
                await start(each // 2)
                await make_current(here.client, f"v{number - 1}")
                await start(each - each // 2 - 1)
                await make_current(here.client, f"v{number}")
                await start(1)
            else:
                await start(each)
            if ramps:
                await make_current(here.client, f"v{number}")
            if dies:  # a worker of an old release dies and comes back: it takes nothing over
                here.kill("v1")
                await here.release(1, again=True)
                assert await current(here.client) == f"v{number}"
        shares = {one.name: (one.share, one.open_runs, one.may_stop) for one in await releases(here.client)}
        going = asyncio.create_task(here.all_go())
        await until(lambda: _all_ended(here, started), timer_seconds + 300)
        going.cancel()
        await _check(here, started, record_property)
        await until(lambda: _drained(here))
        states = {one.name: one.may_stop for one in await releases(here.client)}
    assert shares[f"v{count}"][0] == 100
    assert sum(open_ for _, open_, _ in shares.values()) >= len(started) * 3 // 4  # timers may have fired already
    assert states == {f"v{number}": number != count for number in range(1, count + 1)}
    record_property("seconds", round(time.monotonic() - began))


async def test_a_run_stays_on_its_release_through_many_histories(tmp_path: Path) -> None:
    """Going on in a new history is no new start: not even while the release that takes new runs does not fit it."""
    async with company(tmp_path) as here:
        here.runs.history_events = 12  # so that it goes on in a new history after almost each step
        await here.release(1)
        at = clock.now() + timedelta(seconds=20)
        started = [(await here.start(f"job-{wait}", wait, at), wait) for wait in WAITS]
        await until(lambda: here.waits([run for run, _ in started]))
        before = {run: len(await _histories(here, run)) for run, _ in started}
        await here.release(2)
        assert await current(here.client) == "v2"
        newer = await here.start("job-newer", "person", at)
        going = asyncio.create_task(here.all_go())
        await until(lambda: _all_ended(here, [*started, (newer, "person")]), 120)
        going.cancel()
        for run, wait in started:
            detail = await here.runs.get(AMY, run)
            assert detail.state == "succeeded", detail
            assert detail.result["log_1"] == story(1, wait)
            assert detail.agent_version == "version-1"
            on = await _histories(here, run)
            assert 1 < before[run] < len(on), "it goes on in new histories before its wait, and after"
            assert set(on) == {"v1"}
        assert (await here.runs.get(AMY, newer)).agent_version == "version-2"
        assert len(here.lab.effects) == len(set(here.lab.effects))


async def _histories(here: Here, run: str) -> list[str]:
    """The release of each history of a run, as Temporal has it."""
    found: list[str] = []
    async for one in here.client.list_workflows(f"WorkflowId = '{run}'"):
        described = await here.client.get_workflow_handle(run, run_id=one.run_id).describe()
        info = described.raw_description.workflow_execution_info.versioning_info
        found.append(info.deployment_version.build_id)
    return found


async def _all_ended(here: Here, started: list[tuple[str, str]]) -> bool:
    return all([(await here.runs.get(AMY, run)).state in ENDED for run, _ in started])


async def _drained(here: Here) -> bool:
    return not any(one.open_runs for one in await releases(here.client))


async def _check(here: Here, started: list[tuple[str, str]], record_property: pytest.RecordProperty) -> None:
    """Each run wrote down one release only, in that release's own words, and had its effects once."""
    on: Counter[str] = Counter()
    refused = 0
    expected = 0
    for run, wait in started:
        detail = await here.runs.get(AMY, run)
        assert detail.state == "succeeded", detail
        (log,) = [value for name, value in detail.result.items() if name.startswith("log_")]
        number = int(log[0].partition(":")[0])
        on[f"v{number}"] += 1
        said = [line.replace("approval denied", "approval succeeded") for line in log]
        assert said == story(number, wait), log
        refused += said != log
        expected += effects(number, wait) - (said != log)
        assert detail.agent_version == f"version-{number}"
        events = await here.runs.events(AMY, run, limit=1000)
        assert events[0].data["version"] == f"version-{number}"
        assert [event.seq for event in events] == list(range(1, detail.events + 1))
    assert len(here.lab.effects) == len(set(here.lab.effects)) == expected
    figures = {"runs": len(started), "on": dict(on), "refused_after_review": refused, "effects": expected}
    record_property("figures", figures)
    print(json.dumps(figures))  # `make releases` shows it


def test_a_release_is_what_its_agents_are() -> None:
    one, other = AgentCatalog([release(1)]), AgentCatalog([release(2)])
    assert release_of(one) == release_of(AgentCatalog([release(1)]))
    assert release_of(one) != release_of(other)
