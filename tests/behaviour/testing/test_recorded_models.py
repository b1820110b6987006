"""What models answered is recorded once from an endpoint, and replayed strictly without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, SecretStr
from typing_extensions import TypedDict

from chargehand import agent, chat_model, has_model
from chargehand.models.provider import Models
from chargehand.settings import Settings
from chargehand.testing import Case, UnrecordedCall, evaluate, load_case, recording, save_case
from chargehand.testing.case import ModelLine
from chargehand.testing.scrub import Scrubber
from fixtures.model_vendor import Body, FakeVendor, vendor

KEY = "key-of-the-tests-0123456789"
COMPLAINT = {"text": "The pump of li.na@mail.example is broken."}


class Verdict(BaseModel):
    verdict: str


class State(TypedDict, total=False):
    text: str
    verdict: str
    again: str


def judging(rule: str = "Judge this.") -> Any:
    async def judge(state: State) -> State:
        if not await has_model("light"):
            return {"verdict": "no model"}
        light = chat_model("light").with_structured_output(Verdict, method="json_mode")
        said = await light.ainvoke([SystemMessage(rule), HumanMessage(state["text"])])
        assert isinstance(said, Verdict)
        return {"verdict": said.verdict}

    async def doubt(state: State) -> State:
        said = await chat_model("strong").ainvoke(f"Is {state['verdict']} right?")
        return {"again": str(said.content)}

    graph = StateGraph(State)
    graph.add_node("judge", judge)
    graph.add_node("doubt", doubt)
    graph.add_edge(START, "judge")
    graph.add_edge("judge", "doubt")
    return agent(graph, name="judging", owner="group:lab")


@pytest.fixture
def endpoint() -> Iterator[FakeVendor]:
    """A fake of a model vendor, which speaks the real wire format."""

    def words(body: Body) -> list[str]:
        return ['{"verdict": ', '"refund"}'] if "response_format" in body else [f"Yes, says {KEY}."]

    with vendor() as there:
        there.words = words
        yield there


@pytest.fixture
def real(endpoint: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> Models:
    given = Settings(
        model_base_url=endpoint.url,
        model_name="tiny",
        model_api_key=SecretStr(KEY),
        model_price_in=Decimal(2),
        model_price_out=Decimal(6),
    )
    monkeypatch.setattr("chargehand.testing.recorded.settings", lambda: given)
    return Models.from_settings(given)


async def recorded_from(real: Models, file: Path, governed: Any) -> Any:
    async with recording(file, model=real) as tools:
        return await governed(judging(), COMPLAINT, tools=tools)


async def test_answers_are_recorded_once_and_replayed_without_the_endpoint(
    real: Models, endpoint: FakeVendor, governed: Any, tmp_path: Path
) -> None:
    file = tmp_path / "judged.yaml"
    first = await recorded_from(real, file, governed)
    assert (first.result["verdict"], first.result["again"]) == ("refund", f"Yes, says {KEY}.")
    assert len(endpoint.asked) == 2
    assert KEY not in file.read_text("utf-8")
    one, other = load_case(file).model
    assert one.asked is not None
    assert one.asked.messages == [{"system": "Judge this."}, {"human": COMPLAINT["text"]}]
    assert (one.asked.tier, one.text, one.cost) == ("light", '{"verdict": "refund"}', "0.005")
    assert other.text == "Yes, says (secret)."
    async with recording(file) as tools:
        again = await governed(judging(), COMPLAINT, tools=tools)
    assert again.result == {**first.result, "again": "Yes, says (secret)."}
    assert again.tokens == first.tokens == 3000
    assert len(endpoint.asked) == 2


async def test_another_question_than_recorded_fails_with_what_differs(
    real: Models, governed: Any, tmp_path: Path
) -> None:
    file = tmp_path / "judged.yaml"
    await recorded_from(real, file, governed)
    with pytest.raises(UnrecordedCall) as told:
        async with recording(file) as tools:
            await governed(judging("Judge this kindly."), COMPLAINT, tools=tools)
    assert "-- system: Judge this.\n+- system: Judge this kindly." in str(told.value)
    assert "Record again" in str(told.value)


async def test_a_case_with_another_question_is_played_with_the_nearest_answer_where_it_is_compared(
    real: Models, governed: Any, tmp_path: Path
) -> None:
    file = tmp_path / "judged.yaml"
    await recorded_from(real, file, governed)
    case = load_case(file).model_copy(update={"agent": "judging", "input": COMPLAINT})
    spec = judging("Judge this kindly.")
    (nearest,) = (await evaluate([case], [spec], strict=False)).cases
    assert nearest.result["verdict"] == "refund"
    (strict,) = (await evaluate([case], [spec], strict=True)).cases
    assert "asked a model something else than recorded" in strict.problems[0]


async def test_a_line_without_a_question_answers_whatever_is_asked_next(governed: Any, tmp_path: Path) -> None:
    file = tmp_path / "by-hand.yaml"
    save_case(Case(model=[ModelLine(text='{"verdict": "keep"}'), ModelLine(text="No.")]), file)
    async with recording(file) as tools:
        run = await governed(judging(), COMPLAINT, tools=tools)
    assert (run.result["verdict"], run.result["again"]) == ("keep", "No.")


async def test_where_no_answer_was_recorded_no_model_is_there(governed: Any, tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    save_case(Case(), file)
    with pytest.raises(UnrecordedCall, match="doubt asked a model, and no answer is recorded that is left"):
        async with recording(file) as tools:
            await governed(judging(), COMPLAINT, tools=tools)


def test_a_question_is_scrubbed_as_the_answer_from_which_it_was_made() -> None:
    customer = {"name": "Li Na", "email": "li.na@mail.example", "address": "Weg 1\nBörn", "api_token": "t0ken-of-erp"}
    asked = {
        "tier": "light",
        "messages": [{"system": "Write to desk@own.example."}, {"tool": json.dumps(customer)}],
    }
    case = Case.model_validate(
        {
            "calls": [{"tool": "erp.get_customer", "answer": customer}],
            "model": [{"asked": asked, "after": 1, "text": "Dear Li Na"}],
        }
    )
    done = Scrubber().case(case)
    assert done.model[0].asked is not None
    said, given = done.model[0].asked.messages
    assert said == {"system": "Write to desk@own.example."}
    assert json.loads(given["tool"]) == done.calls[0].answer, "so the question is the same when it is replayed"
    assert done.model[0].text == "Dear Person 1"
    assert "t0ken" not in done.model_dump_json()
