"""Every tool that a policy may speak of: of connectors, `agent.<name>` to start an agent, `chargehand.<ability>`.

Policy lints its rules against this catalogue, so that a rule about a tool that does not exist is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chargehand.agents.model import AgentSpec
from chargehand.connectors.model import Connector
from chargehand.identity.abilities import ABILITIES, READING
from chargehand.policy.model import Catalogue, KnownTool

STEERING = {"run": "string", "hard": "boolean", "agent": "string", "principal": "string", "event": "string"}
"""What `chargehand.steer_runs` is decided on; see `runs.service`."""


def known_tools(connectors: Iterable[Connector], agents: Iterable[AgentSpec]) -> Catalogue:
    """The catalogue of an installation, by tool name."""
    tools: list[KnownTool] = []
    for connector in connectors:
        schemas = {tool.name: tool.input_schema for tool in connector.tools}
        tools += [KnownTool(one.tool, one.effect, schemas.get(one.tool, {})) for one in connector.reviews]
    tools += [KnownTool(f"agent.{spec.name}", "write", spec.input_schema) for spec in agents]
    for ability in ABILITIES:
        schema = _schema(STEERING if ability == "steer_runs" else {})
        tools.append(KnownTool(f"chargehand.{ability}", "read" if ability in READING else "write", schema))
    return {tool.name: tool for tool in tools}


def declared(agents: Mapping[str, AgentSpec]) -> Callable[[str], Mapping[str, str]]:
    """What conditions may read of an agent, by its principal id: owner and version of this installation's build."""

    def of_agent(principal: str) -> Mapping[str, str]:
        spec = agents.get(principal.removeprefix("agent:"))
        return {"owner": spec.owner, "version": spec.version} if spec else {}

    return of_agent


def _schema(properties: Mapping[str, str]) -> Mapping[str, Any]:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}
