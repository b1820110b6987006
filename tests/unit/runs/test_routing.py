"""Each change of the routing of new runs is recorded once: the log, the number and the order, without Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.deployment.v1 import WorkerDeploymentInfo

from chargehand.audit import log
from chargehand.audit.service import AuditService
from chargehand.database import Database
from chargehand.runs.routing import RoutingWatch

BORN = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Temporal:
    """A stand-in: it says of the deployment what the test wants."""

    namespace = "default"

    def __init__(self, number: int, current: str, ramping: str = "", share: float = 0, by: str = "a@b") -> None:
        self.info = WorkerDeploymentInfo(name="chargehand-agents", last_modifier_identity=by)
        self.info.create_time.FromDatetime(BORN)
        config = self.info.routing_config
        config.revision_number = number
        config.current_deployment_version.build_id = current
        config.ramping_deployment_version.build_id = ramping
        config.ramping_version_percentage = share
        config.current_version_changed_time.FromDatetime(BORN + timedelta(minutes=number))

    async def connect(self) -> Any:
        return self

    @property
    def workflow_service(self) -> Any:
        return self

    async def describe_worker_deployment(self, _request: object) -> Any:
        return type("Response", (), {"worker_deployment_info": self.info})


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'x.db'}")
    opened.create_schema()
    log.initialise(opened)
    yield opened
    opened.close()


async def records(db: Database) -> list[dict[str, Any]]:
    page = await AuditService(db).query("demo", "kind:release_change")
    return [one.record.detail for one in reversed(page.items)]


def watch(db: Database, temporal: Temporal) -> RoutingWatch:
    return RoutingWatch(db, temporal.connect, "demo")


async def test_each_change_is_recorded_once_by_whoever_is_first(db: Database) -> None:
    first = Temporal(1, "v1", by="its first worker")
    assert sum(await asyncio.gather(*(watch(db, first).look() for _ in range(8)))) == 1
    second = Temporal(2, "v1", "v2", 12.5, by="rita@desk")
    assert sum(await asyncio.gather(*(watch(db, second).look() for _ in range(8)))) == 1
    said = await records(db)
    assert [one["changed_by"] for one in said] == ["its first worker", "rita@desk"]
    assert said[1]["sentence"] == (
        "12.5 % of the new runs begin on the release v2, the others on v1. Changed by rita@desk."
    )
    assert said[1]["changed_at"] == "2026-11-24T08:02:00.000000Z"


async def test_who_has_read_an_older_state_turns_nothing_back(db: Database) -> None:
    assert await watch(db, Temporal(1, "v1")).look() == 1
    assert await watch(db, Temporal(5, "v2")).look() == 1
    assert await watch(db, Temporal(3, "v3")).look() == 0
    said = await records(db)
    assert [one["after"]["current"] for one in said] == ["v1", "v2"]
    assert [one["changes"] for one in said] == [1, 4]


async def test_a_watch_that_starts_again_tells_nothing_twice(db: Database) -> None:
    assert [await watch(db, Temporal(1, "v1")).look() for _ in range(3)] == [1, 0, 0]
    assert len(await records(db)) == 1


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (("v1",), ("v2",), "current"),
        (("v1",), ("v1", "v2", 10), "ramp"),
        (("v1", "v2", 10), ("v1", "v2", 50), "ramp"),
        (("v1", "v2", 10), ("v1",), "ramp_ended"),
        (("v1", "v2", 10), ("v2",), "current"),
        (("v1",), ("",), "none"),
        (("v1",), ("v1",), "same"),
    ],
)
async def test_what_happened_has_a_name(db: Database, before: Any, after: Any, event: str) -> None:
    await watch(db, Temporal(1, *before)).look()
    await watch(db, Temporal(2, *after)).look()
    assert (await records(db))[-1]["event"] == event
