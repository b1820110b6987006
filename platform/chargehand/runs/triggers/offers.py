"""Which reviewed tools offer messages: a read that takes `after` and answers `{"messages": […], "cursor"}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chargehand.connectors.model import Pin

AFTER = "after"
"""The argument that is the intake's own: how far was read."""
ANSWERS = ("messages", "cursor")


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that messages can be read with. `fields`: what its definition says that a message holds, if it does."""

    tool: str
    description: str
    input_schema: Mapping[str, Any]
    fields: tuple[str, ...]


def offer_of(pin: Pin) -> Offer | None:
    """None: it offers no messages. `input_schema` is without `after`."""
    takes: Mapping[str, Any] = pin.input_schema.get("properties", {})
    gives: Mapping[str, Any] = (pin.output_schema or {}).get("properties", {})
    if pin.effect != "read" or AFTER not in takes or any(name not in gives for name in ANSWERS):
        return None
    own = {name: schema for name, schema in takes.items() if name != AFTER}
    required = [name for name in pin.input_schema.get("required", ()) if name != AFTER]
    schema = {**pin.input_schema, "properties": own, "required": required}
    return Offer(pin.tool, str(pin.definition.get("description", "")), schema, _fields(pin.output_schema or {}))


def _fields(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a message's fields, in the order of the definition."""
    item: Mapping[str, Any] = schema["properties"]["messages"].get("items", {})
    reference = str(item.get("$ref", "")).removeprefix("#/$defs/")
    item = schema.get("$defs", {}).get(reference, item)
    return tuple(item.get("properties", {}))
