"""Arguments that nothing can change: a deep copy in which every mapping refuses mutation and lists are tuples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, cast

from chargehand.errors import BadInput

MAX_DEPTH = 32
_SCALARS = frozenset({str, int, float, bool, type(None), Decimal})


class FrozenDict(dict[str, Any]):
    """A dict, so that it serialises as one, without the ways to change it."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("arguments that policy decides on can't be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = _refuse
    setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]  # refusing takes whatever they take


def freeze_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A frozen copy of `value`, or `value` itself if it is one. Raises BadInput for what is not JSON."""
    return value if type(value) is FrozenDict else _mapping(value, "arguments", 0)


def _mapping(value: Mapping[str, Any], path: str, depth: int) -> FrozenDict:
    if depth > MAX_DEPTH:
        raise BadInput("is nested too deep", field=path, way_out=f"At most {MAX_DEPTH} levels.")
    copy: dict[str, Any] = {}
    for key, item in value.items():
        if type(key) is not str:
            raise BadInput("has a key that is not text", field=path, value=key)
        copy[key] = item if type(item) in _SCALARS else _freeze(item, f"{path}.{key}", depth)
    return FrozenDict(copy)


def _freeze(value: Any, path: str, depth: int) -> Any:
    if type(value) in _SCALARS or type(value) is FrozenDict:
        return value
    if isinstance(value, Mapping):
        return _mapping(value, path, depth + 1)  # pyright: ignore[reportUnknownArgumentType]  # keys are checked there
    if isinstance(value, list | tuple):
        if depth > MAX_DEPTH:
            raise BadInput("is nested too deep", field=path, way_out=f"At most {MAX_DEPTH} levels.")
        listed = cast("Sequence[Any]", value)
        return tuple(_freeze(item, f"{path}.{index}", depth + 1) for index, item in enumerate(listed))
    raise BadInput(f"is a {type(value).__name__}, not JSON", field=path)
