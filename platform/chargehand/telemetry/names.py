"""Every name and attribute that a span may carry out of a process, as docs/reference/telemetry.md lists them."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class SpanName(StrEnum):
    """Spans that this platform opens."""

    REQUEST = "api.request"
    CALL = "gateway.call"
    PROPOSE = "gateway.propose"
    RECALL = "gateway.recall"
    DECIDE = "gateway.decide"
    RECORD = "gateway.record"
    REPEAT = "gateway.repeat"
    ASK = "gateway.ask"
    GRANT = "gateway.grant"
    DISPATCH = "gateway.dispatch"
    SETTLE = "gateway.settle"


_WORD = r"[a-z][a-z0-9_.-]{0,79}"
_METHOD = r"[a-z]+(/[a-z_]+){0,2}"

FOREIGN = {
    "StartWorkflow:AGENT": f"StartWorkflow:{_WORD}",
    "SignalWorkflow:SIGNAL": f"SignalWorkflow:{_WORD}",
    "RunWorkflow:AGENT": f"RunWorkflow:{_WORD}",
    "HandleSignal:SIGNAL": f"HandleSignal:{_WORD}",
    "StartChildWorkflow:AGENT": f"StartChildWorkflow:{_WORD}",
    "StartActivity:ACTIVITY": f"StartActivity:{_WORD}",
    "RunActivity:ACTIVITY": f"RunActivity:{_WORD}",
    "MCP send METHOD TOOL": f"MCP send {_METHOD}( {_WORD})?",
    "METHOD TOOL": f"{_METHOD}( {_WORD})?",
}
"""Spans that Temporal's and MCP's SDKs open, as the page writes them, and the pattern that they must match."""

UNNAMED = "unnamed"
"""Stands for the name of a span that is none of the above; a caller may have made it up."""

ATTRIBUTES = frozenset(
    {
        "chargehand.call",
        "chargehand.run",
        "chargehand.tool",
        "error.type",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "jsonrpc.request.id",
        "mcp.method.name",
        "mcp.protocol.version",
        "rpc.response.status_code",
        "temporalActivityID",
        "temporalRunID",
        "temporalWorkflowID",
    }
)

MAX_VALUE = 128
"""Characters of an attribute's value that are kept."""

_NAMES = re.compile("|".join([re.escape(name) for name in SpanName] + [f"(?:{one})" for one in FOREIGN.values()]))
_TOOL = re.compile(_WORD)


@lru_cache(maxsize=1024)
def known(name: str) -> str:
    """The name itself if it is a documented one, else UNNAMED."""
    return name if _NAMES.fullmatch(name) else UNNAMED


def is_word(value: str) -> bool:
    """Whether it can be the name of a tool: no text that somebody wrote."""
    return _TOOL.fullmatch(value) is not None
