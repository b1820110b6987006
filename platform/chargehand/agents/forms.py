"""What a person is asked, as JSON Schema, and the answer, checked against it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import jsonschema_rs
from pydantic import BaseModel, TypeAdapter, ValidationError

from chargehand.errors import BadInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"^(\d+)\s*([smhdw])$")


def duration(given: str | timedelta) -> timedelta:
    """`90m`, `12h`, `2d` or a timedelta. Raises BadInput for anything else, and for a time of zero or less."""
    if isinstance(given, str):
        match = _DURATION.match(given.strip())
        if match is None:
            raise BadInput("write a time as a number and s, m, h, d or w", field="within", value=given)
        given = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if given <= timedelta(0):
        raise BadInput("a time to wait is longer than nothing", field="within", value=str(given))
    return given


def form_schema(form: Any) -> dict[str, Any]:
    """`{"question": …, "schema": …}` of a pydantic model, a JSON Schema or a sentence."""
    if isinstance(form, str):
        return {"question": form, "schema": {"type": "string", "title": "Answer", "minLength": 1}}
    if isinstance(form, type):
        schema = TypeAdapter(cast("type[Any]", form)).json_schema()
        return {"question": str(schema.get("description") or schema.get("title") or ""), "schema": schema}
    if isinstance(form, Mapping):
        schema = dict(cast("Mapping[str, Any]", form))
        return {"question": str(schema.get("description") or schema.get("title") or ""), "schema": schema}
    raise BadInput("a form is a pydantic model, a JSON Schema or a sentence", field="form", value=form)


def parse_answer(form: Any, answer: Any) -> Any:
    """The answer as the form's own type. Raises BadInput when it does not fit (it was checked when it was given)."""
    if isinstance(form, type) and issubclass(cast("type[Any]", form), BaseModel):
        try:
            return form.model_validate(answer)
        except ValidationError as error:
            raise _first(error, "answer") from None
    return answer


def check(value: Any, schema: Mapping[str, Any], *, field: str) -> None:
    """Raises BadInput that names the first field of `value` that does not fit the schema."""
    problems = list(jsonschema_rs.validator_for(dict(schema)).iter_errors(value))
    if problems:
        first = problems[0]
        path = ".".join((field, *(str(part) for part in first.instance_path)))
        given = first.instance if not isinstance(first.instance, Mapping) else None
        raise BadInput(first.message, field=path, value=given, way_out=_advice(schema, first.instance_path))


def _advice(schema: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """What the author says of the field, which tells more than the rule that it broke."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    described: Mapping[str, Any] = properties.get(str(path[0]), {}) if path else {}
    return str(described.get("description") or "")


def problems(value: Any, schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field of `value` that does not fit, as (path, sentence)."""
    return [
        (".".join(str(part) for part in error.instance_path), error.message)
        for error in jsonschema_rs.validator_for(dict(schema)).iter_errors(value)
    ]


def _first(error: ValidationError, field: str) -> BadInput:
    first = error.errors()[0]
    return BadInput(first["msg"], field=".".join((field, *map(str, first["loc"]))), value=first.get("input"))
