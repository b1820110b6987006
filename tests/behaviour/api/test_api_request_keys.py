"""A request key is its sender's: by it nobody is shown a run of another, or forestalls what starts by itself."""

from __future__ import annotations

import httpx
import pytest

START = {"agent": "complaint-resolution", "input": {"text": "The pump is broken."}}


async def test_the_key_of_somebody_else_shows_nothing(amy: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    run = (await amy.post("/api/runs", json={**START, "key": "SO-1042"})).json()["id"]
    assert (await amy.post("/api/runs", json={**START, "key": "SO-1042"})).json()["id"] == run
    answer = await li.post("/api/runs", json={**START, "key": "SO-1042"})
    assert (answer.status_code, run in answer.text) == (409, False)
    rows = {"agent": START["agent"], "rows": [START["input"]], "key": "SO-1042"}
    (run,) = (await amy.post("/api/runs/batch", json=rows)).json()["runs"]
    answer = await li.post("/api/runs/batch", json=rows)
    assert (answer.status_code, run in answer.text) == (409, False)


@pytest.mark.parametrize("taken", ["schedule:sch_1:2026-12-01T08:00:00Z", "hook:hook_1:m", "child:0a", "retry:r"])
async def test_what_starts_by_itself_can_not_be_forestalled(amy: httpx.AsyncClient, taken: str) -> None:
    for path, more in (("/api/runs", START), ("/api/runs/batch", {"agent": START["agent"], "rows": [START["input"]]})):
        answer = await amy.post(path, json={**more, "key": taken})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "key"
    assert (await amy.get("/api/runs")).json()["items"] == []
