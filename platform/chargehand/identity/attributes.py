"""What may be said of a person for policy to read: names, values, and what a change comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chargehand.errors import BadInput
from chargehand.identity.model import AttributeChange

NAME = r"^[a-z][a-z0-9_]{0,62}$"
RESERVED = frozenset({"id"})
"""Names that conditions know already."""
MAX_ATTRIBUTES = 32
MAX_VALUE_LENGTH = 200


def apply(
    before: Mapping[str, str], changes: Mapping[str, str | None]
) -> tuple[dict[str, str], tuple[AttributeChange, ...]]:
    """The attributes after `changes` (None takes one away), and what really changed, by name.

    Raises:
        BadInput: a name or value can't be one, or there would be more than 32.
    """
    after = dict(before)
    for name, value in changes.items():
        if value is None:
            after.pop(name, None)
            continue
        check(name, value)
        after[name] = value
    if len(after) > MAX_ATTRIBUTES:
        raise BadInput(
            "There are too many attributes.", field="attributes", value=len(after), way_out=f"Keep {MAX_ATTRIBUTES}."
        )
    names = sorted({*before, *after})
    changed = [AttributeChange(name, before.get(name), after.get(name)) for name in names]
    return after, tuple(one for one in changed if one.before != one.after)


def check(name: str, value: str) -> None:
    """Raises BadInput for what conditions could not read, or people not see."""
    if re.fullmatch(NAME, name) is None or name in RESERVED:
        raise BadInput(
            "is no name of an attribute",
            field="attributes",
            value=name,
            way_out="Use lower-case letters, digits and _, beginning with a letter; `id` is taken.",
        )
    if not value.strip() or value != value.strip() or len(value) > MAX_VALUE_LENGTH or not value.isprintable():
        raise BadInput(
            "can't be the value of an attribute",
            field=f"attributes.{name}",
            value=value,
            way_out=f"Use 1 to {MAX_VALUE_LENGTH} printable characters without spaces around; null takes it away.",
        )
