"""Where a process's spans go: nowhere, to a file, or to a collector. Said once, when the process starts."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Protocol

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler

from chargehand.telemetry.file import FileExporter
from chargehand.telemetry.scrub import Scrubbing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
EVERY_MILLISECONDS = 1000
END_SECONDS = 1.5
MAX_WAITING_SPANS = 20_000
"""What comes beyond is dropped, and said in the process's log; a dozen spans make a call."""

# Variables of OpenTelemetry itself that a connector's process needs to send spans too. Headers hold credentials: not.
_HANDED_ON = (ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")

logger = logging.getLogger("chargehand.telemetry")


class Provider(Protocol):
    """What we use of a tracer provider, the SDK's own or Temporal's around it."""

    def add_span_processor(self, span_processor: SpanProcessor) -> None: ...

    def shutdown(self) -> None: ...


class MakeProvider(Protocol):
    """Makes a tracer provider; see `temporalio.contrib.opentelemetry.create_tracer_provider`."""

    def __call__(self, *, sampler: Sampler | None, resource: Resource, shutdown_on_exit: bool) -> Provider: ...


class _State:
    """Process-wide, as OpenTelemetry's provider is."""

    provider: Provider | None = None
    recording: bool = False
    ids: bool = False
    environment: dict[str, str] = {}  # noqa: RUF012  # replaced, never changed


def setup(service: str, *, folder: Path | None, ids: bool = False, make: MakeProvider | None = None) -> None:
    """Keep this process's spans: at the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, else in `folder`.

    With neither no span is kept; with `ids`, what begins here gets a trace id all the same. `make` is for a process
    that needs a provider in any case. A second call changes nothing.
    """
    if _State.provider is not None:
        return
    _State.ids = ids
    exporter = _exporter(service, folder)
    if exporter is None and make is None:
        return
    resource = Resource.create({"service.name": f"chargehand-{service}", "service.instance.id": str(os.getpid())})
    sampler = None if exporter else ALWAYS_OFF  # None: as OTEL_TRACES_SAMPLER says
    provider = (make or TracerProvider)(sampler=sampler, resource=resource, shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(
            BatchSpanProcessor(
                Scrubbing(exporter), schedule_delay_millis=EVERY_MILLISECONDS, max_queue_size=MAX_WAITING_SPANS
            )
        )
        _State.recording = True
        _State.environment = _to_hand_on(folder)
    _State.provider = provider
    trace.set_tracer_provider(provider)  # pyright: ignore[reportArgumentType]  # both kinds of Provider are one


def is_set_up() -> bool:
    return _State.ids or _State.provider is not None


def is_recording() -> bool:
    """Whether spans are kept."""
    return _State.recording


def environment() -> dict[str, str]:
    """Variables by which a connector's process keeps its spans beside ours; empty when none are kept."""
    return _State.environment


def shutdown() -> None:
    """Write what is left, if that takes no longer than a moment. For the end of a process; harmless when repeated."""
    if _State.provider is not None and _State.recording:
        _State.recording = False
        # A collector that does not answer must not hold a process back.
        closing = threading.Thread(target=_State.provider.shutdown, daemon=True)
        closing.start()
        closing.join(END_SECONDS)


def _exporter(service: str, folder: Path | None) -> SpanExporter | None:
    if os.environ.get(ENDPOINT):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError:
            logger.warning("%s is set, but the exporter is not installed: pip install 'chargehand[otlp]'.", ENDPOINT)
        else:
            return OTLPSpanExporter()
    return None if folder is None else FileExporter(folder / f"{service}-{os.getpid()}.jsonl")


def _to_hand_on(folder: Path | None) -> dict[str, str]:
    given = {name: os.environ[name] for name in _HANDED_ON if os.environ.get(name)}
    if folder is not None:
        given |= {"CHARGEHAND_TRACE_FILE": "true", "CHARGEHAND_STATE_DIR": str(folder.parent.resolve())}
    return given
