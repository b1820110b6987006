"""Chargehand: digital employees that a company can trust with its real systems.

What an agent's author imports. Every name is looked up when it is first used, so that `import chargehand` costs
nothing and a connector's process never loads LangGraph.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chargehand.agents.chat import chat_model, has_model
    from chargehand.agents.declare import agent
    from chargehand.agents.io_node import io_node
    from chargehand.agents.langchain_tools import agent_tool, as_langchain_tools
    from chargehand.agents.leaves import (
        ask_person,
        attempt,
        call,
        not_done,
        note,
        now,
        patience,
        run_agent,
        sleep_until,
        wait_for,
    )
    from chargehand.agents.model import AgentSpec, Budget, Undo
    from chargehand.connectors.declare import tool
    from chargehand.connectors.foreign import mcp_tool
    from chargehand.connectors.model import Connector, Tool
    from chargehand.errors import (
        CallDenied,
        CallExpired,
        CallFailed,
        CallInDoubt,
        CallNotDone,
        CallRejected,
        ChargehandError,
    )
    from chargehand.outcome import Outcome

_HOMES = {
    "AgentSpec": "agents.model",
    "Budget": "agents.model",
    "CallDenied": "errors",
    "CallExpired": "errors",
    "CallFailed": "errors",
    "CallInDoubt": "errors",
    "CallNotDone": "errors",
    "CallRejected": "errors",
    "ChargehandError": "errors",
    "Connector": "connectors.model",
    "Outcome": "outcome",
    "Tool": "connectors.model",
    "Undo": "agents.model",
    "agent": "agents.declare",
    "agent_tool": "agents.langchain_tools",
    "as_langchain_tools": "agents.langchain_tools",
    "ask_person": "agents.leaves",
    "attempt": "agents.leaves",
    "call": "agents.leaves",
    "chat_model": "agents.chat",
    "has_model": "agents.chat",
    "io_node": "agents.io_node",
    "mcp_tool": "connectors.foreign",
    "not_done": "agents.leaves",
    "note": "agents.leaves",
    "now": "agents.leaves",
    "patience": "agents.leaves",
    "run_agent": "agents.leaves",
    "sleep_until": "agents.leaves",
    "tool": "connectors.declare",
    "wait_for": "agents.leaves",
}

__all__ = [
    "AgentSpec",
    "Budget",
    "CallDenied",
    "CallExpired",
    "CallFailed",
    "CallInDoubt",
    "CallNotDone",
    "CallRejected",
    "ChargehandError",
    "Connector",
    "Outcome",
    "Tool",
    "Undo",
    "agent",
    "agent_tool",
    "as_langchain_tools",
    "ask_person",
    "attempt",
    "call",
    "chat_model",
    "has_model",
    "io_node",
    "mcp_tool",
    "not_done",
    "note",
    "now",
    "patience",
    "run_agent",
    "sleep_until",
    "tool",
    "wait_for",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'chargehand' has no attribute {name!r}")
    value = getattr(import_module(f"chargehand.{home}"), name)
    globals()[name] = value  # looked up once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
