"""Check values against a pinned JSON Schema. Nothing is fetched, and no pattern can take for ever."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import jsonschema_rs
import orjson

from chargehand.errors import BadInput


def check(schema: Mapping[str, Any], value: Any, *, field: str) -> None:
    """Whether `value` is what `schema` (JSON Schema 2020-12) describes.

    Raises:
        BadInput: it is not; names the path below `field`, e.g. `arguments.lines.0.quantity`. Or the schema is unusable.
    """
    error = next(_validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).iter_errors(value), None)
    if error is not None:
        path = ".".join((field, *(str(part) for part in error.instance_path)))
        raise BadInput(error.message, field=path)


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises BadInput for a schema that can't be used: not 2020-12, a reference that leads outside, a wild pattern."""
    _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=1024)
def _validator(text: bytes) -> jsonschema_rs.Draft202012Validator:
    schema = orjson.loads(text)
    _refuse_outside(schema)
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            offline=True,
            # The linear-time engine: no look-around, no back-references, no catastrophic patterns.
            pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000),
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise BadInput(f"the schema can't be used: {error}", field="schema") from None


def _refuse_outside(node: Any) -> None:
    if isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        for name in ("$ref", "$dynamicRef"):
            reference = members.get(name)
            if isinstance(reference, str) and not reference.startswith("#"):
                raise BadInput(f"the schema refers to {reference!r}, outside of itself", field="schema")
        for value in members.values():
            _refuse_outside(value)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            _refuse_outside(value)
