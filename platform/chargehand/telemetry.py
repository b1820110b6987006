"""OpenTelemetry: one tracer for the platform. Spans carry keys and names, never arguments or results."""

from __future__ import annotations

from opentelemetry import trace

tracer = trace.get_tracer("chargehand")
