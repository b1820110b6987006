"""`@io_node`: a node that does I/O of its own runs as an activity, beside the workflow, and may be retried.

Use it for what is no tool: reading a file the author ships, parsing a large document, calling a library that blocks.
It sees no credentials and no database, like all author code. What it does must be safe to repeat.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

from langgraph.types import Command
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from chargehand.agents import saved
from chargehand.agents.leaves import leaf
from chargehand.agents.runtime import Runtime, running
from chargehand.agents.where import Where
from chargehand.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")

_marked: dict[str, Callable[..., Any]] = {}
_KEPT = "chargehand/kept"
"""The one field of a result that is more than JSON: its text, as a graph's state is kept."""


def io_node(function: Callable[P, R]) -> Callable[P, Awaitable[Any]]:
    """Mark a function (sync or async) that takes one JSON-able value, such as a node's state, to run as an activity.

    Its annotations decide how the value is rebuilt on the other side: use typed dicts, dataclasses or pydantic
    models. What it returns comes back as it is: models, messages, Decimals, a `Command`. Called outside of a run it
    simply runs.
    """
    name = f"{function.__module__}:{function.__qualname__}"

    @functools.wraps(function)
    async def node(*args: P.args, **kwargs: P.kwargs) -> Any:
        if running() is None:
            result = function(*args, **kwargs)
            return await cast("Awaitable[Any]", result) if inspect.isawaitable(result) else result
        if len(args) != 1 or kwargs:
            raise BadInput("an io_node takes exactly one value", field=name)
        value = to_jsonable_python(args[0])

        async def send(runtime: Runtime, place: Where, position: int) -> Any:
            return await runtime.run_node(name, value, step=place.path, position=position)

        return _restored(await leaf("io", [name, value], send))

    _marked[name] = function
    return node


def marked(name: str) -> Callable[..., Any] | None:
    """The function that is marked under `module:qualname`, in a module that was imported; None if there is none."""
    return _marked.get(name)


async def run_io_node(function: Callable[..., Any], value: Any) -> Any:
    """Run a marked function on a value that came as JSON; the result as JSON, to be given to who called it."""
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    if parameters and parameters[0].annotation is not inspect.Parameter.empty:
        value = _rebuilt(parameters[0].annotation, value)
    result = function(value)
    return _as_json(await result if inspect.isawaitable(result) else result)


def _as_json(result: Any) -> Any:
    if _is_json(result) and not _is_kept(result):  # what was read somewhere may pretend to be what we have kept
        return result
    try:
        return {_KEPT: saved.dumps(result, what="result")}
    except BadInput:  # a class inside of a function, say: its fields
        if isinstance(result, Command):
            raise
        return to_jsonable_python(result)


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        given = cast("dict[Any, Any]", value)
        return type(given) is dict and all(type(name) is str and _is_json(one) for name, one in given.items())
    if isinstance(value, list):
        return type(cast("list[Any]", value)) is list and all(map(_is_json, cast("list[Any]", value)))
    return value is None or type(value) in (bool, int, float, str)


def _is_kept(result: Any) -> bool:
    return isinstance(result, dict) and set(cast("dict[Any, Any]", result)) == {_KEPT}


def _restored(result: Any) -> Any:
    return saved.loads(str(result[_KEPT])) if _is_kept(result) else result


def _rebuilt(annotation: Any, value: Any) -> Any:
    """The value as its annotation says; as it came where pydantic can't (`typing.TypedDict` before Python 3.12)."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except PydanticUserError:
        return value
    return adapter.validate_python(value)
