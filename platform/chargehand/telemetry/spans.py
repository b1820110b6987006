"""Open spans, and know the trace that one is in. While no spans are kept, this costs a look at a flag."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import context, trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from chargehand.errors import ChargehandError
from chargehand.telemetry.names import SpanName
from chargehand.telemetry.setup import is_recording, is_set_up

_tracer = trace.get_tracer("chargehand")
_ids = RandomIdGenerator()
_NOTHING = nullcontext(trace.INVALID_SPAN)
_LOW_64_BITS = (1 << 64) - 1


def span(
    name: SpanName,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[Link] = (),
    begins: bool = False,
    **facts: str,
) -> AbstractContextManager[Span]:
    """A span while inside; `facts` become `chargehand.<name>` and must be keys and names.

    With `begins`, work outside of any trace gets a trace id here, also when no span is kept.
    """
    if is_recording():
        return _kept(name, kind, links, facts)
    if begins and is_set_up() and not trace.get_current_span().get_span_context().is_valid:
        return trace.use_span(NonRecordingSpan(_fresh()))
    return _NOTHING


@contextmanager
def _kept(name: SpanName, kind: SpanKind, links: Sequence[Link], facts: dict[str, str]) -> Generator[Span]:
    attributes = {f"chargehand.{fact}": value for fact, value in facts.items()}
    # An exception's text may hold what was called with: of an error only its type is told.
    with _tracer.start_as_current_span(
        name, kind=kind, links=links, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            code = error.code if isinstance(error, ChargehandError) else type(error).__name__
            current.set_attribute("error.type", code)
            current.set_status(StatusCode.ERROR)
            raise


def trace_id() -> str:
    """The current trace's id, 32 hex digits (W3C Trace Context, 3.2.2.3); empty outside of any trace."""
    current = trace.get_current_span().get_span_context()
    return f"{current.trace_id:032x}" if current.is_valid else ""


def new_trace_id() -> str:
    """An id for what begins by itself; empty where telemetry was not set up."""
    return f"{_ids.generate_trace_id():032x}" if is_set_up() else ""


def _fresh() -> SpanContext:
    return SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False)


@contextmanager
def within(trace_id_: str) -> Generator[None]:
    """Act inside a trace of which only the id is known, as when a start or signal is made up for later.

    The parent span is gone; its place is taken by an id made from the trace's, the same each time. Does nothing for ""
    and when the trace is the current one.
    """
    if not trace_id_ or trace_id_ == trace_id():
        yield
        return
    number = int(trace_id_, 16)
    flags = TraceFlags(TraceFlags.SAMPLED if is_recording() else TraceFlags.DEFAULT)
    parent = SpanContext(number, number & _LOW_64_BITS or 1, is_remote=True, trace_flags=flags)
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(parent)))
    try:
        yield
    finally:
        context.detach(token)
