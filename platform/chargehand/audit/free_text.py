"""Which texts of a record are somebody's own words: those are personal by default, and are sealed.

Absence denies here too: a text stays readable only if it looks like a name, number or time that a program made, or if
it is a sentence of the policy itself. Pure; `personal` encrypts what is found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

WORDS_OF_PEOPLE = frozenset(
    {
        "answer",
        "body",
        "comment",
        "description",
        "detail",
        "evidence",
        "filter",
        "message",
        "note",
        "question",
        "reason",
        "sentence",
        "subject",
        "text",
        "title",
        "why",
    }
)
"""Names whose texts people, agents or other systems write, even if it is one word."""

WHOLE = frozenset({"agent_says", "answer", "found", "instead"})
"""Names whose value comes from outside as a whole, whatever its form; true, false and null say nothing of a person."""

PUBLIC_KINDS = frozenset({"policy_change", "pin_change", "agent_review", "release_change", "checkpoint_key"})
"""Acts that change the rules themselves: what is said of them is for everybody to read, like the rules."""

_MADE_BY_PROGRAMS = re.compile(r"[A-Za-z0-9_.:/+=,-]{0,400}")
_POLICY_SAYS = re.compile(r"rule\..*|policy\.no_.*|policy\.unknown_principal")
"""Sentences of the rules' files and of the engine that hold no value of the call."""

Change = Callable[[Any, str], Any]


class Box(dict[str, Any]):
    """A value that is sealed. A type of its own: what only looks like one, in what an agent says, is sealed too."""


def is_free(name: str, value: Any) -> bool:
    """Whether the value of a field of that name holds words of people, at any depth."""
    return any(True for _ in _found(name, value))


def replaced(detail: Mapping[str, Any], change: Change, path: str = "detail") -> dict[str, Any]:
    """`detail` with every free text replaced by `change(value, path)`. What is sealed already is left."""
    return {name: _replaced(name, value, f"{path}.{name}", change) for name, value in detail.items()}


def _replaced(name: str, value: Any, path: str, change: Change) -> Any:
    if _free(name, value):
        return change(value, path)
    if isinstance(value, dict):
        item = cast("dict[str, Any]", value)
        return item if _settled(item) else replaced(item, change, path)
    if isinstance(value, list | tuple):
        return [_replaced(name, part, path, change) for part in cast("list[Any]", value)]
    return value


def _found(name: str, value: Any) -> Iterator[None]:
    if _free(name, value):
        yield None
    elif isinstance(value, dict):
        item = cast("dict[str, Any]", value)
        if not _settled(item):
            for inner, part in item.items():
                yield from _found(inner, part)
    elif isinstance(value, list | tuple):
        for part in cast("list[Any]", value):
            yield from _found(name, part)


def _free(name: str, value: Any) -> bool:
    if name in WHOLE:
        return not (value is None or isinstance(value, bool) or value in ("", [], {}) or isinstance(value, Box))
    if not isinstance(value, str) or not value:
        return False
    return name in WORDS_OF_PEOPLE or _MADE_BY_PROGRAMS.fullmatch(value) is None


def _settled(item: Mapping[str, Any]) -> bool:
    return isinstance(item, Box) or _POLICY_SAYS.fullmatch(str(item.get("message_id") or "")) is not None
