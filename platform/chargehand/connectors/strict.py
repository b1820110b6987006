"""Strict JSON: what two readers could understand differently is refused.

No duplicate keys, no NaN or Infinity, no integer beyond ±2^53 (RFC 7493, I-JSON), bounded nesting.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chargehand.errors import BadInput

MAX_INTEGER = 2**53
MAX_DEPTH = 100


def loads(text: bytes | str, *, field: str = "", fraction: Callable[[str], Any] = float) -> Any:
    """Parse strictly. `fraction` makes the value of a number with a point or exponent from its digits.

    Raises:
        BadInput: it is not JSON, or JSON that readers disagree on; says what.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=fraction
        )
        check(value)
    except UnicodeDecodeError as error:
        raise BadInput(f"this is not UTF-8: {error.reason}", field=field) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput(f"this is not strict JSON: {reason}", field=field) from None
    return value


def check(value: Any, *, depth: int = 0) -> None:
    """Whether a value that came as Python objects is as strict. Raises ValueError."""
    if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for name, item in value.items():  # pyright: ignore[reportUnknownVariableType]  # JSON objects hold anything
            check(name, depth=depth)
            check(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            check(item, depth=depth + 1)
    elif isinstance(value, str):
        value.encode()  # half of a surrogate pair has no UTF-8, and raises a ValueError
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise ValueError(f"the integer {value} is beyond ±2^53; send it as text")
    elif isinstance(value, float) and value - value != 0:
        raise ValueError(f"{value} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} appears twice")
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise ValueError(f"the integer {digits[:20]} is beyond ±2^53; send it as text")
    return int(digits)
