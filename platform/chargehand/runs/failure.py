"""Why a run can't go on: what happened, in which node, on which line of the author's code, and the way out."""

from __future__ import annotations

import traceback
from typing import Any

from chargehand.agents.model import AgentSpec
from chargehand.errors import ChargehandError
from chargehand.models.words import fit

MEND = "Whoever owns the agent mends it there; then retry the run at that step, or from its input."
"""The way out of an error that brings none."""
_LANGGRAPH_NOTE = "During task with name '"
LONGEST_DETAIL = 4000


def describe(error: BaseException, spec: AgentSpec) -> dict[str, Any]:
    """`RunFailure`'s fields, fit to be kept. Reads no file: it is called inside a workflow."""
    cause = _cause(error)
    ours = cause if isinstance(cause, ChargehandError) else None
    return {
        "detail": _short(ours.detail if ours else _said(cause)),
        "kind": ours.code if ours else type(cause).__name__,
        "way_out": (ours.way_out if ours else "") or MEND,
        "node": _node(error) or _node(cause),
        "line": _line(cause, spec) or _line(error, spec),
    }


def _cause(error: BaseException) -> BaseException:
    """Of several errors at once (a TaskGroup's) the first, which is why the others were cut short."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"the agent's code ends the process ({type(error).__name__}: {error}); that ends its run alone"
    return f"{type(error).__name__}: {error}"


def _short(text: str) -> str:
    cut = len(text) - LONGEST_DETAIL
    return fit(text if cut <= 0 else f"{text[:LONGEST_DETAIL]} … ({cut} characters more)")


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
