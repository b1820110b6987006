"""`mcp_tool`: a tool of an MCP server that is not ours, by its name, for agents that know no more of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from chargehand.connectors.model import Tool
from chargehand.errors import BadInput
from chargehand.policy.model import Effect

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}\.[A-Za-z0-9_.-]{1,128}$")


def mcp_tool(
    name: str, *, effect: Effect = "write", description: str = "", input_schema: Mapping[str, Any] | None = None
) -> Tool[..., dict[str, Any]]:
    """The tool `connector.tool` of a server that `connectors.toml` names; `call` gives its answer as a dict.

    The answer is what the server calls its structured content, or else `{"content": [blocks]}`. What it does to the
    world is decided where it is pinned; `effect` is what this agent reckons with. Arguments are plain JSON, given by
    name; the gateway checks them against the pinned schema. `description` and `input_schema`, as the server publishes
    them, are needed where a model chooses the tool. For a tool with types, declare it: `@tool(connector="salesforce")`.

    Raises:
        BadInput: it is no name of a tool.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            "a tool of another server is named connector.tool, as in connectors.toml", field="tool", value=name
        )
    arguments: type[BaseModel] = create_model("Arguments", __config__=ConfigDict(extra="allow", frozen=True))

    async def by_name(**_arguments: Any) -> dict[str, Any]:
        raise NotImplementedError  # a declaration is never run

    return Tool(
        name=name,
        signature=by_name,
        effect=effect,
        delivery="safe" if effect == "read" else "once",
        description=description or f"The tool {name}.",
        input_schema=dict(input_schema or {"type": "object"}),
        output_schema={"type": "object"},
        result_type=dict[str, Any],
        input_type=arguments,
    )
