"""A graph's state as text, and back: for the few times that it leaves the process that runs it.

LangGraph's own serialiser writes it (messages, pydantic models, dataclasses, enums, dates, Decimals, sets …), and
tuples as what they are, which it gives back as lists. What does not come back as it was is refused when it is written,
not discovered when it is read.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from chargehand.errors import BadInput


class _Unregistered(logging.Filter):
    """What we read back is authenticated by our own key: that a type is the author's own is no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "unregistered type" not in record.msg


logging.getLogger("langgraph.checkpoint.serde.jsonplus").addFilter(_Unregistered())
_serialiser = JsonPlusSerializer()


def dumps(state: Any, *, what: str = "state") -> str:
    """Raises BadInput that names the place of what can't be kept."""
    if type(state) is str:  # a large text is the common large value, and costs nothing to keep as it is
        return f"text {state}"
    try:
        text, different = _kept(state, what)
        if different:
            text, different = _kept(state, what, tuples=True)
    except (TypeError, ValueError) as error:
        raise BadInput(f"it can't be kept: {error}", field=what, way_out=_WAY_OUT) from None
    if different:
        raise BadInput("it does not come back as it was kept", field=different, way_out=_WAY_OUT)
    return text


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    kind, _, data = text.partition(" ")
    if kind == "text":
        return data
    if kind == "tuples":
        return _without(loads(data))
    return _serialiser.loads_typed((kind, b64decode(data)))


@dataclass(frozen=True, slots=True)
class Tuple:
    """Stands for a tuple in what is written."""

    items: list[Any]


def _kept(state: Any, what: str, *, tuples: bool = False) -> tuple[str, str]:
    """The text, and the place of what would not come back from it."""
    kind, data = _serialiser.dumps_typed(_with(state) if tuples else state)
    text = f"{'tuples ' if tuples else ''}{kind} {b64encode(data).decode()}"
    return text, _different(state, loads(text), what)


def _with(value: Any) -> Any:
    if type(value) is dict:
        return {name: _with(one) for name, one in cast("dict[Any, Any]", value).items()}
    if type(value) in (list, tuple):
        items = [_with(one) for one in cast("list[Any]", value)]
        return items if type(value) is list else Tuple(items)
    return replace(cast("Any", value), update=_with(value.update)) if isinstance(value, Command) else value


def _without(value: Any) -> Any:
    if isinstance(value, Tuple):
        return tuple(_without(one) for one in value.items)
    if type(value) is dict:
        return {name: _without(one) for name, one in cast("dict[Any, Any]", value).items()}
    if type(value) is list:
        return [_without(one) for one in cast("list[Any]", value)]
    return replace(cast("Any", value), update=_without(value.update)) if isinstance(value, Command) else value


_WAY_OUT = "Keep plain data, messages, dataclasses or pydantic models of a module's top level in a graph's state."


def _different(one: Any, other: Any, place: str) -> str:
    """The place of the first difference; empty for none."""
    if type(one) is not type(other):
        return place
    if isinstance(one, Mapping):
        mine, theirs = cast("Mapping[Any, Any]", one), cast("Mapping[Any, Any]", other)
        if list(mine) != list(theirs):
            return place
        return next((found for name in mine if (found := _different(mine[name], theirs[name], f"{place}.{name}"))), "")
    if isinstance(one, list | tuple):
        ours, others = cast("list[Any]", one), cast("list[Any]", other)
        if len(ours) != len(others):
            return place
        pairs = enumerate(zip(ours, others, strict=True))
        return next((found for n, (a, b) in pairs if (found := _different(a, b, f"{place}[{n}]"))), "")
    if one == other:
        return ""
    fields = getattr(one, "__dict__", None)
    # Objects that compare by identity are the same when their fields are.
    return _different(fields, other.__dict__, place) if fields else place if one == one else ""  # NaN
