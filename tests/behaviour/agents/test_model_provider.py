"""The model matrix against an OpenAI-compatible endpoint: a fake one, named so, that speaks the real wire format."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, message_to_dict
from pydantic import SecretStr

from chargehand.database import Database
from chargehand.errors import BadInput, Unavailable
from chargehand.models.model import ModelRequest
from chargehand.models.provider import Models
from chargehand.settings import Settings

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}


class FakeEndpoint(HTTPServer):
    """Answers with `status`; keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: FakeEndpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"authorization": self.headers["Authorization"], **body})
        answer = ANSWER if self.server.status == 200 else {"error": {"message": "no"}}
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def endpoint() -> Generator[FakeEndpoint]:
    with FakeEndpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


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


def models(url: str, db: Database | None = None) -> Models:
    given = Settings(
        model_base_url=url,
        model_name="tiny",
        model_api_key=SecretStr("s3cret"),
        model_price_in=Decimal(2),
        model_price_out=Decimal(6),
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
        await matrix.ask(request("one", token_limit=1600))
        with pytest.raises(BadInput, match=r"budget\.tokens"):
            await matrix.ask(request("two", token_limit=1500))
        assert len(there.asked) == 1


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
