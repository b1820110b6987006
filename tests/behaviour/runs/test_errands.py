"""A process without credentials asks the gateway worker: on a real Temporal, with the same four ends as a pool."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.worker import Worker

from chargehand import clock
from chargehand.connectors.changes import Change
from chargehand.connectors.model import Pin, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import Health
from chargehand.database import Database
from chargehand.errors import Ambiguous, ChargehandError, ConnectorUnavailable, Quarantined, RuntimeUnavailable
from chargehand.outcome import Failure
from chargehand.runs.client import connect
from chargehand.runs.errands import Errands, RemoteConnectors
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.service import connected
from chargehand.settings import Settings
from chargehand.worker.dev_server import dev_server
from fixtures.stack import free_ports

KEY = "k" * 64


class Systems:
    """A fake pool, with books of what reached it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], str]] = []
        self.answer: ToolResult | ChargehandError = ToolResult("erp.refund", value={"document": "D-1"})
        self.hold: asyncio.Event | None = None
        self.began = asyncio.Event()

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        self.calls.append((tool, dict(arguments), key))
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.answer, ChargehandError):
            raise self.answer
        return self.answer

    async def definitions(self, connector: str) -> Mapping[str, Mapping[str, Any]]:
        if isinstance(self.answer, ChargehandError):
            raise self.answer
        return {"refund": {"name": "refund", "connector": connector}}

    async def health(self, connector: str) -> Health:
        return Health(connector, "up", "", 3, 0.01)


class NoQuarantine:
    async def blocked(self, pin: Pin) -> bool:
        return False

    async def note(self, connector: str, changes: Any) -> None:
        self.noted: list[Change] = list(changes)


@pytest.fixture(scope="module")
def temporal() -> Iterator[str]:
    (port,) = free_ports(1)
    process = subprocess.Popen(dev_server(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
async def client(temporal: str, tmp_path: Path) -> Client:
    return await connect(Settings(temporal_address=temporal, state_dir=tmp_path))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path}/errands.db")
    db.create_schema()
    yield db
    db.close()


@pytest.fixture
def remote(db: Database, client: Client, tmp_path: Path) -> RemoteConnectors:
    return RemoteConnectors(db, "demo", connected(client), (), PinBook(tmp_path), NoQuarantine())


@asynccontextmanager
async def worker(client: Client, db: Database, systems: Systems, tenant: str = "demo") -> AsyncIterator[None]:
    errands = Errands(db, tenant, systems)
    async with Worker(client, task_queue=QUEUE_GATEWAY, activities=[errands.do]):
        yield


def soon(seconds: float = 20) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def left(db: Database) -> int:
    return db.read_now(lambda connection: connection.execute(text("SELECT count(*) FROM errand")).scalar_one())


async def test_a_call_is_made_once_with_its_key_and_leaves_nothing_behind(
    remote: RemoteConnectors, client: Client, db: Database
) -> None:
    systems = Systems()
    async with worker(client, db, systems):
        result = await remote.call("erp.refund", {"order": "SO-1"}, key=KEY, deadline=soon())
    assert result.value == {"document": "D-1"}
    assert systems.calls == [("erp.refund", {"order": "SO-1"}, KEY)]
    assert left(db) == 0


async def test_an_answer_larger_than_temporal_takes_comes_back(
    remote: RemoteConnectors, client: Client, db: Database
) -> None:
    systems = Systems()
    systems.answer = ToolResult("erp.list", value={"text": "x" * 5_000_000})
    async with worker(client, db, systems):
        assert (await remote.call("erp.list", {}, key=KEY, deadline=soon())).value == systems.answer.value


async def test_a_failure_is_data(remote: RemoteConnectors, client: Client, db: Database) -> None:
    systems = Systems()
    systems.answer = ToolResult("erp.refund", failure=Failure(kind="conflict", detail="locked"))
    async with worker(client, db, systems):
        result = await remote.call("erp.refund", {}, key=KEY, deadline=soon())
    assert result.failure == Failure(kind="conflict", detail="locked")


@pytest.mark.parametrize("error", [Quarantined, ConnectorUnavailable, Ambiguous])
async def test_each_end_of_a_call_keeps_its_kind(
    remote: RemoteConnectors, client: Client, db: Database, error: type[ChargehandError]
) -> None:
    systems = Systems()
    systems.answer = error("as it was said", way_out="this way")
    async with worker(client, db, systems):
        with pytest.raises(error, match="as it was said this way"):
            await remote.call("erp.refund", {}, key=KEY, deadline=soon())


async def test_without_a_worker_nothing_was_sent(remote: RemoteConnectors, client: Client, db: Database) -> None:
    with pytest.raises(ConnectorUnavailable, match="No gateway worker took"):
        await remote.call("erp.refund", {}, key=KEY, deadline=soon(1))
    assert left(db) == 0
    systems = Systems()
    async with worker(client, db, systems):  # what was given up is not done later
        assert (await remote.health("erp")).state == "up"
    assert systems.calls == []


async def test_what_was_taken_and_not_answered_is_ambiguous(
    remote: RemoteConnectors, client: Client, db: Database
) -> None:
    systems = Systems()
    systems.hold = asyncio.Event()
    async with worker(client, db, systems):
        asked = asyncio.create_task(remote.call("erp.refund", {}, key=KEY, deadline=soon(2)))
        await systems.began.wait()
        with pytest.raises(Ambiguous, match="gave no answer"):
            await asked
        systems.hold.set()
    assert len(systems.calls) == 1


async def test_without_temporal_nothing_was_sent(db: Database, tmp_path: Path) -> None:
    async def nobody() -> Client:
        raise RuntimeUnavailable("Temporal does not answer.")

    remote = RemoteConnectors(db, "demo", nobody, (), PinBook(tmp_path), NoQuarantine())
    with pytest.raises(ConnectorUnavailable):
        await remote.call("erp.refund", {}, key=KEY, deadline=soon())
    assert (await remote.health("erp")).state == "down"
    with pytest.raises(ConnectorUnavailable):
        await remote.definitions("erp")


async def test_who_has_no_database_can_ask_for_nothing(client: Client, db: Database) -> None:
    """An agent worker reaches Temporal: whatever it puts there, no row says what to do."""
    systems = Systems()
    forged = '{"kind":"call","name":"erp.refund","arguments":{},"key":"kkkkkkkk","deadline":"2099-01-01T00:00:00Z"}'
    async with worker(client, db, systems):
        for number, errand in enumerate((forged, "ern_made_up", "")):
            with pytest.raises(Exception, match="ctivity"):
                await client.execute_activity(
                    "errand",
                    errand,
                    id=f"forged-{number}",
                    task_queue=QUEUE_GATEWAY,
                    start_to_close_timeout=timedelta(seconds=9),
                )
    assert systems.calls == []


async def test_another_tenants_worker_takes_nothing(remote: RemoteConnectors, client: Client, db: Database) -> None:
    systems = Systems()
    async with worker(client, db, systems, tenant="other"):
        with pytest.raises(ConnectorUnavailable):
            await remote.call("erp.refund", {}, key=KEY, deadline=soon())
    assert systems.calls == []


async def test_definitions_and_differences_come_from_the_live_server(
    remote: RemoteConnectors, client: Client, db: Database
) -> None:
    async with worker(client, db, Systems()):
        assert await remote.definitions("erp") == {"refund": {"name": "refund", "connector": "erp"}}
        assert await remote.check("erp") == []
