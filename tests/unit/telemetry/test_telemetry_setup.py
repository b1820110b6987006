"""What a process keeps, by its settings. Each in a process of its own: OpenTelemetry's provider is set once."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chargehand import telemetry

ROOT = Path(__file__).parents[3]


def in_process(code: str, folder: Path, **environment: str) -> Any:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("CHARGEHAND_", "OTEL_"))}
    given |= {"CHARGEHAND_STATE_DIR": str(folder), "PYTHONPATH": str(ROOT / "tests")} | environment
    done = subprocess.run(
        [sys.executable, "-c", f"import json\n{code}"], env=given, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SHOW = """
from chargehand import telemetry
from chargehand.settings import settings
telemetry.setup("api", folder=settings().traces, ids=True)
with telemetry.span(telemetry.SpanName.REQUEST, begins=True) as outer:
    first = telemetry.trace_id()
    with telemetry.span(telemetry.SpanName.CALL, begins=True) as inner:
        second = telemetry.trace_id()
with telemetry.within("0af7651916cd43dd8448eb211c80319c"):
    within = telemetry.trace_id()
telemetry.shutdown()
print(json.dumps([first, second, within, telemetry.trace_id(), outer.is_recording(), telemetry.environment()]))
"""
WITHIN = "0af7651916cd43dd8448eb211c80319c"


def test_off_ids_are_made_and_nothing_is_kept(tmp_path: Path) -> None:
    first, second, within, outside, _, environment = in_process(SHOW, tmp_path)
    assert first == second != ""
    assert (within, outside, environment) == (WITHIN, "", {})
    assert list(tmp_path.iterdir()) == []


def test_on_spans_are_in_a_file_when_the_process_ends(tmp_path: Path) -> None:
    first, second, within, outside, _, environment = in_process(SHOW, tmp_path, CHARGEHAND_TRACE_FILE="1")
    assert first == second != ""
    assert (within, outside) == (WITHIN, "")
    assert environment == {"CHARGEHAND_TRACE_FILE": "true", "CHARGEHAND_STATE_DIR": str(tmp_path)}
    (file,) = (tmp_path / "traces").iterdir()
    assert [
        json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]
        for line in file.read_text().splitlines()
    ] == [
        "gateway.call",
        "api.request",
    ]


def test_without_setup_there_is_no_trace() -> None:
    with telemetry.span(telemetry.SpanName.CALL, begins=True):
        assert telemetry.trace_id() == telemetry.new_trace_id() == ""
    with telemetry.within(""):
        assert telemetry.trace_id() == ""


class Collector(BaseHTTPRequestHandler):
    """Takes what OTLP exporters post, as OpenTelemetry's own protobuf types read it."""

    taken: ClassVar[list[ExportTraceServiceRequest]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        assert self.path == "/v1/traces"
        self.taken.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def test_a_collector_takes_the_place_of_the_file(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        given = {"CHARGEHAND_TRACE_FILE": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "NO_PROXY": "127.0.0.1"}
        given["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=secret"
        first, *_, environment = in_process(SHOW, tmp_path, **given)
        server.shutdown()
    spans = [
        span for one in Collector.taken for each in one.resource_spans for s in each.scope_spans for span in s.spans
    ]
    assert {span.trace_id.hex() for span in spans} == {first}
    assert sorted(span.name for span in spans) == ["api.request", "gateway.call"]
    assert not (tmp_path / "traces").exists()
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == url
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in environment


def test_a_collector_that_does_not_answer_stops_nothing(tmp_path: Path) -> None:
    first, second, *_ = in_process(SHOW, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert first == second != ""


REPLAY = """
import asyncio
from pathlib import Path
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from chargehand.agents.catalog import AgentCatalog
from chargehand.runs import tracing
from chargehand.runs.codec import data_converter
from chargehand.runs.plugin import langgraph_plugin
from chargehand.runs.registry import register
from chargehand.settings import settings
from fixtures.agents_recorded import recorded_agents

tracing.setup("agents", settings())
register(AgentCatalog(recorded_agents().values()))

async def main():
    found = {}
    for name in recorded_agents():
        history = WorkflowHistory.from_json(name, Path(f"tests/replay/histories/{name}.json").read_text())
        replayer = Replayer(
            workflows=[], data_converter=data_converter(None), plugins=[*tracing.plugins(), langgraph_plugin()]
        )
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        found[name] = str(result.replay_failure or "")
    return found

print(json.dumps(asyncio.run(main())))
"""


def test_histories_recorded_without_tracing_replay_with_it(tmp_path: Path) -> None:
    found = in_process(REPLAY, tmp_path, CHARGEHAND_TRACE_FILE="1")
    assert len(found) >= 9
    assert {name: failure for name, failure in found.items() if failure} == {}


GATEWAY = """
import asyncio
from pathlib import Path
from chargehand import telemetry
from chargehand.audit import log
from chargehand.database import Database
from chargehand.gateway.gateway import Gateway
from chargehand.settings import settings
telemetry.setup("gateway", folder=settings().traces)
db = Database("sqlite:///" + str(settings().state_dir / "x.db"))
async def unit():
    with telemetry.span(telemetry.SpanName.REQUEST, begins=True):
        return telemetry.trace_id(), await db.write(lambda tx: telemetry.trace_id())
found = asyncio.run(unit())
db.close()
print(json.dumps(found))
"""


def test_a_unit_of_the_database_sees_its_callers_trace(tmp_path: Path) -> None:
    mine, units = in_process(GATEWAY, tmp_path, CHARGEHAND_TRACE_FILE="1")
    assert mine == units != ""
