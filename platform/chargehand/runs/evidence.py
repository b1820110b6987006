"""What Temporal says of a run that has not moved: one description, and the end of its history where a step has failed.

Temporal itself has no word for it: a step that fails is tried again for ever, and one that nobody takes waits for ever.
"""

from __future__ import annotations

from datetime import UTC, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, PendingActivityState, PendingWorkflowTaskState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock
from chargehand.errors import ChargehandError
from chargehand.runs.held_up import Evidence

QUIET = timedelta(seconds=30)
"""How long nobody may take a step before that is worth a word: a worker that is there takes it within milliseconds."""
FAILED_OFTEN = 3
ANSWER = timedelta(seconds=5)
_CALLS = {
    "tool_call": "a tool call",
    "model_call": "a model call",
    "person_task": "a question to a person",
    "io_node": "a node that runs beside the run",
    "finish_run": "writing down how it ended",
}
_LOOK_BACK = 12
_ANSWER_LATE = TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE


async def evidence(client: Client, run: str) -> Evidence | None:
    """Why the run does not move; None when it does, waits as it should, or is over. Raises RPCError."""
    try:
        description = await client.get_workflow_handle(run).describe(rpc_timeout=ANSWER)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if description.status is not WorkflowExecutionStatus.RUNNING:
        return None
    raw = description.raw_description
    release = raw.workflow_execution_info.versioning_info.deployment_version.build_id
    if raw.HasField("pending_workflow_task"):
        return await _of_step(client, run, raw.pending_workflow_task, release)
    for activity in raw.pending_activities:
        if (found := await _of_call(client, run, activity, release)) is not None:
            return found
    return None


async def _of_step(client: Client, run: str, task: PendingWorkflowTaskInfo, release: str) -> Evidence | None:
    """A step that failed says so once, in the history: the attempts after that leave nothing there."""
    times = (task.scheduled_time,) if task.attempt > 1 else (task.original_scheduled_time, task.scheduled_time)
    since = min(one.ToDatetime(UTC) for one in times if one.seconds)
    waits = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    if waits and clock.now() - since >= QUIET:
        return Evidence("step_waits", since, release=release)
    failed = await _last_failure(client, run) if task.attempt > 1 else None
    if failed is None:
        return None
    at = failed.event_time.ToDatetime(UTC)
    if failed.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        often = task.attempt > FAILED_OFTEN
        return Evidence("no_answer", at, attempts=task.attempt - 1, release=release) if often else None
    message, kind, trace = await _told(client, run, failed.workflow_task_failed_event_attributes.failure)
    return Evidence("step_fails", at, message=message, type=kind, trace=trace, release=release)


async def _of_call(client: Client, run: str, activity: PendingActivityInfo, release: str) -> Evidence | None:
    name = activity.activity_type.name
    call, by_agents = _CALLS.get(name, name), name == "io_node"
    waits = activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    due = activity.scheduled_time.ToDatetime(UTC)
    if activity.HasField("next_attempt_schedule_time"):
        due = max(due, activity.next_attempt_schedule_time.ToDatetime(UTC))
    if waits and clock.now() - due >= QUIET:
        return Evidence("call_waits", due, call=call, by_agents=by_agents, release=release if by_agents else "")
    if activity.attempt < FAILED_OFTEN or not activity.HasField("last_failure"):
        return None
    if activity.last_failure.HasField("timeout_failure_info"):
        return None  # whoever did it died, and another one does it now
    message, kind, trace = await _told(client, run, activity.last_failure)
    since = activity.last_attempt_complete_time.ToDatetime(UTC)
    return Evidence("call_fails", since, message=message, type=kind, trace=trace, call=call, by_agents=by_agents)


async def _last_failure(client: Client, run: str) -> HistoryEvent | None:
    """The event that its step failed, or was taken and not answered in time, if no step has succeeded since."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=run), maximum_page_size=_LOOK_BACK
    )
    answer = await client.workflow_service.get_workflow_execution_history_reverse(request, timeout=ANSWER)
    history = answer.history
    for event in history.events:
        timed_out = event.workflow_task_timed_out_event_attributes.timeout_type
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED or timed_out == _ANSWER_LATE:
            return event
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return None
    return None


async def _told(client: Client, run: str, failure: Failure) -> tuple[str, str, str]:
    """Message, type and trace of a failure, decrypted. With another key than ours that is the finding itself."""
    converter = client.data_converter.with_context(
        WorkflowSerializationContext(namespace=client.namespace, workflow_id=run)
    )
    plain = Failure()
    plain.CopyFrom(failure)
    try:
        error = await converter.decode_failure(plain)
    except ChargehandError as ours:
        return ours.detail, type(ours).__name__, ""
    if isinstance(error, FailureError) and error.failure is not None:
        plain = error.failure  # what it said is in it, decrypted
    return plain.message, plain.application_failure_info.type, plain.stack_trace
