"""The ERP connector as the gateway reaches it: a child process behind the pool, on a real Tryton."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chargehand import clock
from chargehand.connectors.model import Tool, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.service import pin_declared
from chargehand_connectors import erp
from fixtures.tryton import TrytonServer

R = TypeVar("R")


class Erp:
    """Calls through one pool; a key is made up unless one is given."""

    def __init__(self, pool: ConnectorPool) -> None:
        self.pool = pool

    async def ask(
        self, tool: Tool[..., Any], key: str = "", /, *, seconds: float = 30.0, **arguments: Any
    ) -> ToolResult:
        deadline = clock.now() + timedelta(seconds=seconds)
        return await self.pool.call(tool.name, tool.encode(**arguments), key=key or fresh_key(), deadline=deadline)

    async def get(self, tool: Tool[..., R], key: str = "", /, **arguments: Any) -> R:
        """The result; the test fails when there is none."""
        result = await self.ask(tool, key, **arguments)
        assert result.succeeded, result.failure
        return tool.decode(result.value)

    async def refuse(self, tool: Tool[..., Any], key: str = "", /, **arguments: Any) -> tuple[str, str]:
        """Kind and text of the failure."""
        result = await self.ask(tool, key, **arguments)
        assert result.failure, result.value
        return result.failure.kind, f"{result.failure.detail} {result.failure.way_out}"


def fresh_key() -> str:
    return secrets.token_hex(32)


def new_pool(tryton: TrytonServer, folder: Path) -> ConnectorPool:
    policies = folder / "policies"
    pin_declared(policies, erp.connector)
    variables = tryton.variables | {"CHARGEHAND_ERP_STATE": str(folder / "keys.db")}
    return ConnectorPool([erp.connector], PinBook(policies), environment=variables)


@pytest.fixture
async def shop(tryton: TrytonServer, tmp_path: Path) -> AsyncIterator[Erp]:
    pool = new_pool(tryton, tmp_path)
    yield Erp(pool)
    await pool.close()
