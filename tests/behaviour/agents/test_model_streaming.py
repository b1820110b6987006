"""Words of a model as they come, from endpoints that know little or much of streaming (fakes, named so)."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, message_to_dict

from chargehand.database import Database
from chargehand.errors import BadInput, Unavailable
from chargehand.models import streaming
from chargehand.models.model import Limits, ModelRequest
from chargehand.models.provider import Models
from chargehand.models.words import text_of
from chargehand.settings import Settings
from fixtures.model_vendor import FakeVendor, vendor

SHAPE = {
    "type": "json_schema",
    "json_schema": {"name": "A", "strict": True, "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
}


@pytest.fixture
def there() -> Generator[FakeVendor]:
    with vendor() as made:
        yield made


@pytest.fixture
def db(tmp_path: Path) -> Generator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'm.db'}")
    made.create_schema()
    yield made
    made.close()


def request(key: str = "k", **changes: Any) -> ModelRequest:
    given: dict[str, Any] = {name: name for name in ("tenant", "run", "agent", "principal", "step")}
    messages = [message_to_dict(HumanMessage("hi"))]
    return ModelRequest(**{**given, "key": key, "tier": "light", "messages": messages, **changes})


def models(there: FakeVendor, db: Database | None = None, **changes: Any) -> Models:
    prices = {"model_price_in": Decimal(2), "model_price_out": Decimal(6)}
    return Models.from_settings(Settings(model_base_url=there.url, model_name="tiny", **prices, **changes), db)


@pytest.mark.parametrize("shape", [None, SHAPE], ids=["text", "structured"])
async def test_words_are_heard_as_they_come_and_the_answer_is_whole(there: FakeVendor, shape: Any) -> None:
    there.words = lambda _: ['{"a":', ' "b', 'c"}']
    heard: list[str] = []
    answer = await models(there).ask(request(response_format=shape), heard.append)
    assert heard == ['{"a":', ' "b', 'c"}']
    assert text_of(answer.message) == '{"a": "bc"}'
    assert answer.message["type"] == "ai", "what agents get is a message, not a piece of one"
    assert (answer.usage.tokens_in, answer.usage.tokens_out) == (1000, 500)
    assert len(there.asked) == 1


async def test_a_kept_answer_is_not_told_again(there: FakeVendor, db: Database) -> None:
    heard: list[str] = []
    for _ in range(2):
        await models(there, db).ask(request(), heard.append)
    assert heard == ["Hel", "lo"]


async def test_usage_that_is_told_with_every_piece_is_counted_once(there: FakeVendor) -> None:
    there.counts = "every"
    answer = await models(there).ask(request())
    assert answer.usage.tokens_out == 500


async def test_where_nothing_is_counted_a_budget_takes_what_was_reserved(there: FakeVendor, db: Database) -> None:
    there.counts = "never"
    matrix, limits = models(there, db), Limits(tokens=1000)
    answer = await matrix.ask(request("one", limits=limits))
    assert answer.usage.tokens_in > 10
    assert answer.usage.tokens_in + answer.usage.tokens_out == 1000
    assert answer.usage.cost
    with pytest.raises(BadInput, match=r"budget\.tokens"):
        await matrix.ask(request("two", limits=limits))


async def test_where_nothing_is_counted_or_limited_the_size_is_taken(there: FakeVendor) -> None:
    there.counts = "never"
    there.words = lambda _: ["word " * 30]
    answer = await models(there).ask(request())
    assert answer.usage.tokens_out == 50


@pytest.mark.parametrize(
    ("refused", "then"), [("stream_options", {"stream": True}), ("stream", {"stream": False})], ids=["usage", "stream"]
)
async def test_an_endpoint_that_refuses_to_stream_is_asked_otherwise_and_remembered(
    there: FakeVendor, refused: str, then: dict[str, Any]
) -> None:
    there.refuses = refused
    matrix, heard = models(there), list[str]()
    answer = await matrix.ask(request("one"), heard.append)
    assert "".join(heard) == text_of(answer.message) == "Hello"
    await matrix.ask(request("two"))
    assert len(there.asked) == 3, "it is asked in vain once"
    assert then.items() <= there.asked[1].items()
    assert "stream_options" not in there.asked[1]
    assert "stream_options" not in there.asked[2]


@pytest.mark.parametrize("shape", [None, SHAPE], ids=["text", "structured"])
async def test_an_endpoint_that_answers_in_one_whatever_it_is_asked(there: FakeVendor, shape: Any) -> None:
    there.streams = False
    there.words = lambda _: ['{"a": "b"}']
    matrix, heard = models(there), list[str]()
    for key in ("one", "two"):
        await matrix.ask(request(key, response_format=shape), heard.append)
    assert heard == ['{"a": "b"}'] * 2
    assert [bool(one["stream"]) for one in there.asked] == [True, False, False]


async def test_streaming_can_be_switched_off(there: FakeVendor) -> None:
    heard: list[str] = []
    await models(there, model_stream=False).ask(request(), heard.append)
    assert heard == ["Hello"]
    assert not there.asked[0]["stream"]


@pytest.mark.parametrize(
    ("ends", "error"),
    [("cut", Unavailable), ("unfinished", Unavailable), ("error:503", Unavailable), ("error:400", BadInput)],
)
async def test_an_answer_that_breaks_off_is_not_kept(
    there: FakeVendor, db: Database, ends: str, error: type[Exception]
) -> None:
    there.ends = ends
    heard: list[str] = []
    with pytest.raises(error):
        await models(there, db).ask(request(), heard.append)
    assert heard == ["Hel", "lo"]
    assert len(there.asked) == 1, "asking again is the workflow's business"
    there.ends = "stop"
    answer = await models(there, db).ask(request(), heard.append)
    assert text_of(answer.message) == "Hello"


async def test_other_refusals_are_no_reason_to_ask_otherwise(there: FakeVendor) -> None:
    there.status = 400
    with pytest.raises(BadInput, match="400"):
        await models(there).ask(request())
    assert len(there.asked) == 1


async def test_half_characters_are_joined_in_what_is_kept(there: FakeVendor, db: Database) -> None:
    there.words = lambda _: ["a \ud83d", "\ude00 b\ud83d"]
    answer = await models(there, db).ask(request())
    assert text_of(answer.message) == "a \N{GRINNING FACE} b\N{REPLACEMENT CHARACTER}"
    again = await models(there, db).ask(request())
    assert again.message["data"]["content"] == answer.message["data"]["content"]


async def test_an_answer_that_drips_for_ever_ends(there: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steadily enough that no silence ends it."""
    monkeypatch.setattr(streaming, "LONGEST_SECONDS", 0.5)
    there.pause = 0.1
    there.words = lambda _: ["again "] * 100
    with pytest.raises(Unavailable):
        await models(there).ask(request())
