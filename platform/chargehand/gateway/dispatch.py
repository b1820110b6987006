"""Stage 8, dispatch: the one place from which a call leaves, with its key and deadline; and what kinds of answer come.

A refused connection is provably not sent. Everything unclear is `unclear`, and never failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from chargehand import clock
from chargehand.connectors import schemas
from chargehand.connectors.model import Pin, ToolResult
from chargehand.errors import Ambiguous, BadInput, ConnectorUnavailable, Quarantined
from chargehand.gateway.desk import Case, Desk
from chargehand.outcome import Failure

logger = logging.getLogger("chargehand.gateway")

LOOKUP_FIELDS = frozenset({"key", "found", "finished"})
"""What every lookup answers (`connectors.declare.Lookup`); the rest tells what was found."""

AnswerKind = Literal["succeeded", "failed", "not_sent", "quarantined", "unclear", "found", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt. The last three are answers to a question by key, not to the call itself."""

    kind: AnswerKind
    value: dict[str, Any] | None = None
    failure: Failure | None = None
    detail: str = ""
    look_up_possible: bool = False
    """Whether the system could be asked by key, had the call no clear end."""
    result: Any = None
    """With `found`: what the call itself would have answered, as far as the system still tells."""


async def dispatch(desk: Desk, case: Case) -> Answer:
    """Send the call, or ask the system for it by key. Raises nothing but cancellation."""
    if case.look_up:
        return await look_up(desk, case)
    answer = await _send(desk, case)
    return replace(answer, look_up_possible=bool(case.pin and case.pin.lookup))


async def _send(desk: Desk, case: Case) -> Answer:
    assert case.deadline is not None  # noqa: S101  # `grant` sets it
    if clock.now() >= case.deadline:
        return Answer("not_sent", detail="The deadline had passed before it could be sent.")
    try:
        result = await desk.connectors.call(
            case.call.tool, dict(case.arguments), key=case.call.key, deadline=case.deadline
        )
    except ConnectorUnavailable as error:
        return Answer("not_sent", detail=str(error))
    except (Quarantined, BadInput) as error:
        return Answer("quarantined", detail=str(error))
    except Ambiguous as error:
        return Answer("unclear", detail=str(error))
    except Exception as error:  # whatever this is, it is no proof that nothing was sent
        logger.exception("the call of %s ended in an unforeseen way", case.call.tool)
        return Answer("unclear", detail=f"The call ended in an unforeseen way ({type(error).__name__}).")
    return _answer(result)


async def look_up(desk: Desk, case: Case) -> Answer:
    """What the system knows of the call's key: found, certainly absent, or unknown."""
    tool = case.pin.lookup if case.pin else ""
    assert case.deadline is not None  # noqa: S101  # `grant` sets it
    try:
        result = await desk.connectors.call(tool, {"key": case.call.key}, key=case.call.key, deadline=case.deadline)
    except Exception as error:  # a question that fails tells nothing, whatever the reason
        return Answer("unknown", detail=str(error) or type(error).__name__)
    if result.failure is not None:
        kind = "absent" if result.failure.kind == "not_found" else "unknown"
        return Answer(kind, detail=result.failure.detail)
    value = result.value or {}
    if value.get("found") is False:
        return Answer("absent")
    if value.get("found") is True and value.get("finished", True) is True:
        return Answer("found", value=value, result=_result_in(case.pin, value))
    return Answer("unknown", value=value, detail="The system knows the key, but not that the call was finished.")


def _result_in(pin: Pin | None, found: Mapping[str, Any]) -> Any:
    """The part of a lookup's answer that is a result of the looked-up tool, by its reviewed schema; else all it tells.

    A part named `result` comes first, so that a lookup can say which one is meant.
    """
    told = {name: part for name, part in found.items() if name not in LOOKUP_FIELDS}
    schema = pin.output_schema if pin else None
    if schema is None:
        return told.get("result", told or None)
    for part in (told.get("result"), *told.values()):
        if isinstance(part, dict) and _fits(schema, part):
            return part
    return told or None


def _fits(schema: Mapping[str, Any], part: Any) -> bool:
    try:
        schemas.check(schema, part, field="result")
    except BadInput:
        return False
    return True


def _answer(result: ToolResult) -> Answer:
    if result.failure is None:
        return Answer("succeeded", value=result.value)
    if result.failure.kind == "retryable":
        return Answer("not_sent", failure=result.failure, detail=result.failure.detail)
    if result.failure.kind == "unknown":
        return Answer("unclear", failure=result.failure, detail=result.failure.detail)
    return Answer("failed", failure=result.failure)
