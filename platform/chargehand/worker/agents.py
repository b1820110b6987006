"""The agent worker: `python -m chargehand.worker.agents`. Runs author code; holds no keys and no database.

Wiring only. It refuses to start when its environment holds a credential: author code must find nothing to take.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from chargehand.agents.catalog import AgentCatalog, discover_agents
from chargehand.errors import BadSettings
from chargehand.runs import tracing
from chargehand.runs.client import connect
from chargehand.runs.model import QUEUE_AGENTS
from chargehand.runs.node_activity import io_node
from chargehand.runs.plugin import langgraph_plugin
from chargehand.runs.registry import register
from chargehand.runs.releases import introduce, is_new, pinned_to, release_of
from chargehand.settings import UNVERSIONED, Settings
from chargehand.worker.lifecycle import run, until_told

GRACE = timedelta(seconds=10)
# About 0.14 MB each while it waits; one that is not in memory is replayed from its history when something happens.
MAX_CACHED_RUNS = 500
# A step that computes for longer is interrupted and tried again; the SDK's own 2 s are too few for a thousand branches
# on a busy machine. Below the 10 s that Temporal waits for a workflow task.
STEP_LIMIT = timedelta(seconds=8)
# How long a run waits for the worker that has it in memory, before any other may take it.
STICKY = timedelta(seconds=5)

# What a name of a variable with a credential ends in; the database URL may hold a password.
_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSWD", "_CREDENTIALS", "_DSN")
_NAMES = frozenset({"CHARGEHAND_DATABASE_URL", "DATABASE_URL", "PGPASSWORD"})


def refuse_credentials(environment: Mapping[str, str]) -> None:
    """Raises BadSettings that names the first variable that looks like a credential."""
    for name in sorted(environment):
        if environment[name] and (name in _NAMES or name.upper().endswith(_ENDINGS)):
            raise BadSettings(
                "an agent worker must not hold a credential",
                field=name,
                value="…",
                way_out="Start it without this variable; only the gateway worker needs it.",
            )


async def serve(given: Settings, catalog: AgentCatalog | None = None) -> None:
    """Serve the agents' queue until SIGTERM or SIGINT. Raises BadSettings, RuntimeUnavailable."""
    refuse_credentials(os.environ)
    tracing.setup("agents", given)
    agents = catalog or discover_agents()
    register(agents)
    client = await connect(given)
    release = None if given.release == UNVERSIONED else given.release or release_of(agents)
    # A worker that comes back routes nothing: an older release would take over from a newer one.
    new = release is not None and await is_new(client, release)
    async with agent_worker(client, release=release):
        if release is not None and new:
            await introduce(client, release, given.release_share)
        await until_told()


def agent_worker(
    client: Client,
    *,
    task_queue: str = QUEUE_AGENTS,
    max_cached_runs: int = MAX_CACHED_RUNS,
    release: str | None = None,
) -> Worker:
    """A worker for the registered agents. It keeps so many waiting runs in memory; others are replayed when needed.

    With a `release`, runs that begin on it stay on it, and wait while no worker of it is up.
    """
    pinned = None if release is None else pinned_to(release)
    worker = Worker(
        client,
        task_queue=task_queue,
        plugins=[langgraph_plugin()],
        activities=[io_node],
        max_cached_workflows=max_cached_runs,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
        deployment_config=pinned,
    )
    # The SDK has no public way to say this, but to switch it off.
    workflows: Any = worker._workflow_worker  # pyright: ignore[reportPrivateUsage]
    workflows._deadlock_timeout_seconds = STEP_LIMIT.total_seconds()
    return worker


if __name__ == "__main__":
    run(serve)
