"""The logistics connector on the demo carrier: two real processes, and the carrier's bad days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from chargehand.connectors.pool import ConnectorPool
from chargehand_connectors import logistics
from fixtures.processes import free_port, running

InTime = Callable[..., datetime]
KEY = "k" * 64
TOKEN = "a token of the tests"


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{free_port()}"
    module = ("-m", "chargehand_connectors.demo.carrier", "--port", url.rpartition(":")[2])
    file = ("--file", str(tmp_path / "parcels.db"))
    with running(*module, *file, ready=f"{url}/health", environment={"DEMO_CARRIER_TOKEN": TOKEN}):
        yield url


@pytest.fixture
def pool(pool_of: Callable[..., ConnectorPool], carrier: str) -> ConnectorPool:
    return pool_of(logistics.connector, {"CHARGEHAND_CARRIER_URL": carrier, "CHARGEHAND_CARRIER_TOKEN": TOKEN})


def switch(carrier: str, mode: str) -> None:
    httpx.put(f"{carrier}/demo/mode", json={"mode": mode}, trust_env=False).raise_for_status()


async def test_a_damaged_parcel_is_found_by_its_order(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-1042"}, key=KEY, deadline=in_time())
    assert result.value is not None
    (parcel,) = logistics.shipments_for_order.decode(result.value).shipments
    assert parcel.status == "exception"
    found = await pool.call(
        "logistics.track_shipment", {"tracking_number": parcel.tracking_number}, key=KEY, deadline=in_time()
    )
    assert found.value is not None
    tracking = logistics.track_shipment.decode(found.value)
    assert tracking.order == "SO-1042"
    assert "dented" in tracking.events[-1].note
    assert [event.at for event in tracking.events] == sorted(event.at for event in tracking.events)


async def test_an_order_without_shipments_has_none(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.shipments_for_order", {"order": "SO-1"}, key=KEY, deadline=in_time())
    assert result.value == {"order": "SO-1", "shipments": []}


async def test_an_unknown_parcel_is_not_found(pool: ConnectorPool, in_time: InTime) -> None:
    result = await pool.call("logistics.track_shipment", {"tracking_number": "DC-0"}, key=KEY, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == "not_found"


@pytest.mark.parametrize(("mode", "why"), [("down", "503"), ("garbage", "can't be read"), ("slow", "does not answer")])
async def test_a_bad_day_of_the_carrier_may_be_asked_again(
    pool: ConnectorPool, carrier: str, in_time: InTime, mode: str, why: str
) -> None:
    switch(carrier, mode)
    arguments = {"tracking_number": "DC-1042-1"}
    try:
        result = await pool.call("logistics.track_shipment", arguments, key=KEY, deadline=in_time(6))
    finally:
        switch(carrier, "normal")
    assert result.failure is not None
    assert result.failure.kind == "retryable"
    assert why in result.failure.detail
    assert (await pool.call("logistics.track_shipment", arguments, key=KEY, deadline=in_time())).succeeded


async def test_a_carrier_that_is_not_there_is_retryable(pool_of: Callable[..., ConnectorPool], in_time: InTime) -> None:
    pool = pool_of(logistics.connector, {"CHARGEHAND_CARRIER_URL": f"http://127.0.0.1:{free_port()}"})
    result = await pool.call("logistics.track_shipment", {"tracking_number": "DC-1"}, key=KEY, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == "retryable"


async def test_a_wrong_key_is_forbidden(pool_of: Callable[..., ConnectorPool], carrier: str, in_time: InTime) -> None:
    pool = pool_of(logistics.connector, {"CHARGEHAND_CARRIER_URL": carrier, "CHARGEHAND_CARRIER_TOKEN": "other"})
    result = await pool.call("logistics.track_shipment", {"tracking_number": "DC-1042-1"}, key=KEY, deadline=in_time())
    assert result.failure is not None
    assert result.failure.kind == "forbidden"
