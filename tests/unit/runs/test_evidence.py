"""What is read from Temporal's description of a run, and from the end of its history. Temporal is a stand-in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType, PendingActivityState, PendingWorkflowTaskState, TimeoutType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from chargehand import clock
from chargehand.runs.evidence import evidence

SCHEDULED = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
STARTED = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
DONE = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
LATE = EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT


class Temporal:
    """A stand-in that describes one run."""

    namespace = "default"
    data_converter = pydantic_data_converter
    status = WorkflowExecutionStatus.RUNNING

    def __init__(self) -> None:
        self.raw_description = DescribeWorkflowExecutionResponse()
        self.events: list[HistoryEvent] = []

    @property
    def workflow_service(self) -> Any:
        return self

    def get_workflow_handle(self, _run: str) -> Any:
        return self

    async def describe(self, **_: Any) -> Any:
        return self

    async def get_workflow_execution_history_reverse(self, _request: Any, **_: Any) -> Any:
        history = type("History", (), {"events": self.events})
        return type("Response", (), {"history": history})

    def step(self, *, state: Any = STARTED, attempt: int = 1, ago: float = 0) -> None:
        task = self.raw_description.pending_workflow_task
        task.state, task.attempt = state, attempt
        task.scheduled_time.FromDatetime(clock.now() - timedelta(seconds=ago))
        task.original_scheduled_time.CopyFrom(task.scheduled_time)

    def happened(self, *kinds: Any, message: str = "Boom") -> None:
        """The newest first."""
        for kind in kinds:
            event = HistoryEvent(event_type=kind)
            if kind == FAILED:
                event.workflow_task_failed_event_attributes.failure.message = message
            if kind == LATE:
                late = event.workflow_task_timed_out_event_attributes
                late.timeout_type = TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
            self.events.append(event)

    def call(self, name: str, *, attempt: int = 1, ago: float = 0, waits: bool = True, message: str = "") -> None:
        states = PendingActivityState
        activity = self.raw_description.pending_activities.add(attempt=attempt)
        activity.activity_type.name = name
        activity.state = states.PENDING_ACTIVITY_STATE_SCHEDULED if waits else states.PENDING_ACTIVITY_STATE_STARTED
        activity.scheduled_time.FromDatetime(clock.now() - timedelta(seconds=ago))
        if message:
            activity.last_failure.message = message

    async def says(self) -> Any:
        stand_in: Any = self
        return await evidence(stand_in, "run_1")


async def test_a_run_without_a_pending_step_or_call_waits_as_it_should() -> None:
    assert await Temporal().says() is None


@pytest.mark.parametrize(("ago", "held"), [(10, False), (40, True)])
async def test_a_step_that_nobody_takes(ago: float, held: bool) -> None:
    temporal = Temporal()
    temporal.step(state=SCHEDULED, ago=ago)
    found = await temporal.says()
    assert (found is not None and found.what == "step_waits") is held


async def test_a_step_that_failed_says_what_the_worker_said() -> None:
    temporal = Temporal()
    temporal.step(attempt=2)
    temporal.happened(FAILED, DONE)
    found = await temporal.says()
    assert (found.what, found.message) == ("step_fails", "Boom")


async def test_a_failure_before_the_last_success_is_old_news() -> None:
    temporal = Temporal()
    temporal.step(attempt=2)
    temporal.happened(DONE, FAILED)
    assert await temporal.says() is None


@pytest.mark.parametrize(("attempt", "held"), [(2, False), (3, False), (4, True)])
async def test_a_worker_that_never_answers(attempt: int, held: bool) -> None:
    """Once or twice is a worker that died, and whose work another one does."""
    temporal = Temporal()
    temporal.step(attempt=attempt)
    temporal.happened(LATE, DONE)
    found = await temporal.says()
    assert (found is not None and (found.what, found.attempts) == ("no_answer", attempt - 1)) is held


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ({"ago": 10}, None),
        ({"ago": 40}, "call_waits"),
        ({"ago": 40, "waits": False}, None),  # a model that takes long
        ({"attempt": 2, "message": "Boom"}, None),
        ({"attempt": 3, "message": "Boom"}, "call_fails"),
    ],
)
async def test_a_call(call: dict[str, Any], what: str | None) -> None:
    temporal = Temporal()
    temporal.call("model_call", **call)
    found = await temporal.says()
    assert (found.what if found else None) == what


async def test_a_node_beside_the_run_is_done_by_an_agents_worker_of_its_release() -> None:
    temporal = Temporal()
    temporal.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id = "v1"
    temporal.call("io_node", ago=40)
    found = await temporal.says()
    assert (found.by_agents, found.release) == (True, "v1")
