"""One trace from the API's request to the connector's server, in five real processes on a real Temporal."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.codec import data_converter, payload_key
from chargehand.runs.replay import replay
from chargehand.telemetry.names import ATTRIBUTES, UNNAMED, SpanName, known
from fixtures.traced_clerk import clerk
from fixtures.tracelab import Lab, tracelab

pytestmark = pytest.mark.stack

SECRET = "helga.geheim@example.org"
OUTSIDE = "0af7651916cd43dd8448eb211c80319c"
WAY = [  # from the connector's server back to whoever started the run
    "tools/call book",
    "MCP send tools/call book",
    "gateway.dispatch",
    "gateway.call",
    "RunActivity:tool_call",
    "StartActivity:tool_call",
    "RunWorkflow:clerk",
    "StartWorkflow:clerk",
    "api.request",
]


def run_to_its_end(lab: Lab) -> dict[str, Any]:
    """Amy starts it, Li approves the booking."""
    with lab.as_person("amy", traceparent=f"00-{OUTSIDE}-b7ad6b7169203331-01") as amy:
        answer = amy.post("/api/runs", json={"agent": "clerk", "input": {"account": SECRET}})
        assert answer.status_code == 201, answer.text
        run = answer.json()["id"]
        with lab.as_person("li") as li:
            asked = lab.until(lambda: li.get("/api/approvals", params={"run": run}).json()["items"], "the approval")[0]
            verdict = {"approve": True, "digest": asked["digest"], "comment": ""}
            li.post(f"/api/approvals/{asked['id']}/verdict", json=verdict).raise_for_status()

        def ended() -> Any:
            found = amy.get(f"/api/runs/{run}").json()
            return found if found["state"] in ("succeeded", "failed", "stopped") else None

        found = lab.until(ended, "the run to end")
    assert found["state"] == "succeeded", found
    return found


async def history(lab: Lab, run: str) -> str:
    converter = data_converter(payload_key(lab.state / "payload.key"))
    client = await Client.connect(lab.temporal, data_converter=converter)
    return (await client.get_workflow_handle(run).fetch_history()).to_json()


def test_one_trace_goes_from_the_request_to_the_connectors_server(tmp_path: Path) -> None:
    with tracelab(tmp_path, CHARGEHAND_TRACE_FILE="true") as lab:
        run = run_to_its_end(lab)
        stored = asyncio.run(history(lab, run["id"]))
        for name in ("agents", "gateway", "api"):
            lab.end(name)
        spans, records = lab.spans(), lab.records(run["id"])
        files = sorted((lab.state / "traces").iterdir())

    trace = run["trace_id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    mine = {one["spanId"]: one for one in spans if one["traceId"] == trace}

    # The way, by parents, and which process told of it.
    one = next(each for each in mine.values() if each["name"] == WAY[0] and "connector-ledger" in each["service"])
    way, services = [one["name"]], [one["service"]]
    while one["parentSpanId"]:
        one = mine[one["parentSpanId"]]
        way.append(one["name"])
        services.append(one["service"])
    assert way == WAY
    assert list(dict.fromkeys(services)) == [
        f"chargehand-{name}" for name in ("connector-ledger", "gateway", "agents", "api")
    ]

    # Every stage has its span, and replay repeats none.
    names = {each["name"] for each in mine.values()}
    assert set(SpanName) <= names
    assert len({each["spanId"] for each in spans}) == len(spans)
    assert sum(each["name"] == "RunWorkflow:clerk" for each in mine.values()) == 1
    assert {"RunActivity:io_node", "HandleSignal:approval_closed", "SignalWorkflow:approval_closed"} <= names

    # Documented names and keys; none of the data. A caller's trace is linked and does not name ours.
    assert not [each["name"] for each in spans if each["name"] == UNNAMED or known(each["name"]) != each["name"]]
    assert {key for each in spans for key in each["attributes"]} <= ATTRIBUTES
    text = "".join(file.read_text() for file in files)
    for private in (SECRET, "helga", "12.50", "EUR", "not_found", "Amy", str(tmp_path)):
        assert private not in text, private
    assert OUTSIDE not in {each["traceId"] for each in spans}
    assert OUTSIDE in {link["traceId"] for each in spans for link in each["links"]}
    assert {file.stat().st_mode & 0o077 for file in files} == {0}

    assert_records_name_the_trace(records, trace)
    assert (
        asyncio.run(replay(AgentCatalog([clerk]), run["id"], stored, key=payload_key(lab.state / "payload.key"))) == ""
    )


def test_without_tracing_the_records_still_name_a_trace_and_nothing_is_kept(tmp_path: Path) -> None:
    with tracelab(tmp_path) as lab:
        run = run_to_its_end(lab)
        records = lab.records(run["id"])
        with lab.as_person("amy") as amy:
            other = amy.post("/api/runs", json={"agent": "clerk", "input": {"account": SECRET}}).json()
        assert not (lab.state / "traces").exists()
    assert re.fullmatch("[0-9a-f]{32}", run["trace_id"])
    assert other["trace_id"] != run["trace_id"]
    assert_records_name_the_trace(records, run["trace_id"])


def assert_records_name_the_trace(records: list[dict[str, Any]], trace: str) -> None:
    """What the run did is in its trace; what people did about it is in that of their own request."""
    by_people = [one for one in records if one["kind"] in ("verdict", "approval_closed")]
    assert by_people
    own = [one for one in records if one not in by_people]
    assert {"run", "decision", "intent", "outcome"} <= {one["kind"] for one in own}
    assert {one["kind"]: one["trace_id"] for one in own if one["trace_id"] != trace} == {}
    assert all(re.fullmatch("[0-9a-f]{32}", one["trace_id"]) and one["trace_id"] != trace for one in by_people)
