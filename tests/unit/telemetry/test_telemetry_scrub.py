"""Nothing but documented names and keys leaves a process, whatever a span was given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from chargehand.telemetry.file import FileExporter
from chargehand.telemetry.names import ATTRIBUTES, MAX_VALUE, UNNAMED
from chargehand.telemetry.scrub import Scrubbing

SECRET = "helga.geheim@example.org"


def kept(name: str, **attributes: str) -> ReadableSpan:
    """One span as it leaves, after an exception that holds a secret went through it."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Scrubbing(memory)))
    tracer = provider.get_tracer("t")

    def fail() -> None:
        with tracer.start_as_current_span(name, attributes=attributes) as span:
            span.add_event("said", {"text": SECRET})
            span.set_status(Status(StatusCode.ERROR, SECRET))
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        fail()
    (one,) = memory.get_finished_spans()
    return one


def test_exceptions_events_and_descriptions_do_not_leave() -> None:
    one = kept("gateway.call", **{"chargehand.call": "k" * 64, "arguments": SECRET, "url.path": f"/{SECRET}"})
    assert SECRET not in one.to_json()
    assert dict(one.attributes or {}) == {"chargehand.call": "k" * 64}
    assert one.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("name", "leaves_as"),
    [
        ("gateway.decide", "gateway.decide"),
        ("RunWorkflow:complaint-resolution", "RunWorkflow:complaint-resolution"),
        ("MCP send tools/call create_return", "MCP send tools/call create_return"),
        ("tools/call create_return", "tools/call create_return"),
        ("initialize", "initialize"),
        (f"tools/call {SECRET}", UNNAMED),
        ("tools/call Pay Helga 100 EUR", UNNAMED),
        ("gateway.call erp.get_order", UNNAMED),
        ("GET /api/people/helga", UNNAMED),
    ],
)
def test_a_name_that_is_not_documented_leaves_as_unnamed(name: str, leaves_as: str) -> None:
    assert kept(name).name == leaves_as


def test_a_tool_name_that_a_caller_made_up_is_dropped() -> None:
    made_up = kept("tools/call", **{"gen_ai.tool.name": f"pay {SECRET}"})
    assert "gen_ai.tool.name" not in (made_up.attributes or {})


@given(
    st.dictionaries(st.text(max_size=20) | st.sampled_from(sorted(ATTRIBUTES)), st.text(max_size=300), max_size=8),
    st.text(max_size=40),
)
def test_whatever_is_put_in_only_allowed_keys_come_out(attributes: dict[str, str], name: str) -> None:
    one = kept(name, **{key: value for key, value in attributes.items() if key})
    assert set(one.attributes or {}) <= ATTRIBUTES
    assert all(len(str(value)) <= MAX_VALUE for value in (one.attributes or {}).values())
    assert not one.events


def test_a_file_is_otlp_json_private_and_put_aside_when_it_is_full(tmp_path: Path) -> None:
    target = tmp_path / "traces" / "api-1.jsonl"
    span = kept("api.request", **{"http.request.method": "GET"})
    exporter = FileExporter(target, max_bytes=1500)
    for _ in range(4):
        assert exporter.export([span]) is SpanExportResult.SUCCESS
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_size <= 1500
    assert target.with_suffix(".1.jsonl").exists()
    context = span.get_span_context()
    assert context is not None
    (resource,) = json.loads(target.read_text().splitlines()[0])["resourceSpans"]
    (told,) = resource["scopeSpans"][0]["spans"]
    assert (told["traceId"], told["spanId"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert told["startTimeUnixNano"] == str(span.start_time)
    assert told["attributes"] == [{"key": "http.request.method", "value": {"stringValue": "GET"}}]


def test_a_file_that_can_not_be_written_loses_spans_and_nothing_else(tmp_path: Path) -> None:
    exporter = FileExporter(tmp_path / "traces" / "api-1.jsonl")
    (tmp_path / "traces" / "api-1.jsonl").mkdir()
    assert exporter.export([kept("api.request")]) is SpanExportResult.FAILURE
