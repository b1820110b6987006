"""kill -9 of the gateway worker while a model answers: the stream goes on after the restart, without gap or repeat.

The vendor is a fake one, named so, that says other words each time that it is asked.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chargehand.runs.following import place_of
from chargehand.runs.model import RunEvent, RunText
from fixtures.crash_stack import AMY, PATIENCE_SECONDS, kill_gateway, stack
from fixtures.model_vendor import FakeVendor, vendor

pytestmark = pytest.mark.stack

WORDS = 30


def speaks(there: FakeVendor) -> None:
    there.pause = 0.05
    there.words = lambda _: [f"{len(there.asked)}.{number} " for number in range(WORDS)]


def said(asked: int) -> str:
    return "".join(f"{asked}.{number} " for number in range(WORDS))


async def test_killed_in_mid_answer_the_words_begin_anew_and_no_event_is_lost(tmp_path: Path) -> None:
    with vendor() as there:
        speaks(there)
        model = {"CHARGEHAND_MODEL_BASE_URL": there.url, "CHARGEHAND_MODEL_NAME": "fake"}
        async with stack(tmp_path, **model) as (made, runs, _):
            run = (await runs.start(AMY, "speaker", {"name": "job"})).id
            live: list[RunEvent | RunText] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for one in runs.follow(AMY, run):
                    live.append(one)
                    if isinstance(one, RunText) and one.attempt == 1 and one.start > 20:
                        await asyncio.to_thread(kill_gateway, made, **model)
                        break
                after = place_of(live[-1])  # as a client resumes
                live += [one async for one in runs.follow(AMY, run, after=after)]
            again = [one async for one in runs.follow(AMY, run)]
            result = (await runs.get(AMY, run)).result
    assert live == again, "who stayed has heard what who comes late hears"
    assert [one.seq for one in live if isinstance(one, RunEvent)] == list(
        range(1, 1 + sum(isinstance(one, RunEvent) for one in live))
    )
    told = [one for one in live if isinstance(one, RunText)]
    attempts = sorted({one.attempt for one in told})
    assert len(attempts) == 2
    for attempt in attempts:
        pieces = [one for one in told if one.attempt == attempt]
        assert [one.start for one in pieces] == [len("".join(p.text for p in pieces[:n])) for n in range(len(pieces))]
    first, second = ("".join(one.text for one in told if one.attempt == attempt) for attempt in attempts)
    assert said(1).startswith(first)
    assert second == said(2) == result["log"][0]
    assert len(there.asked) == 2, "the answer that nobody got to the end of is asked again; the other one is paid once"
    kinds = [one.kind if isinstance(one, RunEvent) else "text" for one in live]
    assert kinds.index("model.asked") < kinds.index("text")
    assert len(kinds) - 1 - kinds[::-1].index("text") < kinds.index("model.answered")


@pytest.mark.slow
async def test_killed_at_random_every_answer_is_told_whole(tmp_path: Path) -> None:
    with vendor() as there:
        speaks(there)
        model = {"CHARGEHAND_MODEL_BASE_URL": there.url, "CHARGEHAND_MODEL_NAME": "fake"}
        async with stack(tmp_path, **model) as (made, runs, _):
            ids = [(await runs.start(AMY, "speaker", {"name": f"job-{n}"}, request_key=f"k{n}")).id for n in range(4)]
            streams = [asyncio.create_task(_all(runs, one)) for one in ids]
            for _ in range(4):
                await asyncio.sleep(random.uniform(0.6, 2.0))
                await asyncio.to_thread(kill_gateway, made, **model)
            async with asyncio.timeout(PATIENCE_SECONDS):
                live = await asyncio.gather(*streams)
            results = [(await runs.get(AMY, one)).result for one in ids]
        with closing(sqlite3.connect(made.folder / "chargehand.db")) as kept:
            answers = kept.execute("SELECT count(*) FROM model_call").fetchone()[0]
    assert answers == len(ids)
    for stream, result in zip(live, results, strict=True):
        told = [one for one in stream if isinstance(one, RunText)]
        last = max(one.attempt for one in told)
        assert "".join(one.text for one in told if one.attempt == last) == result["log"][0]
        for attempt in {one.attempt for one in told}:
            length = 0
            for one in told:
                if one.attempt == attempt:
                    assert one.start == length
                    length += len(one.text)


async def _all(runs: object, run: str) -> list[RunEvent | RunText]:
    return [one async for one in runs.follow(AMY, run)]  # type: ignore[attr-defined]  # a RunService
