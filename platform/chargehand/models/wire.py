"""A question's terms as OpenAI's wire format has them.

LangChain's words for which tool to use are wider than the wire's, and a shape that is to be kept strictly is written
as strict decoding asks for it: every field is required, none is extra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from chargehand.models.model import ModelRequest

Schema = Mapping[str, Any]

_OPEN = ("additionalProperties", "patternProperties", "oneOf", "not", "if", "prefixItems")
_NAMED = ("properties", "$defs")
"""What holds schemas by names of the author's."""
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64


def options(request: ModelRequest) -> dict[str, Any]:
    """What an endpoint is asked beside the messages."""
    found: dict[str, Any] = dict(request.options)
    if request.stop is not None:
        found["stop"] = request.stop
    if request.tools is not None:
        found["tools"] = [_strict_tool(one) for one in request.tools] if request.response_format else request.tools
    if request.tool_choice is not None:
        found["tool_choice"] = _choice(request.tool_choice, request.tools or [])
    if request.response_format is not None:
        found["response_format"] = _format(request.response_format)
    return found


def _choice(choice: Any, tools: list[dict[str, Any]]) -> Any:
    if choice is True or choice == "any":
        return "required"
    if isinstance(choice, str) and choice in {str(one.get("function", one).get("name")) for one in tools}:
        return {"type": "function", "function": {"name": choice}}
    return choice


def _format(wanted: dict[str, Any]) -> dict[str, Any]:
    form: Any = wanted.get("json_schema")
    if wanted.get("type") != "json_schema" or not isinstance(form, dict) or "schema" not in form:
        return wanted
    known = cast("dict[str, Any]", form)
    named = {**known, "name": _NOT_A_NAME.sub("_", str(known.get("name") or "answer"))[:_LONGEST_NAME]}
    if named.get("strict"):
        named |= {"schema": _strict(named["schema"])} if _can_be_strict(named["schema"]) else {"strict": False}
    return {**wanted, "json_schema": named}


def _strict_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """The endpoint's client takes tools beside a shape only where they are strict themselves."""
    function: dict[str, Any] = tool.get("function") or {}
    shape = function.get("parameters")
    if function.get("strict") or not shape or not _can_be_strict(shape):
        return tool
    return {**tool, "function": {**function, "strict": True, "parameters": _strict(shape)}}


def _can_be_strict(schema: Any) -> bool:
    """Whether each object in it lists its fields."""
    if isinstance(schema, list):
        return all(_can_be_strict(one) for one in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return True
    known = cast("dict[str, Any]", schema)
    if any(known.get(name) for name in _OPEN) or (known.get("type") == "object" and "properties" not in known):
        return False
    below: list[Any] = [one for name in _NAMED for one in (known.get(name) or {}).values()]
    below += [value for name, value in known.items() if name not in (*_NAMED, "enum", "const", "default")]
    return all(map(_can_be_strict, below))


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    known = cast("dict[str, Any]", schema)
    kept = {name: _strict(value) for name, value in known.items() if name not in ("default", *_NAMED)}
    for name in _NAMED:
        if name in known:
            kept[name] = {field: _strict(one) for field, one in known[name].items()}
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept
