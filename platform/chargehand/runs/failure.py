"""Why a run can't go on: what happened, in which node, on which line of the author's code, and the way out."""

from __future__ import annotations

import traceback
from typing import Any

from chargehand.agents.model import AgentSpec
from chargehand.errors import ChargehandError

MEND = "Whoever owns the agent mends it there; then retry the run at that step, or from its input."
"""The way out of an error that brings none."""
_LANGGRAPH_NOTE = "During task with name '"


def describe(error: BaseException, spec: AgentSpec) -> dict[str, Any]:
    """`RunFailure`'s fields. Reads no file: it is called inside a workflow."""
    return {
        "detail": error.detail if isinstance(error, ChargehandError) else f"{type(error).__name__}: {error}",
        "kind": error.code if isinstance(error, ChargehandError) else type(error).__name__,
        "way_out": (error.way_out if isinstance(error, ChargehandError) else "") or MEND,
        "node": _node(error),
        "line": _line(error, spec),
    }


def _node(error: BaseException) -> str:
    """LangGraph notes the node's name on the error; the innermost note comes first."""
    for note in getattr(error, "__notes__", ()):
        if str(note).startswith(_LANGGRAPH_NOTE):
            return str(note).removeprefix(_LANGGRAPH_NOTE).partition("'")[0]
    return ""


def _line(error: BaseException, spec: AgentSpec) -> str:
    """`module.function, line 12` of the last frame in the agent's own package."""
    package = spec.module.rpartition(".")[0] or spec.module
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module == spec.module or module.startswith(f"{package}."):
            code = frame.f_code
            found = f"{module}.{getattr(code, 'co_qualname', code.co_name)}, line {line}"
    return found
