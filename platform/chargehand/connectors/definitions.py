"""The reviewed definitions of tools, for those who look at a call and not at a connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chargehand.connectors import schemas, strict
from chargehand.connectors.pins import PinBook
from chargehand.connectors.sentence import sentence
from chargehand.errors import BadInput, BadPolicy


@dataclass(frozen=True, slots=True)
class PinnedDefinitions:
    """What approvals need of the pins (`approvals.model.Definitions`)."""

    pins: PinBook

    def input_schema(self, tool: str) -> dict[str, Any] | None:
        try:
            pin = self.pins.get(tool)
        except BadPolicy:
            return None
        return dict(pin.input_schema) if pin else None

    def says(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        try:
            pin = self.pins.get(tool)
        except BadPolicy:
            return {}
        templates = {"en": pin.says, "zh": pin.says_zh} if pin else {}
        return {language: sentence(said, arguments, tool=tool) for language, said in templates.items() if said}

    def check(self, tool: str, arguments: dict[str, Any], *, field: str) -> None:
        schema = self.input_schema(tool)
        if schema is None:
            raise BadInput(f"{tool} is not a reviewed tool, so nothing can be suggested for it.", field=field)
        try:
            strict.check(arguments)
        except ValueError as error:
            raise BadInput(f"this is not strict JSON: {error}", field=field) from None
        schemas.check(schema, arguments, field=field)
