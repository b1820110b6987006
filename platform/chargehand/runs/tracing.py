"""Temporal's share of a trace: its context travels in the headers of runs and activities, replay repeats no span."""

from __future__ import annotations

from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, create_tracer_provider

from chargehand import telemetry
from chargehand.settings import Settings


def setup(service: str, given: Settings) -> None:
    """`telemetry.setup` for a process that runs workflows: there, span ids come from the run."""
    telemetry.setup(service, folder=given.traces, ids=True, make=create_tracer_provider)


def plugins() -> list[Plugin]:
    """For the client; its workers take them over. None where telemetry was not set up."""
    if not telemetry.is_set_up():
        return []
    return [OpenTelemetryPlugin(add_temporal_spans=telemetry.is_recording())]
