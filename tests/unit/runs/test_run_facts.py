"""Who acts is the run's own row's to say: the gateway worker asks it by the workflow's id, whatever a payload holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from chargehand.audit import log
from chargehand.database import Database
from chargehand.gateway.model import ToolCall
from chargehand.outcome import Outcome
from chargehand.runs import store
from chargehand.runs.activities import GatewayActivities
from chargehand.runs.keys import call_key
from chargehand.runs.payloads import Telling, ToolCallIn

RUN = "run_01FACTS"
AT = "2026-11-24T09:00:00.000000Z"


class Recording:
    """A fake gateway: remembers what it was asked, and calls nothing."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def call(self, call: ToolCall) -> Outcome:
        self.calls.append(call)
        return Outcome(state="succeeded", tool=call.tool, call_key=call.key)

    give_up = call


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path}/runs.db")
    db.create_schema()
    log.initialise(db)
    row = store.RunRow(
        id=RUN,
        tenant="demo",
        request_key="k",
        agent="clerk",
        agent_version="v1",
        title="",
        business_key="SO-1",
        state="running",
        principal="person:amy",
        chain='["person:amy","agent:clerk"]',
        signed_in_by="password",
        input="{}",
        created_at=AT,
    )
    db.write_now(lambda tx: tx.connection.execute(store.RUN.insert(), row.model_dump()))
    yield db
    db.close()


def activity_of(workflow_id: str, workflow_type: str) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_id=workflow_id, workflow_type=workflow_type)
    return environment


async def call_tool(db: Database, gateway: Recording, workflow_id: str = RUN, workflow_type: str = "clerk") -> Any:
    nobody: Any = None
    activities = GatewayActivities(db, gateway, nobody, nobody, nobody)
    given = ToolCallIn(tool="erp.get_order", arguments={"number": "SO-1"}, position=4, step="look", telling=Telling())
    return await activity_of(workflow_id, workflow_type).run(activities.tool_call, given)


async def test_the_row_says_who_acts(db: Database) -> None:
    gateway = Recording()
    await call_tool(db, gateway)
    (call,) = gateway.calls
    assert (call.tenant, call.run, call.chain) == ("demo", RUN, ("person:amy", "agent:clerk"))
    assert call.key == call_key("demo", RUN, 4)


@pytest.mark.parametrize(("workflow_id", "workflow_type"), [("run_unknown", "clerk"), (RUN, "other"), ("", "clerk")])
async def test_a_workflow_that_is_no_run_of_ours_calls_nothing(
    db: Database, workflow_id: str, workflow_type: str
) -> None:
    gateway = Recording()
    with pytest.raises(ApplicationError) as refused:
        await call_tool(db, gateway, workflow_id, workflow_type)
    assert (refused.value.type, refused.value.non_retryable) == ("NotARun", True)
    assert gateway.calls == []
