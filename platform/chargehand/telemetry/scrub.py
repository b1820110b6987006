"""What may leave a process: documented names and attributes. Everything else is dropped, whoever put it there.

The SDKs that we use note exceptions with their text and stack in spans, and both may hold arguments or personal data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status

from chargehand.telemetry.names import ATTRIBUTES, MAX_VALUE, is_word, known


def scrub(span: ReadableSpan) -> ReadableSpan:
    """The same span with nothing but documented names, allowed attributes, ids, times, and whether it failed."""
    return ReadableSpan(
        name=known(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_allowed(span.attributes or {}),
        events=(),
        links=tuple(Link(link.context) for link in span.links),
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _allowed(attributes: Mapping[str, Any]) -> dict[str, str | int]:
    kept: dict[str, str | int] = {}
    for name, value in attributes.items():
        if name not in ATTRIBUTES:
            continue
        if name == "gen_ai.tool.name" and not is_word(str(value)):
            continue
        kept[name] = value if isinstance(value, int) else str(value)[:MAX_VALUE]
    return kept


class Scrubbing(SpanExporter):
    """Scrubs each span before it is given to another exporter."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([scrub(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)
