"""The two worker processes of the runtime benchmarks: `python runtime_workers.py gateway|agents`.

Both serve the product's queues and, beside them, queues of bare Temporal for the control arms. The system behind the
tools is a fake that answers after TOOL_MS, so that what is measured is ours; with ERP_ORDER it is the real ERP behind
its real MCP connector, and each call reads that order. Policy is a fake that allows, or asks for
`lab.refund`: Casbin has a benchmark of its own. Gateway, approvals, log, database and runtime are the real ones.
"""

from __future__ import annotations

import asyncio
import operator
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverterWithEncodedAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from typing_extensions import TypedDict

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from chargehand import agent, call, clock, tool
from chargehand.agents.catalog import AgentCatalog
from chargehand.approvals.service import ApprovalService
from chargehand.audit import log
from chargehand.connectors.declare import Result
from chargehand.connectors.model import Pin, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.database import Database
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.runs.activities import GatewayActivities
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.client import connect
from chargehand.runs.codec import EncryptionCodec, payload_key
from chargehand.runs.hops import ACTIVITY_LIMIT, HEARTBEAT, RETRY
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.outbox import Outbox
from chargehand.runs.payloads import Finish, Telling, ToolCallIn, ToolCallOut
from chargehand.runs.registry import register
from chargehand.runs.service import RunService, connected
from chargehand.settings import Settings
from chargehand.testing import FakeConnectors, ask_for
from chargehand.testing.policies import FakePolicy
from chargehand.testing.worlds import NoModel
from chargehand.worker.agents import agent_worker
from chargehand.worker.gateway import gateway_worker
from chargehand.worker.lifecycle import run, until_told
from chargehand_connectors import erp
from chargehand_connectors.erp.model import Order

ROOT = Path(__file__).parents[2]
CALLS = 5
ORDER = os.environ.get("ERP_ORDER", "")
"""An order of the real ERP."""
BARE_AGENTS, BARE_GATEWAY = "bare-agents", "bare-gateway"
PEOPLE = {"person:li": ("lead",)}


class Line(Result):
    line: int


@tool(effect="write", delivery="keyed", connector="lab", says="Book line {line}")
async def book(line: int) -> Line:
    """Book a line."""
    ...  # noqa: PIE790  # pyright takes it for a declaration


@tool(effect="irreversible", delivery="keyed", connector="lab", says="Refund line {line}")
async def refund(line: int) -> Line:
    """Refund a line; asks first."""
    ...  # noqa: PIE790  # pyright takes it for a declaration


class Pins:
    """The fake system's tools, as if a person had reviewed them."""

    def __init__(self) -> None:
        self._pins = FakeConnectors({}, [book, refund]).pins()

    def get(self, tool: str) -> Pin | None:
        return self._pins.get(tool)


class State(TypedDict, total=False):
    line: int
    log: Annotated[list[int], operator.add]


async def book_one(state: State) -> State:
    if ORDER:
        return {"log": [len((await call(erp.get_order, number=ORDER)).lines)]}
    return {"log": [(await call(book, line=len(state.get("log", ())))).line]}


async def refund_it(state: State) -> State:
    return {"log": [(await call(refund, line=state.get("line", 0))).line]}


def _five() -> Any:
    graph = StateGraph(State)
    graph.add_sequence([(f"book_{number}", book_one) for number in range(CALLS)])
    graph.add_edge(START, "book_0")
    return graph


def _parks() -> Any:
    graph = StateGraph(State)
    graph.add_node("refund", refund_it)
    graph.add_edge(START, "refund")
    return graph


five = agent(_five(), name="five", owner="group:lab", tools=[book, erp.get_order])
parks = agent(_parks(), name="parks", owner="group:lab", tools=[refund])
# Its workflow is `Same` below; its row lets the gateway worker know for whom it acts.
same = agent(_five(), name="same", owner="group:lab", tools=[book, erp.get_order])
CATALOG = AgentCatalog([five, parks, same])


@workflow.defn(name="bare")
class Bare:
    """Control: five activities that only call the system; nothing is asked, recorded or told."""

    @workflow.run
    async def run(self, given: dict[str, Any]) -> list[int]:  # noqa: ARG002  # the same shape as a run's input
        answers = [
            await workflow.execute_activity(
                "bare_call",
                {"number": ORDER} if ORDER else {"line": line},
                result_type=Order if ORDER else Line,
                task_queue=BARE_GATEWAY,
                start_to_close_timeout=ACTIVITY_LIMIT,
            )
            for line in range(CALLS)
        ]
        return list(range(len(answers)))


@workflow.defn(name="same")
class Same:
    """Control: the same governed activities, without graph, leaves and story."""

    @workflow.run
    async def run(self, given: dict[str, Any]) -> list[int]:  # noqa: ARG002  # the same shape as a run's input
        done: list[int] = []
        for line in range(CALLS):
            asked = ToolCallIn(
                tool="erp.get_order" if ORDER else "lab.book",
                arguments={"number": ORDER} if ORDER else {"line": line},
                position=line,
                step="",
                telling=Telling(),
            )
            answer = await workflow.execute_activity(
                "tool_call",
                asked,
                result_type=ToolCallOut,
                task_queue=QUEUE_GATEWAY,
                start_to_close_timeout=ACTIVITY_LIMIT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=RETRY,
            )
            assert answer.outcome is not None
            assert answer.outcome.succeeded, answer.outcome
            done.append(line)
        await workflow.execute_activity(
            "finish_run",
            Finish(state="succeeded", result={"log": done}, telling=Telling()),
            task_queue=QUEUE_GATEWAY,
            start_to_close_timeout=ACTIVITY_LIMIT,
            retry_policy=RETRY,
        )
        return done


class System:
    """The fake system behind the tools."""

    def __init__(self) -> None:
        self.seconds = float(os.environ.get("TOOL_MS", "0")) / 1000

    async def call(self, tool: str, arguments: Mapping[str, Any], **_: Any) -> ToolResult:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return ToolResult(tool, value={"line": arguments["line"]})


class Bared:
    """The control arm's activity: the system itself, or the connector as anybody would call it from an activity."""

    def __init__(self, system: System | ConnectorPool) -> None:
        self._system = system

    @activity.defn(name="bare_call")
    async def bare_call(self, given: dict[str, Any]) -> dict[str, Any] | None:
        name = "erp.get_order" if ORDER else "lab.book"
        deadline = clock.now() + timedelta(seconds=30)
        answer = await self._system.call(name, given, key=activity.info().activity_id.rjust(8, "0"), deadline=deadline)
        assert answer.failure is None, answer.failure
        return answer.value


async def stock(given: Settings) -> Client:
    """A client for the control arms: payloads encrypted alike, converters as the SDK has them."""
    codec = EncryptionCodec(payload_key(given.payload_key), BlobFolder(given.blobs))
    converter = replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    return await Client.connect(given.temporal_address, data_converter=converter)


def services(db: Database, client: Client) -> tuple[RunService, ApprovalService]:
    policy = asks()
    approvals = ApprovalService(db, policy)
    return RunService(db, connected(client), CATALOG, policy), approvals


def asks() -> FakePolicy:
    return ask_for("lab.refund", people=PEOPLE, days=30)


async def gateway(given: Settings) -> None:
    db = Database(given.database)
    log.initialise(db)
    client = await connect(given)
    runs, approvals = services(db, client)
    book_of_pins = PinBook(ROOT / "policies")
    pool = ConnectorPool([erp.connector], book_of_pins, environment=os.environ) if ORDER else None
    system = pool or System()
    desk = Desk(asks(), book_of_pins if pool else Pins(), system, "benchmark")
    activities = GatewayActivities(db, Gateway(db, desk), NoModel(), approvals, runs)
    outbox = asyncio.create_task(Outbox(db, runs, approvals).run())
    async with (
        gateway_worker(client, activities),
        Worker(client, task_queue=BARE_GATEWAY, activities=[Bared(system).bare_call]),
    ):
        await until_told(outbox)


async def agents(given: Settings) -> None:
    register(CATALOG)
    client = await connect(given)
    bare = Worker(
        await stock(given),
        task_queue=BARE_AGENTS,
        workflows=[Bare, Same],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    cached = int(os.environ.get("CACHED_RUNS", "500"))
    async with agent_worker(client, max_cached_runs=cached), bare:
        await until_told()


if __name__ == "__main__":
    run({"gateway": gateway, "agents": agents}[sys.argv[1]])
