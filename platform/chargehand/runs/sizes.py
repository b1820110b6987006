"""How large what travels may be, and what a story keeps of what is too large to be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chargehand.errors import BadInput
from chargehand.models.words import fit

# What a workflow passes on at most; the same for every worker and for ever, because replay must come to the same end.
LARGEST_PASSED_BYTES = 48 * 1024 * 1024
LARGEST_TOLD_BYTES = 64 * 1024
_SHORTENED_FROM_BYTES = 8 * 1024


def size_of(value: Any) -> int:
    """Bytes of the value as JSON. Raises TypeError for what is no JSON (see `refuse_large`)."""
    return len(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def too_large(what: str, value: Any, largest: int) -> str:
    """A sentence that says so, or nothing."""
    size = size_of(value)
    return "" if size <= largest else f"{what} has {size} bytes as JSON; {largest} is the most"


def refuse_large(what: str, field: str, value: Any) -> None:
    """Raises BadInput that names the field and both sizes; also for what can't be written as JSON at all: half a
    character, an integer of more than 64 bits, too deep a nesting.
    """
    try:
        problem = too_large(what, value, LARGEST_PASSED_BYTES)
    except TypeError as error:
        raise BadInput(f"{what} can't be written as JSON: {error}", field=field, way_out=_AS_TEXT) from None
    if problem:
        raise BadInput(problem, field=field, way_out=WAY_OUT)


_AS_TEXT = "Pass it on as a text that is whole, or in smaller numbers or parts."
WAY_OUT = "Ask for less at once, or pass on where it is instead of what it is."


def told(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data; where it is more than 64 KiB, its large values are outlined: `{"left_out_bytes": 20000000}`.

    What is no JSON is told as a text: a story is told of everything, also of what fails for that very reason.
    """
    kept = dict(data)
    try:
        size = size_of(kept)
    except TypeError:
        kept = {name: _sayable(value) for name, value in kept.items()}
        size = size_of(kept)
    if size <= LARGEST_TOLD_BYTES:
        return kept
    sizes = {name: size_of(value) for name, value in kept.items()}
    return {
        name: {"left_out_bytes": sizes[name]} if sizes[name] > _SHORTENED_FROM_BYTES else value
        for name, value in kept.items()
    }


def _sayable(value: Any) -> Any:
    """The value where it is JSON, else its text, without halves of characters."""
    try:
        size_of(value)
    except TypeError:
        return fit(str(value))
    return value
