"""Why a run can't go on: what happened, in which node, on which line of the author's code, and the way out."""

from __future__ import annotations

import asyncio
import traceback
from types import FrameType
from typing import Any

from chargehand.agents.model import AgentSpec
from chargehand.errors import ChargehandError
from chargehand.models.words import fit

MEND = "Whoever owns the agent mends it there; then retry the run at that step, or from its input."
"""The way out of an error that brings none."""
AWAIT = "Make it an `async def` and `await` the task; several at once with `asyncio.gather`. Then retry the run."
_LIBRARIES = frozenset({"asyncio", "langchain", "langchain_core", "langgraph"})
_LANGGRAPH_NOTE = "During task with name '"
LONGEST_DETAIL = 4000


def describe(error: BaseException, spec: AgentSpec) -> dict[str, Any]:
    """`RunFailure`'s fields, fit to be kept. Reads no file: it is called inside a workflow."""
    cause = _cause(error)
    ours = cause if isinstance(cause, ChargehandError) else None
    return {
        "detail": short(ours.detail if ours else said(cause)),
        "kind": ours.code if ours else type(cause).__name__,
        "way_out": (ours.way_out if ours else "") or (AWAIT if _read_too_early(cause) else MEND),
        "node": _node(error) or _node(cause),
        "line": line(cause, spec.module) or line(error, spec.module) or _handed_over(cause),
    }


def _cause(error: BaseException) -> BaseException:
    """Of several errors at once (a TaskGroup's) the first, which is why the others were cut short."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def said(error: BaseException) -> str:
    """The error in words, with its kind."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"the agent's code ends the process ({type(error).__name__}: {error}); that ends its run alone"
    if _read_too_early(error):
        return "the result of a task was read before it was there: nothing goes on in a run while its code only waits"
    return f"{type(error).__name__}: {error}"


def _read_too_early(error: BaseException) -> bool:
    """`.result()` of a task's future, for which plain LangGraph holds a thread until it is there."""
    return isinstance(error, asyncio.InvalidStateError)


def short(text: str) -> str:
    """The text, fit to be kept, with what is beyond 4,000 characters left out."""
    cut = len(text) - LONGEST_DETAIL
    return fit(text if cut <= 0 else f"{text[:LONGEST_DETAIL]} … ({cut} characters more)")


def _node(error: BaseException) -> str:
    """LangGraph notes the node's name on the error; the innermost note comes first."""
    for note in getattr(error, "__notes__", ()):
        if str(note).startswith(_LANGGRAPH_NOTE):
            return str(note).removeprefix(_LANGGRAPH_NOTE).partition("'")[0]
    return ""


def line(error: BaseException, of: str) -> str:
    """`module.function, line 12` of the last frame in the package of the module `of`; empty where it has none."""
    package = of.rpartition(".")[0] or of
    found = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if _module(frame) == of or _module(frame).startswith(f"{package}."):
            found = _place(frame, number)
    return found


def _handed_over(error: BaseException) -> str:
    """The line in what LangGraph called last: a node of another package than the agent's."""
    found = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if _module(frame) == "chargehand.runs.inline" or _module(frame).partition(".")[0] in _LIBRARIES:
            found = ""
        elif not found:
            found = _place(frame, number)
    return "" if found.startswith("chargehand.") else found


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _place(frame: FrameType, number: int) -> str:
    return f"{_module(frame)}.{getattr(frame.f_code, 'co_qualname', frame.f_code.co_name)}, line {number}"
