"""What the project in a folder consists of: the packages with its agents, and the connectors that those agents use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from chargehand.agents.catalog import AgentCatalog
from chargehand.connectors.model import Connector
from chargehand.discovery import AGENTS, DemoSystem


def packages_in(folder: Path) -> dict[str, list[Path]]:
    """Installed packages of agents whose source is in the folder: their names, and where that is."""
    here, found = folder.resolve(), dict[str, list[Path]]()
    for point in sorted(set(entry_points(group=AGENTS)), key=lambda one: one.value):
        spec = find_spec(point.value)
        places = [Path(one).resolve() for one in (spec.submodule_search_locations or ())] if spec else []
        if mine := [one for one in places if one.is_relative_to(here)]:
            found[point.value] = mine
    return found


def connectors_used(agents: AgentCatalog, packages: Iterable[str]) -> frozenset[str]:
    """Names of the connectors whose tools the agents of these packages call, or those that they delegate to."""
    mine = tuple(f"{one}." for one in packages)
    left = [spec for spec in agents.values() if f"{spec.module}.".startswith(mine)]
    seen: set[str] = set()
    used: set[str] = set()
    while left:
        spec = left.pop()
        if spec.name not in seen:
            seen.add(spec.name)
            used |= {tool.connector for tool in spec.tools}
            left += [agents[one] for one in spec.agents]
    return frozenset(used)


def systems_for(
    used: Iterable[str], systems: Iterable[DemoSystem], connectors: Iterable[Connector], environment: Mapping[str, str]
) -> list[DemoSystem]:
    """The demo systems that those connectors reach, less those whose connectors are told of a system of one's own."""
    own = {one.name for one in connectors if any(environment.get(name) for name in one.environment)}
    needed = set(used) - own
    return [one for one in systems if not one.connectors or needed & set(one.connectors)]
