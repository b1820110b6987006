"""Which release new runs begin on stands in the action log, whoever changed it: each change once, with its time.

On Temporal's real dev server: the time-skipping one knows no Worker Deployments.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentRampingVersionRequest

from chargehand import clock
from chargehand.audit import log
from chargehand.audit.service import AuditService
from chargehand.database import Database
from chargehand.errors import AuditUnavailable, RuntimeUnavailable
from chargehand.runs.releases import DEPLOYMENT, make_current, ramp
from chargehand.runs.routing import RoutingWatch
from chargehand.runs.service import connected
from fixtures.company import Here, company, until

pytestmark = pytest.mark.stack


async def records(db: Database, tenant: str = "demo") -> list[dict[str, Any]]:
    """The oldest first."""
    page = await AuditService(db).query(tenant, "kind:release_change")
    return [one.record.detail for one in reversed(page.items)]


async def told(here: Here, count: int) -> dict[str, Any]:
    """The newest of so many records."""

    async def there() -> bool:
        return len(await records(here.db)) == count

    await until(there, 40)
    return (await records(here.db))[-1]


async def looked(watch: RoutingWatch) -> int:
    """Temporal answers about a deployment a few times a second only."""
    while True:
        try:
            return await watch.look()
        except RuntimeUnavailable:
            await asyncio.sleep(0.5)


async def command(here: Here, *words: str) -> None:
    name = "command"
    ready = [sys.executable, "-m", "chargehand.cli", "release", *words]
    here.spawn(name, ready)
    process = here.processes.pop(name)
    assert await asyncio.to_thread(process.wait, 60) == 0, (here.folder / f"{name}.log").read_text()


async def test_every_change_of_the_routing_is_one_record(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        await here.release(1)
        first = await told(here, 1)
        assert first["after"] == {"current": "v1", "ramping": "", "share": "0"}
        assert first["before"]["current"] == ""
        assert first["changed_by"].startswith("its first worker")
        assert "New runs begin on the release v1" in first["sentence"]

        await here.release(2, share=25)
        second = await told(here, 2)
        assert second["event"] == "ramp"
        assert second["after"] == {"current": "v1", "ramping": "v2", "share": "25"}

        await command(here, "ramp", "v2", "50")
        third = await told(here, 3)
        assert third["after"]["share"] == "50"
        assert third["changed_by"].endswith("with chargehand release")

        await command(here, "current", "v2")
        fourth = await told(here, 4)
        assert (fourth["event"], fourth["before"]["current"], fourth["after"]["current"]) == ("current", "v1", "v2")
        assert clock.parse(fourth["changed_at"]) >= clock.parse(third["changed_at"])

        bare = SetWorkerDeploymentRampingVersionRequest(
            namespace="default", deployment_name=DEPLOYMENT, build_id="v1", percentage=10, identity="oncall@ops"
        )
        await here.client.workflow_service.set_worker_deployment_ramping_version(bare)
        fifth = await told(here, 5)
        assert fifth["changed_by"] == "oncall@ops"
        assert fifth["sentence"].startswith("10 % of the new runs begin on the release v1")
        assert [one["changes"] for one in await records(here.db)] == [1] * 5

        await make_current(here.client, "v1")  # roll back
        sixth = await told(here, 6)
        assert (sixth["before"]["current"], sixth["after"]["current"]) == ("v2", "v1")

        await _two_that_look_at_once(here)
        await _nobody_looked(here, tmp_path)


async def _two_that_look_at_once(here: Here) -> None:
    """Other processes, and one that has started again: nothing is told twice, and nothing is turned back."""
    watches = [RoutingWatch(here.db, connected(here.client), "demo") for _ in range(4)]
    for share in (20, 30):
        await ramp(here.client, "v2", share)
        await asyncio.gather(*(looked(watch) for watch in watches))
    assert [one["after"]["share"] for one in (await records(here.db))[6:]] == ["20", "30"]
    again = RoutingWatch(here.db, connected(here.client), "demo")
    assert [await looked(again), await looked(again)] == [0, 0]


async def _nobody_looked(here: Here, folder: Path) -> None:
    """What changed meanwhile is one record, which says of how many changes."""
    db = Database(f"sqlite:///{folder / 'other.db'}")
    db.create_schema()
    log.initialise(db)
    assert await looked(RoutingWatch(db, connected(here.client), "demo")) == 1
    before = (await records(db))[-1]
    await ramp(here.client, "v2", 40)
    await make_current(here.client, "v2")
    assert await looked(RoutingWatch(db, connected(here.client), "demo")) == 1
    after = (await records(db))[-1]
    assert after["changes"] == 2
    assert after["before"] == before["after"]
    assert after["after"] == {"current": "v2", "ramping": "", "share": "0"}
    db.close()


async def test_the_log_fails_closed_and_the_change_is_recorded_later(tmp_path: Path) -> None:
    """A change that can't be recorded is not counted as seen."""
    async with company(tmp_path) as here:
        await here.release(1)
        db = Database(f"sqlite:///{tmp_path / 'other.db'}")
        db.create_schema()
        watch = RoutingWatch(db, connected(here.client), "demo")
        with pytest.raises(AuditUnavailable):
            await looked(watch)
        log.initialise(db)
        assert await looked(watch) == 1
        db.close()
