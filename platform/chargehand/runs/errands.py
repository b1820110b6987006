"""Connectors for a process that holds no credentials of theirs: it asks the gateway worker, which does.

The API decides and records a call as every gateway does; only the last step, the message to the system, is an errand:
a row in the database that says what to send, and a Temporal activity of its own (no workflow) that carries the row's
id. The worker takes the row once. So an errand that is still in its row was provably not sent, and one that was taken
and not answered is ambiguous. Nothing is repeated here: the gateway knows what may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.client import ActivityFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from chargehand import clock, ids
from chargehand.connectors.changes import Change, compare
from chargehand.connectors.model import Connector, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import Health, Quarantine
from chargehand.database import Database
from chargehand.errors import (
    Ambiguous,
    BadInput,
    BadPolicy,
    ChargehandError,
    ConnectorUnavailable,
    NotFound,
    Quarantined,
    RuntimeUnavailable,
)
from chargehand.outcome import Failure
from chargehand.runs import errand_store as store
from chargehand.runs.client import Connect
from chargehand.runs.heartbeat import heartbeat
from chargehand.runs.model import QUEUE_GATEWAY

LOOK_SECONDS = 65.0
"""How long a connector may take to start and list its tools."""

KILLED_AFTER = timedelta(seconds=10)
KEPT = timedelta(hours=1)

ERRORS: Mapping[str, type[ChargehandError]] = {
    each.code: each for each in (Ambiguous, BadInput, BadPolicy, ConnectorUnavailable, NotFound, Quarantined)
}


class Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: Literal["call", "definitions", "health"]
    name: str
    """The tool, or the connector."""
    arguments: dict[str, Any] = {}
    key: str = ""
    deadline: datetime | None = None


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    value: Any = None
    failure: Failure | None = None
    error: str = ""
    detail: str = ""
    way_out: str = ""


class Sessions(Protocol):
    """Who does the errands; see `connectors.pool.ConnectorPool`."""

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult: ...

    async def definitions(self, connector: str) -> Mapping[str, Mapping[str, Any]]: ...

    async def health(self, connector: str) -> Health: ...


class Errands:
    """The gateway worker's side: an activity."""

    def __init__(self, db: Database, tenant: str, sessions: Sessions) -> None:
        self._db = db
        self._tenant = tenant
        self._sessions = sessions

    @activity.defn(name="errand")
    async def do(self, errand: str) -> None:
        """Do what the row says, once, and write the answer beside it."""
        text = await self._db.write(lambda tx: store.take(tx, self._tenant, errand))
        if not text:
            raise ApplicationError(f"There is no errand {errand!r} to do.", type="NoErrand", non_retryable=True)
        async with heartbeat():
            try:
                answer = await self._answer(Request.model_validate_json(text))
            except ChargehandError as error:
                answer = Answer(error=error.code, detail=error.detail, way_out=error.way_out)
        said = answer.model_dump_json()
        await self._db.write(lambda tx: store.answer(tx, self._tenant, errand, said))

    async def _answer(self, request: Request) -> Answer:
        if request.kind == "definitions":
            return Answer(
                value={name: dict(one) for name, one in (await self._sessions.definitions(request.name)).items()}
            )
        if request.kind == "health":
            return Answer(value=_shown(await self._sessions.health(request.name)))
        if request.deadline is None:
            raise BadInput("a call has a deadline", field="deadline")
        result = await self._sessions.call(request.name, request.arguments, key=request.key, deadline=request.deadline)
        return Answer(value=result.value, failure=result.failure)


class RemoteConnectors:
    """The API's side: what it needs of a `ConnectorPool`, without a session of its own."""

    def __init__(
        self,
        db: Database,
        tenant: str,
        client: Connect,
        connectors: tuple[Connector, ...],
        pins: PinBook,
        quarantine: Quarantine,
    ) -> None:
        self.connectors = connectors
        self._db = db
        self._tenant = tenant
        self._client = client
        self._pins = pins
        self._quarantine = quarantine

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        """As `ConnectorPool.call`, with the same four ends."""
        left = (deadline - clock.now()).total_seconds()
        if left <= 0:
            raise ConnectorUnavailable(f"The deadline of the call of {tool} had passed before it was sent.")
        request = Request(kind="call", name=tool, arguments=dict(arguments), key=key, deadline=deadline)
        answer = await self._ask(request, left)
        return ToolResult(tool, value=answer.value, failure=answer.failure)

    async def definitions(self, connector: str) -> Mapping[str, Mapping[str, Any]]:
        """As `ConnectorPool.definitions`."""
        try:
            return (await self._ask(Request(kind="definitions", name=connector), LOOK_SECONDS)).value
        except Ambiguous as error:  # it changes nothing, so not to know is not to reach it
            raise ConnectorUnavailable(error.detail, way_out=error.way_out) from error

    async def check(self, connector: str) -> list[Change]:
        """As `ConnectorPool.check`."""
        changes = compare(self._pins.of(connector), await self.definitions(connector))
        if changes:
            await self._quarantine.note(connector, changes)
        return changes

    async def health(self, connector: str) -> Health:
        """As `ConnectorPool.health`; down too when no gateway worker answers."""
        try:
            return Health(**(await self._ask(Request(kind="health", name=connector), LOOK_SECONDS)).value)
        except (ConnectorUnavailable, Ambiguous) as error:
            return Health(connector, "down", str(error))

    async def _ask(self, request: Request, seconds: float) -> Answer:
        errand, now = ids.new_id("ern"), clock.now()
        try:
            client = await self._client()
        except RuntimeUnavailable as error:
            raise ConnectorUnavailable(f"The gateway can't be asked: {error.detail}", way_out=error.way_out) from error
        text = request.model_dump_json()
        await self._db.write(lambda tx: store.add(tx, self._tenant, errand, text, now, forget_before=now - KEPT))
        try:
            await client.execute_activity(
                "errand",
                errand,
                id=errand,
                task_queue=QUEUE_GATEWAY,
                schedule_to_close_timeout=timedelta(seconds=seconds),
                heartbeat_timeout=KILLED_AFTER,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except (ActivityFailureError, RPCError):
            pass  # the row knows better how far it came
        finally:
            ended = await self._db.write(lambda tx: store.end(tx, self._tenant, errand))
        if ended.state == "asked":
            raise ConnectorUnavailable("No gateway worker took the request in time.", way_out="Is one running?")
        if ended.state != "answered":
            raise Ambiguous(f"The gateway worker took the request about {request.name}, and gave no answer.")
        answer = Answer.model_validate_json(ended.answer)
        if answer.error:
            raise ERRORS.get(answer.error, Ambiguous)(answer.detail, way_out=answer.way_out)
        return answer


def _shown(health: Health) -> dict[str, Any]:
    return {name: getattr(health, name) for name in Health.__slots__}
