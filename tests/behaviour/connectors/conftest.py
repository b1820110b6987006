"""What the connector suites share: pools over real server processes, each with pins in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargehand import clock
from chargehand.connectors.definition import declared
from chargehand.connectors.model import Connector, Review
from chargehand.connectors.pins import PinBook, make_pin, write_pins
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.service import pin_declared
from fixtures.connector_servers import SERVERS, load


def soon(seconds: float = 10.0) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return tmp_path / "policies"


@pytest.fixture
async def ledger(tmp_path: Path, policies: Path) -> AsyncIterator[ConnectorPool]:
    """A pool with the counting connector, pinned as declared."""
    connector: Connector = load("counting").connector
    pins = [make_pin(review, declared(tool)) for review, tool in zip(connector.reviews, connector.tools, strict=True)]
    write_pins(policies, connector, pins)
    environment = {"LEDGER_FILE": str(tmp_path / "ledger.db"), "A_SECRET_OF_OURS": "x"}
    pool = ConnectorPool([connector], PinBook(policies), environment=environment)
    yield pool
    await pool.close()


class Evil:
    """Pools over the hostile server, in the mode that a test asks for."""

    def __init__(self, folder: Path, policies: Path) -> None:
        self.calls_file = folder / "calls"
        self.policies = policies
        self.pools: list[ConnectorPool] = []
        self.tool: dict[str, Any] = load("evil").TOOL

    def pool(self, mode: str, *, effect: str = "irreversible", **more: Any) -> ConnectorPool:
        delivery = "safe" if effect == "read" else "once"
        review = Review("evil.pay", "pay", effect, delivery, says="Pay {invoice}")  # type: ignore[arg-type]
        connector = Connector(
            name="evil",
            title="Hostile server",
            module="",
            tools=(),
            environment=("EVIL_FILE",),
            command=("{python}", str(SERVERS / "evil.py"), mode),
            allowed=(review,),
        )
        write_pins(self.policies, connector, [make_pin(review, self.tool)])
        environment = {"EVIL_FILE": str(self.calls_file)}
        pool = ConnectorPool([connector], PinBook(self.policies), environment=environment, **more)
        self.pools.append(pool)
        return pool

    @property
    def calls(self) -> int:
        """How many calls reached the server."""
        return self.calls_file.read_text().count("\n") if self.calls_file.exists() else 0


@pytest.fixture
async def evil(tmp_path: Path, policies: Path) -> AsyncIterator[Evil]:
    made = Evil(tmp_path, policies)
    yield made
    for pool in made.pools:
        await pool.close()


@pytest.fixture
def in_time() -> Callable[..., datetime]:
    return soon


@pytest.fixture
async def pool_of(policies: Path) -> AsyncIterator[Callable[..., ConnectorPool]]:
    """Pools over connectors of ours, pinned as declared, with the variables that a test gives."""
    made: list[ConnectorPool] = []

    def make(connector: Connector, environment: dict[str, str]) -> ConnectorPool:
        pin_declared(policies, connector)
        made.append(ConnectorPool([connector], PinBook(policies), environment=environment))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()
