"""Inputs that fit an agent's schema, for property tests: `@given_inputs(my_agent)`.

Made with hypothesis (install `chargehand[testing]`) from the JSON Schema that also makes the form. What a validator of
the author's refuses is left out, so every example is an input with which a run can be started.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import jsonschema_rs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput

Strategy = st.SearchStrategy[Any]
EXAMPLES = 20
_FORMATS: dict[str, Strategy] = {
    "date": st.dates().map(lambda one: one.isoformat()),
    "date-time": st.datetimes(timezones=st.timezones()).map(lambda one: one.isoformat()),
    "time": st.times().map(lambda one: one.isoformat()),
    "email": st.emails(),
    "uuid": st.uuids().map(str),
    "uri": st.from_regex(r"https://[a-z]{1,20}\.example/[a-z]{0,20}", fullmatch=True),
}
_SIZES = {"minLength": "min_size", "maxLength": "max_size", "minItems": "min_size", "maxItems": "max_size"}
_LONGEST = 200
"""Longer texts and lists find nothing more, and take their time."""


def inputs(agent: AgentSpec, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs of an agent, as JSON objects; `fixed` fields have the given values.

    Raises:
        BadInput: the schema uses what no input can be made from; names it.
    """
    schema = dict(agent.input_schema)
    made = _of(schema, schema.get("$defs", {}), "input")
    check = jsonschema_rs.validator_for(schema)

    def fits(value: Any) -> bool:
        if not check.is_valid(value):
            return False
        try:
            if agent.input_type is not None:
                agent.input_type.model_validate(value)
        except ValidationError:
            return False
        return True

    return cast("st.SearchStrategy[dict[str, Any]]", made.map(lambda one: {**one, **fixed}).filter(fits))


def given_inputs(
    agent: AgentSpec, *, examples: int = EXAMPLES, **fixed: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a test on many inputs; it takes each as its last parameter, and pytest's fixtures as the others.

    A fixture lives for all examples of a test: `governed` of the plugin makes a world of its own for each run.
    """

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        last = list(inspect.signature(test).parameters)[-1]
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors]
        limited = settings(max_examples=examples, deadline=None, suppress_health_check=checks)
        return limited(given(**{last: inputs(agent, **fixed)})(test))

    return decorate


def _of(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Strategy:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return st.deferred(lambda: _of(defs[name], defs, path))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([_of(one, defs, path) for one in either])
    if every := schema.get("allOf"):
        if len(every) == 1:
            return _of({**schema, **every[0], "allOf": None}, defs, path)
        raise BadInput("inputs can't be made from several schemas in allOf", field=path)
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list):
        return st.one_of([_of({**schema, "type": one}, defs, path) for one in cast("Sequence[str]", kind)])
    makers = {"object": _object, "array": _array}
    if kind in makers:
        return makers[kind](schema, defs, path)
    return _simple(schema, kind)


def _simple(schema: Mapping[str, Any], kind: Any) -> Strategy:
    match kind:
        case "string":
            return _string(schema)
        case "integer":
            low, high = _bounds(schema, 1)
            return st.integers(low, high)
        case "number":
            low, high = schema.get("minimum"), schema.get("maximum")
            under, over = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
            return st.floats(
                low if under is None else under,
                high if over is None else over,
                exclude_min=under is not None,
                exclude_max=over is not None,
                allow_nan=False,
                allow_infinity=False,
            )
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:  # no type: anything
            return st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=20)


def _string(schema: Mapping[str, Any]) -> Strategy:
    examples = [one for one in schema.get("examples", ()) if isinstance(one, str)]
    if pattern := schema.get("pattern"):
        made = st.from_regex(str(pattern)).filter(lambda one: not one.endswith("\n"))
    elif made := _FORMATS.get(str(schema.get("format", ""))):
        pass
    else:
        sizes = {ours: schema[theirs] for theirs, ours in _SIZES.items() if theirs in schema and "Length" in theirs}
        sizes["max_size"] = max(min(sizes.get("max_size", _LONGEST), _LONGEST), sizes.get("min_size", 0))
        made = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), **sizes)
    return st.sampled_from(examples) | made if examples else made


def _bounds(schema: Mapping[str, Any], step: int) -> tuple[int | None, int | None]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (under := schema.get("exclusiveMinimum")) is not None:
        low = under + step
    if (over := schema.get("exclusiveMaximum")) is not None:
        high = over - step
    return low, high


def _array(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Strategy:
    sizes = {ours: schema[theirs] for theirs, ours in _SIZES.items() if theirs in schema and "Items" in theirs}
    sizes["max_size"] = max(min(sizes.get("max_size", 5), 5), sizes.get("min_size", 0))
    if prefix := schema.get("prefixItems"):
        return st.tuples(*(_of(one, defs, f"{path}[{at}]") for at, one in enumerate(prefix))).map(list)
    items = _of(schema.get("items") or {}, defs, f"{path}[]")
    return st.lists(items, **sizes, unique_by=repr if schema.get("uniqueItems") else None)


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Strategy:
    fields: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    made = {name: _of(one, defs, f"{path}.{name}") for name, one in fields.items()}
    must = {name: one for name, one in made.items() if name in required}
    may = {name: one for name, one in made.items() if name not in required}
    more = schema.get("additionalProperties")
    if not fields and isinstance(more, dict):
        return st.dictionaries(
            st.text(min_size=1, max_size=20), _of(cast("Mapping[str, Any]", more), defs, path), max_size=5
        )
    return st.fixed_dictionaries(must, optional=may)
