"""What came of a run, read from its result by what the output schema of its agent says.

A run may succeed and yet not do what was wanted: nobody approved, the order is not known. The schema marks the field
that tells so with `x-ending: {"not_done": [values]}`, and one that names a document elsewhere with `x-link: <name>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """`done`: what was wanted was done. `words` is by language ("en", "zh")."""

    value: str
    done: bool
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """`field` of the result names something that opens at `url`."""

    field: str
    url: str


def ending(schema: Schema, result: Any) -> Ending | None:
    """None where the schema marks no field, or the result has none."""
    for name, field in _properties(schema):
        value = _value(result, name)
        marked = field.get("x-ending")
        if isinstance(marked, Mapping) and isinstance(value, str) and value:
            not_done = cast("Mapping[str, Any]", marked).get("not_done") or ()
            translated = cast("Mapping[str, Mapping[str, str]]", field.get("x-zh") or {})
            chinese = translated.get("values", {}).get(value)
            words = {"en": value.replace("_", " ").capitalize()} | ({"zh": chinese} if chinese else {})
            return Ending(value, value not in not_done, words)
    return None


def documents(schema: Schema, result: Any, addresses: Mapping[str, str]) -> list[Document]:
    """What opens elsewhere: `addresses` has a URL with `{value}` by the name that `x-link` says.

    Only an address that whoever runs the platform has set is ever linked, never one that a result brings along.
    """
    found: list[Document] = []
    for name, field in _properties(schema):
        value, address = _value(result, name), addresses.get(str(field.get("x-link") or ""))
        if address and isinstance(value, str) and value:
            found.append(Document(name, address.replace("{value}", quote(value, safe=""))))
    return found


def _properties(schema: Schema) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from cast("Mapping[str, Mapping[str, Any]]", schema.get("properties") or {}).items()


def _value(result: Any, name: str) -> Any:
    return cast("Mapping[str, Any]", result).get(name) if isinstance(result, Mapping) else None
