"""OpenTelemetry: one trace from the API request through run, activity and gateway to the connector's server.

Spans carry keys and names, never arguments, results or personal data: what leaves a process passes `scrub` first.
Ids are made even when nothing is recorded, so that every record in the action log names its trace.
"""

from __future__ import annotations

from chargehand.telemetry.names import SpanName
from chargehand.telemetry.setup import environment, is_recording, is_set_up, setup, shutdown
from chargehand.telemetry.spans import new_trace_id, span, trace_id, within

__all__ = [
    "SpanName",
    "environment",
    "is_recording",
    "is_set_up",
    "new_trace_id",
    "setup",
    "shutdown",
    "span",
    "trace_id",
    "within",
]
