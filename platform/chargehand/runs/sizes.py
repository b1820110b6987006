"""How large what travels may be, and what a story keeps of what is too large to be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chargehand.errors import BadInput

# What a workflow passes on at most; the same for every worker and for ever, because replay must come to the same end.
LARGEST_PASSED_BYTES = 48 * 1024 * 1024
LARGEST_TOLD_BYTES = 64 * 1024
_SHORTENED_FROM_BYTES = 8 * 1024


def size_of(value: Any) -> int:
    """Bytes of the value as JSON."""
    return len(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def too_large(what: str, value: Any, largest: int) -> str:
    """A sentence that says so, or nothing."""
    size = size_of(value)
    return "" if size <= largest else f"{what} has {size} bytes as JSON; {largest} is the most"


def refuse_large(what: str, field: str, value: Any) -> None:
    """Raises BadInput that names the field and both sizes."""
    if problem := too_large(what, value, LARGEST_PASSED_BYTES):
        raise BadInput(problem, field=field, way_out=WAY_OUT)


WAY_OUT = "Ask for less at once, or pass on where it is instead of what it is."


def told(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data; where it is more than 64 KiB, its large values are outlined: `{"left_out_bytes": 20000000}`."""
    kept = dict(data)
    if size_of(kept) <= LARGEST_TOLD_BYTES:
        return kept
    sizes = {name: size_of(value) for name, value in kept.items()}
    return {
        name: {"left_out_bytes": sizes[name]} if sizes[name] > _SHORTENED_FROM_BYTES else value
        for name, value in kept.items()
    }
