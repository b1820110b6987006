"""What an author's node awaits: tool calls, people, other agents, time. Each is one durable leaf.

A leaf's answer is recorded; a worker that dies and comes back, or a node that LangGraph runs again after an
interrupt, is given that answer and does nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import orjson
from pydantic_core import to_jsonable_python

from chargehand.agents.forms import duration, form_schema, is_addressee, parse_answer
from chargehand.agents.runtime import Runtime, current
from chargehand.agents.where import Where, where
from chargehand.connectors.model import Tool
from chargehand.errors import (
    BadInput,
    CallDenied,
    CallExpired,
    CallFailed,
    CallInDoubt,
    CallNotDone,
    CallRejected,
)
from chargehand.outcome import Outcome

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

_patience: ContextVar[timedelta] = ContextVar("chargehand_patience", default=timedelta(days=1))

_ERRORS: dict[str, type[CallNotDone]] = {
    "denied": CallDenied,
    "rejected": CallRejected,
    "expired": CallExpired,
    "failed": CallFailed,
    "in_doubt": CallInDoubt,
}


_LASTING = frozenset({"succeeded", "in_doubt"})


@contextmanager
def patience(length: str | timedelta) -> Generator[None]:
    """How long calls in this block try to reach a system that is down; after that they fail as `retryable`.

    Without it a call is patient for a day, and its run waits: most systems come back, and what they are needed for
    can't be done without them. `length` is a timedelta or a text such as `90s`, `10m`.
    """
    token = _patience.set(duration(length))
    try:
        yield
    finally:
        _patience.reset(token)


async def call(tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Use a tool and return its typed result.

    Policy decides; if people must agree, this waits for them, for days if need be.

    Raises:
        BadInput: the arguments do not fit the tool's signature; nothing was sent.
        CallDenied, CallRejected, CallExpired: policy, a person or the deadline said no; nothing was done.
        CallFailed: the system said no; nothing was done. `kind` says why (`not_found`, `conflict`, `invalid`, …).
        CallInDoubt: nobody can say whether it was done; a person looks into it.
    """
    outcome = await attempt(tool, *args, **kwargs)
    if not outcome.succeeded:
        raise not_done(outcome)
    return tool.decode(outcome.value)


async def attempt(tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
    """Use a tool and return how it ended as data, whatever happened. Raises BadInput as `call` does."""
    return await use_tool(tool, tool.encode(*args, **kwargs))


async def use_tool(tool: Tool[..., Any], arguments: Mapping[str, Any]) -> Outcome:
    """Use a tool with arguments as plain JSON, and return how it ended."""
    name = tool.name

    async def send(runtime: Runtime, place: Where, position: int) -> Outcome:
        return await runtime.call_tool(name, arguments, step=place.path, position=position, patience=_patience.get())

    return await leaf("tool", [name, arguments], send, effect=tool.effect != "read")


async def ask_person(
    form: Any,
    *,
    to: str,
    within: str | timedelta = "3d",
    title: str = "",
    remind_after: str | timedelta | None = None,
) -> Any:
    """Ask a person, and wait until somebody answers.

    `form` is a pydantic model (its fields become the form, its instance is returned), a JSON Schema, or a plain
    sentence (the answer is then a text). `to` names who may answer: `role:quality` or `person:li`. `within` and
    `remind_after` are a timedelta or a text such as `90m`, `2d`.

    Returns the answer, or None when nobody answered in time: an author decides what that means.

    Raises:
        BadInput: `to` names nobody who could be asked; it would wait for nobody.
    """
    if not is_addressee(to):
        raise BadInput("a question is for 'role:…', 'group:…' or 'person:…'", field="ask_person.to", value=to)
    question = {
        "title": title,
        **form_schema(form),
        "to": to,
        "within_seconds": duration(within).total_seconds(),
        "remind_after_seconds": duration(remind_after).total_seconds() if remind_after else None,
    }

    async def ask(runtime: Runtime, place: Where, position: int) -> Mapping[str, Any]:
        return await runtime.ask_person(question, step=place.path, position=position)

    reply = await leaf("person", question, ask)
    return parse_answer(form, reply["answer"]) if reply["state"] == "answered" else None


async def run_agent(name: str, value: Mapping[str, Any]) -> Outcome:
    """Have another agent do it: a run of its own, for the same person, with no more authority than either has."""

    async def start(runtime: Runtime, place: Where, position: int) -> Outcome:
        return await runtime.run_agent(name, value, step=place.path, position=position)

    return await leaf("agent", [name, value], start, effect=True)


def now() -> datetime:
    """The run's time, aware, UTC; the same under replay."""
    runtime, place = current(), where()
    told = runtime.ledger.mark(place.task, place.attempt, "now")
    return datetime.fromisoformat(told.answer if told.settled else told.settle(runtime.now().isoformat()))


async def sleep_until(at: datetime) -> None:
    """Wait until a time, without holding a worker. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; use chargehand.now() and timedelta")
    await current().sleep_until(at, step=where().path)


async def wait_for(event: str, *, within: str | timedelta | None = None) -> Any:
    """The payload of the next event of that name that is sent to this run; None when `within` has passed."""
    runtime, place = current(), where()
    limit = None if within is None else now() + duration(within) - runtime.now()
    came = runtime.ledger.mark(place.task, place.attempt, f"event {event}")
    if not came.settled:
        came.settle(await runtime.wait_for(event, within=limit, step=place.path))
    return came.answer


def note(text: str, **data: Any) -> None:
    """Put a line into the run's stream of events and into the action log, as what the agent says of itself."""
    runtime, place = current(), where()
    said = runtime.ledger.mark(place.task, place.attempt, "note")
    if not said.settled:
        runtime.record("note", to_jsonable_python({"text": text, **data}, fallback=str), step=place.path)
        said.settle(None)


async def leaf(kind: str, asked: Any, do: Callable[[Runtime, Where, int], Awaitable[A]], *, effect: bool = False) -> A:
    """Do something once at this place of the run; when the node is run again, return what it answered.

    What has an `effect`, and had it or may have, is not done again by another attempt of the node either.
    """
    runtime, place = current(), where()
    try:
        fingerprint = f"{kind}:{orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS).decode()}"
    except TypeError as error:  # half a character, an integer of more than 64 bits
        raise BadInput(f"what is asked can't be written as JSON: {error}", field=kind) from None
    ledger = runtime.ledger
    slot = ledger.slot(place.task, place.attempt, fingerprint)
    while not slot.settled and (ended := ledger.under_way.get(slot.position)):
        await asyncio.shield(ended)  # an attempt before asked for it, and its answer is still to come
    if slot.settled or slot.refused:
        return slot.answered()
    with ledger.begun(slot, has_key=kind == "tool") if effect else nullcontext():
        try:
            answer = await do(runtime, place, slot.position)
        except BadInput as error:
            if not effect:  # a node that found another way is not led the first one when it is run again
                slot.refuse(error)
            raise
        return slot.settle(answer, lasts=effect and isinstance(answer, Outcome) and answer.state in _LASTING)


def not_done(outcome: Outcome) -> CallNotDone:
    """The error that says how a call ended without a result."""
    failure = outcome.failure
    return _ERRORS.get(outcome.state, CallFailed)(
        failure.detail if failure else f"{outcome.tool}: {outcome.state}.",
        tool=outcome.tool,
        call_key=outcome.call_key,
        kind=failure.kind if failure else "unknown",
        way_out=failure.way_out if failure else "",
        instead=failure.instead if failure else None,
    )
