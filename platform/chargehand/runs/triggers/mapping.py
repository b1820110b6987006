"""What a message from outside says, as an agent's input: for each field an expression over the message.

Expressions are JMESPath (jmespath.org/specification.html), e.g. `order.number`, `items[0].sku`, `'refund'`. They are
written by whoever sets the start up; the message is written by strangers and is only ever read as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import jmespath
from jmespath.exceptions import JMESPathError

from chargehand.connectors import strict
from chargehand.errors import BadInput

MAX_EXPRESSION = 500
MAX_FIELDS = 100


def check_mapping(mapping: Mapping[str, str], schema: Mapping[str, Any]) -> None:
    """Raises BadInput for an expression that can't be read, or a field that the input schema does not know."""
    if len(mapping) > MAX_FIELDS:
        raise BadInput(f"more than {MAX_FIELDS} fields", field="mapping")
    properties = cast("Mapping[str, Any]", schema.get("properties", {}))
    closed = schema.get("additionalProperties") is False
    for name, expression in mapping.items():
        if closed and name not in properties:
            known = ", ".join(sorted(properties))
            raise BadInput("the agent's input has no such field", field=f"mapping.{name}", way_out=f"Fields: {known}.")
        _compiled(name, expression)


def read_message(body: bytes) -> Any:
    """A message as strict JSON. Fractions stay text, exactly as written, as amounts of money must. Raises BadInput."""
    return strict.loads(body, field="body", fraction=str)


def apply(mapping: Mapping[str, str], message: Any) -> dict[str, Any]:
    """The agent's input. A field that the message does not hold is left out; without a mapping it is the input itself.

    Raises:
        BadInput: an expression does not work on this message; names the field.
    """
    if not mapping:
        if not isinstance(message, dict):
            raise BadInput("without a mapping the message itself is the input: an object", field="body")
        return dict(cast("dict[str, Any]", message))
    made: dict[str, Any] = {}
    for name, expression in mapping.items():
        try:
            found: Any = _compiled(name, expression).search(message)
        except (JMESPathError, TypeError, ValueError, RecursionError) as error:
            raise BadInput(
                f"the expression does not work on this message: {error}", field=f"mapping.{name}", value=expression
            ) from None
        if found is not None:
            made[name] = found
    return made


def _compiled(name: str, expression: str) -> Any:
    if len(expression) > MAX_EXPRESSION:
        raise BadInput(f"longer than {MAX_EXPRESSION} characters", field=f"mapping.{name}")
    try:
        return _compile(expression)
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"this is no JMESPath expression: {reason}",
            field=f"mapping.{name}",
            value=expression,
            way_out="e.g. order.number, items[0].sku, or 'refund' for a fixed text.",
        ) from None


@lru_cache(maxsize=1024)
def _compile(expression: str) -> Any:
    return cast("Any", jmespath).compile(expression)
