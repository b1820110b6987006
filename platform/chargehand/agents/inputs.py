"""What a run is started with: its JSON Schema, and the values that a graph is given of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, cast, get_type_hints

import orjson
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from typing_extensions import is_typeddict

Schema = Mapping[str, Any]

_CREATE_AGENT = "langchain.agents.factory"
_ROLES = ["user", "human", "assistant", "ai", "system", "developer"]
_MESSAGE, _ANY_MESSAGE = {"$ref": "#/$defs/HumanMessage"}, {"$ref": "#/$defs/BaseMessage"}
_BLOCK = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
_CONTENT = {"anyOf": [{"type": "string"}, {"type": "array", "items": _BLOCK}]}


def _message(kind: str, named: Schema, **more: Schema) -> dict[str, Any]:
    fields = {kind: named, "content": _CONTENT, **more}
    return {"type": "object", "title": "Message", "properties": fields, "required": list(fields)}


_MESSAGES: list[dict[str, Any]] = [
    _message("role", {"enum": _ROLES}),
    _message("type", {"enum": _ROLES}),
    _message("role", {"const": "tool"}, tool_call_id={"type": "string"}),
    _message("type", {"const": "tool"}, tool_call_id={"type": "string"}),
    {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"enum": _ROLES}, {"type": "string"}]},
    {"type": "string"},
]
"""Of what LangGraph makes messages: its own schema takes `{"content": "hi"}`, of which it makes none."""


def graph_input(compiled: Any, input_type: type[BaseModel] | None, value: Mapping[str, Any]) -> Any:
    """The input as Python values: a model's fields, because a graph's channels are its fields; the model itself for an
    `@entrypoint` that takes it.
    """
    wanted = _entry_type(compiled)
    if input_type is None:
        return dict(value) if wanted is None else TypeAdapter(wanted).validate_python(dict(value))
    parsed = input_type.model_validate(dict(value))
    if wanted is input_type:
        return parsed
    return {name: getattr(parsed, name) for name in input_type.model_fields}


def input_schema(compiled: Any) -> Schema:
    """A graph's own."""
    wanted = _entry_type(compiled)
    if wanted is not None:
        return TypeAdapter(wanted).json_schema()
    schema = _with_messages(derived(compiled.get_input_jsonschema))
    builder = getattr(compiled, "builder", None)
    state, given = getattr(builder, "state_schema", None), getattr(builder, "input_schema", None)
    if is_typeddict(state) and given is state:
        # LangGraph asks for no field of a state that is also the input: nodes write most of them.
        return {name: value for name, value in schema.items() if name != "required"}
    if getattr(given, "__module__", "") == _CREATE_AGENT:  # of all fields, which its middleware may write
        return {**schema, "required": ["messages"]}
    return schema


def derived(schema: Callable[[], dict[str, Any]]) -> Schema:
    """A graph's own schema; any object where its state has no JSON Schema (`typing.TypedDict` before Python 3.12)."""
    try:
        return _any_of(schema())
    except (PydanticUserError, PydanticSchemaGenerationError):
        return {"type": "object"}


def _entry_type(compiled: Any) -> Any:
    """The model or dataclass that an `@entrypoint` takes; None for what takes anything else."""
    if getattr(compiled, "builder", None) is not None or getattr(compiled, "input_channels", None) != "__start__":
        return None
    wanted = getattr(compiled.channels["__start__"], "typ", None)
    if isinstance(wanted, str):  # its module postpones annotations
        (node,) = compiled.nodes.values()
        wanted = _hint(getattr(node.bound, "afunc", None) or getattr(node.bound, "func", None))
    if not isinstance(wanted, type):
        return None
    kind = cast("type[Any]", wanted)
    return kind if issubclass(kind, BaseModel) or is_dataclass(kind) else None


def _hint(function: Any) -> Any:
    try:
        return get_type_hints(function)[next(iter(inspect.signature(function).parameters))]
    except (NameError, KeyError, TypeError, ValueError):
        return None


def _any_of(schema: Any) -> Any:
    """A message such as `{"role": "user", "content": "…"}` fits several of LangChain's kinds, and one is enough."""
    if isinstance(schema, list):
        return [_any_of(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    return {"anyOf" if name == "oneOf" else name: _any_of(value) for name, value in fields.items()}


def _with_messages(schema: Schema) -> Schema:
    fields = {name: _taking_messages(value) for name, value in schema.items() if name != "$defs"}
    refers = b"#/$defs/" in orjson.dumps(fields)
    return {"$defs": schema["$defs"], **fields} if refers and "$defs" in schema else fields


def _taking_messages(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_taking_messages(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    if fields == _ANY_MESSAGE:
        return {"anyOf": _MESSAGES}
    if _MESSAGE in (fields.get("anyOf") or ()):
        return {**fields, "anyOf": _MESSAGES}
    return {name: _taking_messages(value) for name, value in fields.items()}
