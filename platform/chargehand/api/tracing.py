"""A trace for every request to the API and the MCP endpoint; what a request starts, goes on in it."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargehand import telemetry
from chargehand.api.gate import is_guarded

_propagator = TraceContextTextMapPropagator()


class Traced:
    """Middleware. A caller's own trace is linked, not continued: nobody outside names the trace in our log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_guarded(scope["path"]):
            await self.app(scope, receive, send)
            return
        links = _callers(scope) if telemetry.is_recording() else []
        with telemetry.span(telemetry.SpanName.REQUEST, kind=SpanKind.SERVER, links=links, begins=True) as span:
            span.set_attribute("http.request.method", scope["method"])

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, answer if span.is_recording() else send)
            route: Any = scope.get("route")
            # The template, not the path: a path may hold what somebody typed.
            span.set_attribute("http.route", getattr(route, "path", ""))


def _callers(scope: Scope) -> list[Link]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    theirs = trace.get_current_span(_propagator.extract(headers)).get_span_context()
    return [Link(theirs)] if theirs.is_valid else []
