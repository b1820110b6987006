"""A graph's state as text, and back: for the few times that it leaves the process that runs it.

LangGraph's own serialiser writes it (messages, pydantic models, dataclasses, enums, dates, Decimals, sets …). What
does not come back as it was is refused when it is written, not discovered when it is read.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, cast

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

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
        kind, data = _serialiser.dumps_typed(state)
        back = _serialiser.loads_typed((kind, data))
    except (TypeError, ValueError) as error:
        raise BadInput(f"it can't be kept: {error}", field=what, way_out=_WAY_OUT) from None
    different = _different(state, back, what)
    if different:
        raise BadInput("it does not come back as it was kept", field=different, way_out=_WAY_OUT)
    return f"{kind} {b64encode(data).decode()}"


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    kind, _, data = text.partition(" ")
    if kind == "text":
        return data
    return _serialiser.loads_typed((kind, b64decode(data)))


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
