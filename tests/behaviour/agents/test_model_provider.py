"""The model matrix against an OpenAI-compatible endpoint: a fake one, named so, that speaks the real wire format."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, message_to_dict
from pydantic import SecretStr

from chargehand.database import Database
from chargehand.errors import BadInput, Unavailable
from chargehand.models.model import Limits, ModelRequest
from chargehand.models.provider import Models
from chargehand.settings import Settings
from fixtures.model_vendor import vendor

endpoint = vendor


def request(key: str = "k", **changes: Any) -> ModelRequest:
    given: dict[str, Any] = {
        "tenant": "demo",
        "run": "run_1",
        "key": key,
        "agent": "a",
        "principal": "person:amy",
        "step": "s",
        "tier": "light",
        "messages": [message_to_dict(HumanMessage("hi"))],
    }
    return ModelRequest(**{**given, **changes})


def models(url: str, db: Database | None = None, **changes: Any) -> Models:
    given = Settings(
        model_base_url=url,
        model_name="tiny",
        model_api_key=SecretStr("s3cret"),
        model_price_in=Decimal(2),
        model_price_out=Decimal(6),
        **changes,
    )
    return Models.from_settings(given, db)


@pytest.fixture
def db(tmp_path: Path) -> Generator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'm.db'}")
    made.create_schema()
    yield made
    made.close()


async def test_it_asks_the_configured_model_and_knows_what_that_costs(db: Database) -> None:
    with endpoint() as there:
        answer = await models(there.url, db).ask(request())
    assert answer.message["data"]["content"] == "Hello"
    assert answer.usage.cost == Decimal("0.005")
    assert there.asked[0]["model"] == "tiny"
    assert there.asked[0]["authorization"] == "Bearer s3cret"


async def test_the_same_key_pays_once(db: Database) -> None:
    with endpoint() as there:
        for _ in range(2):
            matrix = models(there.url, db)
            answer = await matrix.ask(request())
        assert len(there.asked) == 1
    assert answer.usage.tokens_out == 500


async def test_a_budget_of_tokens_stops_before_it_is_passed(db: Database) -> None:
    with endpoint() as there:
        matrix = models(there.url, db)
        limits = Limits(tokens=1560)
        await matrix.ask(request("one", limits=limits))
        assert 1400 < there.asked[0]["max_completion_tokens"] < 1560, "the answer is no longer than the budget has room"
        with pytest.raises(BadInput, match=r"budget\.tokens"):
            await matrix.ask(request("two", limits=limits))
        assert len(there.asked) == 1


async def test_a_budget_of_calls_counts_what_was_asked(db: Database) -> None:
    with endpoint() as there:
        matrix = models(there.url, db)
        await matrix.ask(request("one", limits=Limits(calls=1)))
        await matrix.ask(request("one", limits=Limits(calls=1)))  # the same question: its answer is kept
        with pytest.raises(BadInput, match=r"budget\.model_calls"):
            await matrix.ask(request("two", limits=Limits(calls=1)))
        await matrix.ask(request("three", run="run_2", limits=Limits(calls=1)))
        assert len(there.asked) == 2


async def test_a_budget_of_money_reserves_the_answer_too(db: Database) -> None:
    with endpoint() as there:
        matrix = models(there.url, db)
        limits = Limits(cost=Decimal("0.006"))
        answer = await matrix.ask(request("one", limits=limits))
        assert answer.usage.cost == Decimal("0.005")
        assert there.asked[0]["max_completion_tokens"] < 1000, "six dollars a million: 0.006 USD buys 1,000 tokens"
        await matrix.ask(request("two", limits=limits))  # 0.001 USD left: a shorter answer
        assert there.asked[1]["max_completion_tokens"] < 170
        with pytest.raises(BadInput, match=r"budget\.cost"):
            await matrix.ask(request("three", limits=limits))


async def test_money_can_not_be_kept_to_where_no_price_is_known(db: Database) -> None:
    with endpoint() as there:
        given = Settings(model_base_url=there.url, model_name="tiny")
        with pytest.raises(BadInput, match="no price is known"):
            await Models.from_settings(given, db).ask(request(limits=Limits(cost=Decimal(1))))
        assert there.asked == []


async def test_questions_at_once_do_not_pass_a_budget_together(db: Database) -> None:
    with endpoint() as there:
        matrix = models(there.url, db)
        limits = Limits(calls=3, tokens=1_000_000)
        asked = [matrix.ask(request(f"k{n}", limits=limits)) for n in range(10)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, BadInput) for answer in answers) == 7
        assert len(there.asked) == 3


async def test_what_the_endpoint_refused_is_free_again(db: Database) -> None:
    with endpoint() as there:
        matrix = models(there.url, db)
        there.status = 400
        with pytest.raises(BadInput, match="400"):
            await matrix.ask(request("one", limits=Limits(calls=1)))
        there.status = 200
        await matrix.ask(request("two", limits=Limits(calls=1)))


@pytest.mark.parametrize(
    ("status", "error"), [(429, Unavailable), (503, Unavailable), (400, BadInput), (401, BadInput)]
)
async def test_errors_say_whether_asking_again_is_right(db: Database, status: int, error: type[Exception]) -> None:
    with endpoint() as there:
        there.status = status
        with pytest.raises(error, match=str(status)):
            await models(there.url, db).ask(request())
        assert len(there.asked) == 1


async def test_an_endpoint_that_is_down_is_unavailable(db: Database) -> None:
    with pytest.raises(Unavailable):
        await models("http://127.0.0.1:9/v1", db).ask(request())


async def test_without_a_model_the_way_out_is_said() -> None:
    matrix = Models.from_settings(Settings())
    assert matrix.tiers() == frozenset()
    with pytest.raises(BadInput, match="CHARGEHAND_MODEL_BASE_URL"):
        await matrix.ask(request())


def test_half_of_a_model_is_refused() -> None:
    with pytest.raises(BadInput, match="CHARGEHAND_MODEL_NAME"):
        Models.from_settings(Settings(model_base_url="http://127.0.0.1:9/v1"))
