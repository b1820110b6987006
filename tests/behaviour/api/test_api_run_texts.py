"""What models write, over HTTP: in the run's stream at its place, resumed at any id, and only for who may see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from chargehand import clock
from chargehand.cli.client import parse_events
from chargehand.database import Database
from chargehand.runs import store, text_store
from chargehand.runs.text_store import Call, Words

WORDS = ("Dear ", "Li \N{GRINNING FACE}", " Wei")


@dataclass(frozen=True)
class Told:
    id: str
    name: str
    data: dict[str, Any]


async def stream(client: httpx.AsyncClient, run: str, after: str = "") -> list[Told]:
    headers = {"last-event-id": after} if after else {}
    answer = await client.get(f"/api/runs/{run}/events", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return [
        Told(one.id, one.name, one.data) for one in parse_events(iter(answer.text.splitlines())) if one.name != "end"
    ]


@pytest.fixture
async def run(amy: httpx.AsyncClient, db: Database) -> str:
    """A run of amy's that has ended: two models were asked at once, and one of them twice."""
    body = {"agent": "complaint-resolution", "input": {"text": "broken"}}
    made = (await amy.post("/api/runs", json=body)).json()["id"]

    def tell(seq: int, kind: str, **data: Any) -> None:
        at = clock.iso(clock.now())
        event = {"seq": seq, "at": at, "kind": kind, "step": "assess", "data": json.dumps(data)}

        def unit(tx: Any) -> None:
            store.add_events(tx, "demo", made, [event])
            store.stand(tx, made, seq=seq, state="running", waiting="[]")

        db.write_now(unit)

    def say(position: int, *words: str) -> None:
        call = Call("demo", made, position, "assess", 2)
        end = db.write_now(lambda tx: text_store.begin(tx, call, Words(words[0])))
        for word in words[1:]:
            assert end is not None
            end = db.write_now(lambda tx, end=end, word=word: text_store.go_on(tx, call, end, Words(word)))

    tell(1, "model.asked", tier="light", position=1)
    tell(2, "model.asked", tier="light", position=2)
    say(1, "Hello you")
    say(2, "other")
    tell(3, "model.retry", position=1, why="it broke off")
    say(1, *WORDS)
    tell(4, "model.answered", position=1, tokens_in=1, tokens_out=3, model="tiny")
    tell(5, "model.answered", position=2, tokens_in=1, tokens_out=3, model="tiny")
    tell(6, "run.succeeded")
    db.write_now(lambda tx: store.set_state(tx, made, "succeeded", of=("running",), ended_at=clock.iso(clock.now())))
    return made


async def test_texts_stand_where_they_were_written(amy: httpx.AsyncClient, run: str) -> None:
    told = await stream(amy, run)
    assert [one.id for one in told] == ["1", "2", "2.1", "2.2", "3", "3.1", "3.2", "3.3", "4", "5", "6"]
    texts = [one.data for one in told if one.name == "text"]
    assert [(one["position"], one["attempt"], one["offset"], one["text"]) for one in texts] == [
        (1, 1, 0, "Hello you"), (2, 1, 0, "other"), (1, 2, 0, "Dear "), (1, 2, 5, WORDS[1]), (1, 2, 9, " Wei"),
    ]  # fmt: skip
    asked = next(one for one in told if one.id == "1")
    assert asked.data["step"]["position"] == 1


async def test_it_resumes_at_every_id_with_exactly_the_rest(amy: httpx.AsyncClient, run: str) -> None:
    whole = await stream(amy, run)
    for index, one in enumerate(whole):
        rest = await stream(amy, run, one.id)
        assert [each.id for each in rest] == [each.id for each in whole[index + 1 :]]
        assert [each.data for each in rest] == [each.data for each in whole[index + 1 :]]


@pytest.mark.parametrize("place", ["x", "-1", "1.", "1.2.3", "9" * 30, "\u0661"])
async def test_what_is_no_place_is_refused(amy: httpx.AsyncClient, run: str, place: str) -> None:
    answer = await amy.get(f"/api/runs/{run}/events", headers={"last-event-id": place.encode()})
    assert answer.status_code == 422, answer.text


async def test_who_may_not_see_what_a_run_is_about_sees_no_words(
    amy: httpx.AsyncClient, li: httpx.AsyncClient, root: httpx.AsyncClient, run: str
) -> None:
    """An administrator reads runs and no payloads; an approver reads both."""
    for client, sees in ((amy, True), (li, True), (root, False)):
        told = [one.data for one in await stream(client, run) if one.name == "text"]
        assert len(told) == 5
        assert any(one["text"] for one in told) is sees
        steps = (await client.get(f"/api/runs/{run}/steps")).json()["items"]
        assert any(step["text"] for step in steps) is sees
        if not sees:
            everything = json.dumps([told, steps])
            assert not [word for word in ("Dear", "Hello", "other") if word in everything]


async def test_the_story_holds_the_newest_attempt(amy: httpx.AsyncClient, run: str) -> None:
    steps = (await amy.get(f"/api/runs/{run}/steps")).json()["items"]
    texts = {step["position"]: step["text"] for step in steps if step["kind"] == "model"}
    assert texts[1] == {"attempt": 2, "text": "".join(WORDS), "left_out": 0}
    assert texts[2]["text"] == "other"
    assert [step["text"] for step in steps if step["kind"] != "model"] == [None]
