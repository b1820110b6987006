"""The agents that this process knows: found through the entry point group `chargehand.agents`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from chargehand.agents.model import AgentSpec
from chargehand.discovery import AGENTS, discover
from chargehand.errors import BadInput, NotFound


class AgentCatalog(Mapping[str, AgentSpec]):
    """Agents by name. Immutable."""

    def __init__(self, agents: Iterable[AgentSpec]) -> None:
        """Raises BadInput when two agents have one name, or one delegates to an agent that is not there."""
        self._agents: dict[str, AgentSpec] = {}
        for one in agents:
            if one.name in self._agents and self._agents[one.name] is not one:
                raise BadInput("two agents have this name", field="agent.name", value=one.name)
            self._agents[one.name] = one
        for one in self._agents.values():
            for other in one.agents:
                if other not in self._agents:
                    raise BadInput("there is no such agent to delegate to", field=f"{one.name}.agents", value=other)

    def __getitem__(self, name: str) -> AgentSpec:
        return self._agents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._agents)

    def __len__(self) -> int:
        return len(self._agents)

    def find(self, name: str) -> AgentSpec:
        """The agent of that name. Raises NotFound that lists those there are."""
        if name not in self._agents:
            known = ", ".join(sorted(self._agents)) or "none"
            raise NotFound(f"There is no agent {name!r}.", way_out=f"Agents here: {known}.")
        return self._agents[name]

    def owner_of(self, principal: str) -> str:
        """Who owns the agent with this principal id; empty for one that is not here."""
        spec = self._agents.get(principal.removeprefix("agent:"))
        return spec.owner if spec else ""

    def amounts_of(self, principal: str) -> Mapping[str, Decimal]:
        """How much money one run of that agent may move, by currency."""
        spec = self._agents.get(principal.removeprefix("agent:"))
        return {} if spec is None else {unit: Decimal(limit) for unit, limit in spec.budget.amounts.items()}

    def warm(self) -> None:
        """Do what costs time or reads files now, not inside a workflow: versions, schemas, compiled graphs."""
        for one in self._agents.values():
            _ = (one.version, one.compiled, one.input_schema, one.output_schema)


def discover_agents() -> AgentCatalog:
    """All agents that the installed packages offer. Raises BadSettings that lists every failure."""
    return AgentCatalog(found.thing for found in discover(AGENTS, AgentSpec))
