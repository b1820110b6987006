"""What a person is asked, as JSON Schema, and the answer, checked against it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import jsonschema_rs
from pydantic import BaseModel, TypeAdapter, ValidationError

from chargehand.errors import BadInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_ADDRESSEE = re.compile(r"(role|group|person):[^\s:]+")
_LARGEST_INTEGER = 2**63
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


def is_addressee(to: str) -> bool:
    """Whether `to` names whom a question can be put to: `role:…`, `group:…`, `person:…`, or `principal`, the run's own
    person.
    """
    return to == "principal" or _ADDRESSEE.fullmatch(to) is not None


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
    """Raises BadInput that names the first field of `value` that does not fit the schema, or is no JSON at all."""
    _check_json(value, field)
    problems = list(jsonschema_rs.validator_for(dict(schema)).iter_errors(value))
    if problems:
        first = problems[0]
        path = ".".join((field, *(str(part) for part in first.instance_path)))
        given = first.instance if not isinstance(first.instance, Mapping) else None
        raise BadInput(first.message, field=path, value=given, way_out=_advice(schema, first.instance_path))


def _check_json(value: Any, place: str) -> None:
    """What Python reads as JSON and nobody can keep: NaN, half a character, an integer of more than 64 bits."""
    match value:
        case float() if not math.isfinite(value):
            raise BadInput("a number is finite", field=place, value=str(value))
        case bool():
            return
        case int() if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            raise BadInput("an integer has at most 64 bits; write a longer one as text", field=place)
        case str() if _has_half(value):
            raise BadInput("the text holds half a character (a lone surrogate)", field=place)
        case Mapping():
            for name, one in cast("Mapping[Any, Any]", value).items():
                if _has_half(str(name)):
                    raise BadInput("a name holds half a character (a lone surrogate)", field=place)
                _check_json(one, f"{place}.{name}")
        case list() | tuple():
            for number, one in enumerate(cast("Sequence[Any]", value)):
                _check_json(one, f"{place}.{number}")
        case _:
            return


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _advice(schema: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """What the author says of the field, which tells more than the rule that it broke."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    described: Mapping[str, Any] = properties.get(str(path[0]), {}) if path else {}
    return str(described.get("description") or "")


def problems(value: Any, schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field of `value` that does not fit, as (path, sentence); of what is no JSON at all, the first."""
    try:
        _check_json(value, "")
    except BadInput as error:
        return [(error.field.removeprefix("."), error.detail.partition(": ")[2] or error.detail)]
    return [
        (".".join(str(part) for part in error.instance_path), error.message)
        for error in jsonschema_rs.validator_for(dict(schema)).iter_errors(value)
    ]


def _first(error: ValidationError, field: str) -> BadInput:
    first = error.errors()[0]
    return BadInput(first["msg"], field=".".join((field, *map(str, first["loc"]))), value=first.get("input"))
