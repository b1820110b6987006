"""Recorded once from real connectors, replayed strictly after; secrets and people taken out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, attempt
from chargehand.connectors.model import PersonalData
from chargehand.errors import BadInput
from chargehand.testing import Case, UnrecordedCall, load_case, recording, save_case
from chargehand.testing.case import RecordedCall
from chargehand.testing.scrub import Scrubber
from chargehand_connectors import logistics
from fixtures.processes import free_port, running

POLICIES = Path(__file__).parents[3] / "policies"
TOKEN = "carrier-token-of-the-tests"


class Parcels(TypedDict, total=False):
    order: str
    status: str


async def look(state: Parcels) -> Parcels:
    found = await attempt(logistics.shipments_for_order, order=state["order"])
    if not found.succeeded:
        return {"status": found.failure.kind if found.failure else ""}
    (parcel,) = logistics.shipments_for_order.decode(found.value).shipments
    return {"status": str(parcel.status)}


def parcel_news() -> Any:
    graph = StateGraph(Parcels)
    graph.add_node("look", look)
    graph.add_edge(START, "look")
    return agent(graph, name="parcel-news", owner="group:lab", tools=[logistics.shipments_for_order])


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The demo carrier, a process; gives what the connector's own process is given."""
    url = f"http://127.0.0.1:{free_port()}"
    module = ("-m", "chargehand_connectors.demo.carrier", "--port", url.rpartition(":")[2])
    file = ("--file", str(tmp_path / "parcels.db"))
    with running(*module, *file, ready=f"{url}/health", environment={"DEMO_CARRIER_TOKEN": TOKEN}):
        yield {"CHARGEHAND_CARRIER_URL": url, "CHARGEHAND_CARRIER_TOKEN": TOKEN}


async def test_a_real_connector_is_recorded_once_and_replayed_without_it(
    governed: Any, tmp_path: Path, carrier: dict[str, str]
) -> None:
    file, spec = tmp_path / "parcels.yaml", parcel_news()
    async with recording(file, tools=spec.tools, policies=POLICIES, environment=carrier) as tools:
        real = await governed(spec, {"order": "SO-1042"}, tools=tools)
    assert real.result["status"] == "exception"
    (call,) = load_case(file).calls
    assert (call.tool, call.arguments) == ("logistics.shipments_for_order", {"order": "SO-1042"})
    async with recording(file, tools=spec.tools, environment={}) as tools:
        again = await governed(spec, {"order": "SO-1042"}, tools=tools)
    assert again.result == real.result
    before = file.read_text("utf-8")
    async with recording(file, tools=spec.tools, policies=POLICIES, environment=carrier, again=True) as tools:
        await governed(spec, {"order": "SO-1042"}, tools=tools)
    assert file.read_text("utf-8") != before  # at least the time of the recording


async def test_another_call_than_recorded_fails_with_what_differs(governed: Any, tmp_path: Path) -> None:
    file, spec = tmp_path / "parcels.yaml", parcel_news()
    answer = {"order": "SO-1042", "shipments": []}
    save_case(Case(calls=[RecordedCall(tool=spec.tools[0].name, arguments={"order": "SO-1042"}, answer=answer)]), file)
    with pytest.raises(UnrecordedCall) as told:
        async with recording(file, tools=spec.tools) as tools:
            await governed(spec, {"order": "SO-2"}, tools=tools)
    assert "-order: SO-1042\n+order: SO-2" in str(told.value)
    assert "Record again" in str(told.value)


async def test_a_recorded_answer_is_given_once(governed: Any, tmp_path: Path) -> None:
    file, spec = tmp_path / "parcels.yaml", parcel_news()
    save_case(Case(), file)
    with pytest.raises(UnrecordedCall, match="it was never recorded"):
        async with recording(file, tools=spec.tools) as tools:
            await governed(spec, {"order": "SO-2"}, tools=tools)


async def test_a_system_that_was_down_is_down_again(governed: Any, tmp_path: Path) -> None:
    file, spec = tmp_path / "parcels.yaml", parcel_news()
    call = RecordedCall.model_validate(
        {"tool": spec.tools[0].name, "arguments": {"order": "SO-2"}, "unreached": 2, "failure": {"kind": "not_found"}}
    )
    save_case(Case(calls=[call]), file)

    async def patiently(here: Any, run: Any) -> None:
        async def ended() -> Any:
            await here.skip(seconds=2)
            return (await here.runs.get(here.person("amy"), run.id)).ended_at

        await here.until(ended, "the run to end")

    async with recording(file, tools=spec.tools) as tools:
        run = await governed(spec, {"order": "SO-2"}, tools=tools, meanwhile=patiently)
    assert run.kinds().count("call.retry") == 2
    assert run.result["status"] == "not_found"


def scrubbed(**given: Any) -> dict[str, Any]:
    scrubber = Scrubber(["hunter22"], {"erp.refund": [PersonalData("customer", "customer", ("customer",))]})
    return scrubber.case(Case.model_validate(given)).model_dump(mode="json")


def test_secrets_are_taken_out_wherever_they_stand() -> None:
    answer = {
        "password": "abc",
        "api_key": "x",
        "note": "use hunter22 or Bearer abcdefghijklmnop",
        "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "url": "https://bob:hush@erp.example/x",
        "stripe": "sk_live_abcdefghijklmnopqrst",
    }
    text = yaml.safe_dump(scrubbed(calls=[{"tool": "a.b", "answer": answer}]))
    assert [one for one in ("abc", "hunter22", "eyJ", "hush", "sk_live") if one in text.replace("abcdefg", "")] == []
    assert "https://(secret)@erp.example/x" in text


def test_people_become_the_same_word_everywhere_and_the_agents_own_words_stay() -> None:
    customer = {"name": "Li Na", "email": "li.na@mail.example", "phone": "+49 30 1234567", "address": "Weg 1\nBerlin"}
    done = scrubbed(
        input={"text": "Li Na is angry."},
        calls=[
            {"tool": "erp.get", "arguments": {"n": "1"}, "answer": {"customer": customer}},
            {"tool": "erp.refund", "arguments": {"customer": "Li Na"}, "answer": {"to": "Li Na"}},
            {"tool": "mail.send", "arguments": {"to": "finance@own.example", "body": "For Li Na, li.na@mail.example"}},
        ],
    )
    assert done["input"]["text"] == "Person 1 is angry."
    assert done["calls"][0]["answer"]["customer"] == {
        "name": "Person 1",
        "email": "person-1@example.com",
        "phone": "Phone 1",
        "address": "Address 1",
    }
    assert done["calls"][1]["arguments"] == {"customer": "Person 1"}
    assert done["calls"][2]["arguments"] == {"to": "finance@own.example", "body": "For Person 1, person-1@example.com"}


def test_a_case_is_read_as_it_was_written(tmp_path: Path) -> None:
    case = Case.model_validate(
        {
            "about": "x",
            "agent": "a",
            "input": {"text": "two\nlines"},
            "people": [{"approve": "erp.refund", "by": "li"}, {"answer": {"n": 1}}, {"wait": "2d"}],
            "calls": [{"tool": "a.b", "answer": {"n": None}}],
            "expect": {"effects": {"a.b": 1}},
        }
    )
    save_case(case, tmp_path / "x.yaml")
    assert load_case(tmp_path / "x.yaml").model_dump() == {**case.model_dump(), "name": "x"}
    assert "text: |-" in (tmp_path / "x.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agent: [", "not YAML"),
        ("agnet: x", "agnet"),
        ("people: [{approve: a, reject: b}]", "exactly one of approve, reject, answer, wait, event"),
        ("expect: {decisions: {a.b: [maybe]}}", r"expect.decisions.a.b.0"),
    ],
)
def test_a_case_that_can_not_be_read_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.yaml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=says):
        load_case(tmp_path / "x.yaml")
