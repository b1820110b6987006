"""What the MCP endpoint offers and answers, in MCP's own shapes (spec 2026-07-28, server/tools). No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types
import orjson

from chargehand.agents.model import AgentSpec
from chargehand.connectors.incoming import KEY_META
from chargehand.connectors.service import ToolStatus
from chargehand.errors import Ambiguous, ChargehandError, Unavailable
from chargehand.runs.model import RunDetail

AGENT = "agent."
RUN_TOOL = "chargehand.get_run"
RUN_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"run": {"type": "string", "description": "Run id, e.g. run_01…"}},
    "required": ["run"],
    "additionalProperties": False,
}


def governed_tool(tool: ToolStatus) -> types.Tool:
    """A connector's tool. Only what is safe to repeat is said to be idempotent: clients know nothing of our keys."""
    return types.Tool.model_validate(
        {
            "name": tool.tool,
            "title": tool.tool,
            "description": tool.description,
            "inputSchema": dict(tool.input_schema),
            "annotations": {
                "readOnlyHint": tool.effect == "read",
                "destructiveHint": tool.effect == "irreversible",
                "idempotentHint": tool.delivery == "safe",
            },
            "_meta": {"chargehand/effect": tool.effect, "chargehand/delivery": tool.delivery},
        }
    )


def agent_tool(spec: AgentSpec) -> types.Tool:
    """An agent: calling it starts a run."""
    return types.Tool.model_validate(
        {
            "name": AGENT + spec.name,
            "title": spec.title,
            "description": f"Starts a run. {spec.description}",
            "inputSchema": dict(spec.input_schema),
            "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False},
        }
    )


def run_tool() -> types.Tool:
    """How to look at a run that an agent's tool started."""
    return types.Tool.model_validate(
        {
            "name": RUN_TOOL,
            "title": "How a run stands",
            "description": "State, what it waits for, and its result.",
            "inputSchema": dict(RUN_SCHEMA),
            "annotations": {"readOnlyHint": True},
        }
    )


def answer(content: Mapping[str, Any], *, is_error: bool) -> types.CallToolResult:
    """A result as structured content, and the same as text for clients that read only that."""
    text = orjson.dumps(dict(content), default=str)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text.decode())],
        structured_content=orjson.loads(text),
        is_error=is_error,
    )


def refused(error: ChargehandError, key: str) -> types.CallToolResult:
    """An error as data. With the key, because a call whose end is unclear may only be repeated under the same key."""
    state, again = "refused", ""
    if isinstance(error, Ambiguous):
        state, again = "unclear", "It may have happened. "
    elif isinstance(error, Unavailable):
        state = "not_done_yet"
    content = error.problem() | {"state": state}
    if key:
        content["key"] = key
        if state != "refused":
            content["what_to_do"] = f'{again}Make exactly this call again, with _meta["{KEY_META}"] = "{key}".'
    return answer(content, is_error=True)


def shown(run: RunDetail) -> dict[str, Any]:
    """A run as its starter sees it."""
    return {
        "run": run.id,
        "state": run.state,
        "title": run.title,
        "waits_for": [waiting.sentence for waiting in run.waiting],
        "result": run.result,
        "failure": run.failure.detail if run.failure else "",
    }
