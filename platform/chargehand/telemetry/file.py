"""Spans as lines of OTLP/JSON in a file, which the OpenTelemetry Collector's `otlpjsonfile` receiver reads.

One line a span, in the encoding of the OTLP specification 1.x ("JSON Protobuf Encoding"): ids in hex, 64-bit numbers as
text, enumerations as numbers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

MAX_BYTES = 64 * 1024 * 1024
"""Size at which a file is put aside as `….1.jsonl`; the one that was put aside before is overwritten."""

_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}


class FileExporter(SpanExporter):
    """Appends to one file, which this process alone writes; readable by its owner only."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """A disk that is full loses spans, never work."""
        lines = b"".join(orjson.dumps(encode(span)) + b"\n" for span in spans)
        try:
            if self._path.exists() and self._path.stat().st_size + len(lines) > self._max_bytes:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            with open(self._path, "ab", opener=_private) as file:
                file.write(lines)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held open."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        del timeout_millis
        return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def encode(span: ReadableSpan) -> dict[str, Any]:
    """One span as an ExportTraceServiceRequest."""
    scope = span.instrumentation_scope
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(span.resource.attributes)},
                "scopeSpans": [{"scope": {"name": scope.name if scope else ""}, "spans": [_span(span)]}],
            }
        ]
    }


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None  # noqa: S101  # a span that ended has one
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes or {}),
        "links": [
            {"traceId": f"{link.context.trace_id:032x}", "spanId": f"{link.context.span_id:016x}"}
            for link in span.links
        ],
        "status": {"code": _CODES[span.status.status_code.name]},
    }


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": name, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}
        for name, value in attributes.items()
    ]
