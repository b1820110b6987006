"""Try the agents of this project in a fresh process: `python -m chargehand.cli.agents_check RUN…`.

Imports every agent, compiles its graph and the policy, and replays the runs in flight on the new code. Prints JSON:
`{"agents": {name: version}, "runs": in flight, "waits": {run: why}, "systems": {name of a demo system needed: title}}`;
or ends with 1 and says what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from chargehand.agents.catalog import AgentCatalog, discover_agents
from chargehand.agents.known import known_tools
from chargehand.cli.project import connectors_used, packages_in, systems_for
from chargehand.connectors.registry import load_connectors
from chargehand.discovery import discover_demo_systems
from chargehand.errors import ChargehandError, Conflict
from chargehand.policy.service import PolicyService
from chargehand.runs.client import connect
from chargehand.runs.moments import film_of, open_runs
from chargehand.settings import settings

MOST_RUNS = 50


async def waiting_runs(agents: AgentCatalog) -> tuple[int, dict[str, str]]:
    """How many runs are in flight, and which of them do not fit the code that is here, with why."""
    client = await connect(settings(), wait_seconds=5)
    runs = await open_runs(client, limit=MOST_RUNS)
    waits: dict[str, str] = {}
    for run in runs:
        try:
            await film_of(client, agents, run)
        except Conflict as error:
            waits[run] = error.detail
        except ChargehandError:  # it has ended meanwhile
            continue
    return len(runs), waits


def main() -> int:
    # Temporal's core writes to standard output, where only the answer belongs.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        agents = discover_agents()
        agents.warm()
        connectors = load_connectors(settings().policies)
        PolicyService.from_folder(settings().policies, known_tools(connectors, agents.values()))
        used = connectors_used(agents, packages_in(Path.cwd()))
        systems = systems_for(used, [one.thing for one in discover_demo_systems()], connectors, os.environ)
        count, waits = asyncio.run(waiting_runs(agents))
    except ChargehandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with answer:
        versions = {name: spec.version for name, spec in agents.items()}
        needed = {one.name: one.title for one in systems}
        answer.write(json.dumps({"agents": versions, "runs": count, "waits": waits, "systems": needed}))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the interpreter sometimes aborts while it unloads Temporal's core
