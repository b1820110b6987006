"""The stop switch: durable, recorded, checked at every call, and of one tenant only."""

from __future__ import annotations

import pytest

from chargehand.database import Database
from chargehand.errors import BadInput, NotFound
from chargehand.gateway.gateway import Gateway
from chargehand.outcome import Outcome
from chargehand.risk.freeze import FreezeService
from chargehand.risk.model import FreezeScope
from fixtures.gateway import LI, World, signed_in, tool_call


@pytest.mark.parametrize(
    ("scope", "name", "stops"),
    [
        ("tenant", "", True),
        ("agent", "complaint-resolution", True),
        ("agent", "agent:complaint-resolution", True),
        ("agent", "other", False),
        ("tool", "erp.refund", True),
        ("tool", "erp.wire", False),
        ("connector", "erp", True),
        ("connector", "er", False),
    ],
)
async def test_it_stops_what_it_names_until_it_is_lifted(
    world: World, scope: FreezeScope, name: str, stops: bool
) -> None:
    freezes = FreezeService(world.db)
    freeze = await freezes.freeze(signed_in(LI), scope, name, "Odd refunds.")
    outcome = await world.call(step=1)
    assert isinstance(outcome, Outcome)
    assert outcome.state == ("denied" if stops else "succeeded")
    if stops:
        assert outcome.failure is not None
        assert "Odd refunds." in outcome.failure.detail
    assert isinstance(other := await world.gateway.call(tool_call(step=2, tenant="other")), Outcome)
    assert other.succeeded
    await freezes.lift(signed_in(LI), freeze.id, "Explained.")
    after = await world.call(step=3)
    assert isinstance(after, Outcome)
    assert after.succeeded
    events = [record["outcome"] for record in world.records() if record["kind"] == "freeze"]
    assert events == ["frozen", "lifted"]


async def test_it_outlives_the_process(world: World) -> None:
    await FreezeService(world.db).freeze(signed_in(LI), "tenant", "", "Stop.")
    again = Database(world.db.url)
    outcome = await Gateway(again, world.gateway.desk).call(tool_call())
    assert isinstance(outcome, Outcome)
    assert outcome.state == "denied"
    again.close()


async def test_unusable_or_foreign_freezes_are_refused(world: World) -> None:
    freezes = FreezeService(world.db)
    for scope, name in (("tenant", "demo"), ("tool", ""), ("agent", "")):
        with pytest.raises(BadInput):
            await freezes.freeze(signed_in(LI), scope, name, "x")  # pyright: ignore[reportArgumentType]
    freeze = await freezes.freeze(signed_in(LI), "tenant", "", "x")
    with pytest.raises(NotFound):
        await freezes.lift(signed_in(LI, "other"), freeze.id, "x")
    assert await freezes.list(signed_in(LI, "other")) == []
    await freezes.lift(signed_in(LI), freeze.id, "x")
    with pytest.raises(NotFound):
        await freezes.lift(signed_in(LI), freeze.id, "x")
    assert len(await freezes.list(signed_in(LI), in_force=False)) == 1
