"""Which node of the graph is running: LangGraph keeps it in the runnable's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables.config import var_child_runnable_config


@dataclass(frozen=True, slots=True)
class Where:
    """`path` names the node through its subgraphs, e.g. `refund/credit`; `task` is LangGraph's id of this execution."""

    path: str
    node: str
    task: str
    attempt: int


NOWHERE = Where("", "", "", 1)


def where() -> Where:
    """The place of the code that asks; NOWHERE outside of a node."""
    config = var_child_runnable_config.get()
    if not config:
        return NOWHERE
    configurable: dict[str, Any] = config.get("configurable") or {}
    metadata: dict[str, Any] = config.get("metadata") or {}
    task = str(configurable.get("__pregel_task_id") or "")
    runtime = configurable.get("__pregel_runtime")
    execution = getattr(runtime, "execution_info", None)
    attempt = int(getattr(execution, "node_attempt", 1) or 1)
    node = str(metadata.get("langgraph_node") or "")
    return Where(path(str(configurable.get("checkpoint_ns") or "")) or node, node, task, attempt)


def path(namespace: str) -> str:
    """`refund:8f…|credit:1c…` → `refund/credit`: the names without LangGraph's ids."""
    return "/".join(part.partition(":")[0] for part in namespace.split("|") if part and not part.isdigit())
