"""Which agents this worker runs: set once, before the worker starts, and only read inside workflows."""

from __future__ import annotations

from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.model import AgentSpec
from chargehand.errors import NotFound

_catalog: AgentCatalog | None = None


def register(catalog: AgentCatalog) -> None:
    """Make `catalog` the agents of this process, and do now what would read files inside a workflow."""
    global _catalog  # one worker a process, and a workflow takes no arguments but its payload
    catalog.warm()
    _catalog = catalog


def agent_of_worker(name: str) -> AgentSpec:
    """The agent of that name. Raises NotFound when this worker does not have it."""
    if _catalog is None:
        raise NotFound("This worker has no agents.", way_out="Call chargehand.runs.registry.register first.")
    return _catalog.find(name)
