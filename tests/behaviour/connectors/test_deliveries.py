"""The logistics connector on the real ERP and the demo carrier: deliveries joined with what the carrier knows."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from chargehand.connectors.pool import ConnectorPool
from chargehand.discovery import DemoSystem
from chargehand.settings import Settings
from chargehand_connectors import logistics
from chargehand_connectors.demo.carrier import demo_system as carrier
from chargehand_connectors.demo.tryton import demo_system as tryton
from fixtures.processes import free_port, running

InTime = Callable[..., datetime]
ROOT = Path(__file__).parents[3]
KEY = "k" * 64

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The ERP (built once, kept in the cache) and the carrier, as `chargehand dev` starts them."""
    folder = tmp_path_factory.mktemp("state")
    given = Settings(  # pyright: ignore[reportCallIssue]  # the other fields come from the environment
        state_dir=folder,
        cache_dir=ROOT / ".chargehand" / "cache",
        tryton_port=free_port(),
        carrier_port=free_port(),
    )
    for system in (tryton, carrier):
        _prepare(system, given)
    assert tryton.command is not None
    with (folder / "erp.log").open("wb") as log:
        erp = subprocess.Popen(
            tryton.command(given), env=dict(tryton.environment(given)), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(tryton.ready(given), erp)
        module = ("-m", "chargehand_connectors.demo.carrier")
        with running(*module, ready=carrier.ready(given), environment=carrier.environment(given)):
            yield given
    finally:
        erp.terminate()
        erp.wait(20)


def _prepare(system: DemoSystem, given: Settings) -> None:
    if system.prepare is not None:
        system.prepare(given, lambda _text: None)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, "the ERP ended"
        assert time.monotonic() < until, "the ERP does not answer"
        time.sleep(0.1)


@pytest.fixture
def pool(systems: Settings, pool_of: Callable[..., ConnectorPool]) -> ConnectorPool:
    assert carrier.serves is not None
    return pool_of(logistics.connector, dict(carrier.serves(systems)))


async def test_a_delivery_carries_what_the_carrier_says(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-1042"}, key=KEY, deadline=in_time(20))
    assert result.value is not None
    (shipment,) = logistics.shipments_for_order.decode(result.value).shipments
    assert shipment.delivery
    assert (shipment.tracking_number, shipment.status) == ("DC-1042-1", "exception")


async def test_goods_that_no_carrier_has_are_not_handed_over(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-1048"}, key=KEY, deadline=in_time(20))
    assert result.value is not None
    (shipment,) = logistics.shipments_for_order.decode(result.value).shipments
    assert (shipment.tracking_number, shipment.status) == ("", "not handed over")


async def test_an_unknown_order_has_no_deliveries(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-9999"}, key=KEY, deadline=in_time(20))
    assert result.value == {"order": "SO-9999", "shipments": []}


async def test_an_erp_that_is_not_there_may_be_asked_again(
    systems: Settings, pool_of: Callable[..., ConnectorPool], in_time: InTime
) -> None:
    assert carrier.serves is not None
    away = {"CHARGEHAND_LOGISTICS_ERP_URL": f"http://127.0.0.1:{free_port()}/chargehand"}
    pool = pool_of(logistics.connector, dict(carrier.serves(systems)) | away)
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-1042"}, key=KEY, deadline=in_time(20))
    assert result.failure is not None
    assert result.failure.kind == "retryable"
