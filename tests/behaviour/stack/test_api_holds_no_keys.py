"""The API process holds no credentials of connectors and starts none: the gateway worker does what it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from chargehand.connectors.registry import load_connectors
from fixtures.stack import ROOT, Stack, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def environment_of(pid: int) -> set[str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {entry.partition(b"=")[0].decode() for entry in entries if entry}


def children_of(pid: int) -> list[str]:
    """Command lines of the processes that a process has started."""
    pids = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode() for child in pids]


async def called(stack: Stack, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What an MCP client with a token of Amy's hears."""
    with stack.as_person("amy") as amy:
        secret = amy.post("/api/tokens", json={"name": "mcp"}).json()["secret"]
    headers = {"authorization": f"Bearer {secret}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{stack.url}/mcp", http_client=http)) as client,
    ):
        result = await client.call_tool(tool, arguments)
    return dict(result.structured_content or {})


async def test_what_needs_a_connector_works_without_its_credentials_in_the_api(stack: Stack) -> None:
    credentials = {name for connector in load_connectors(ROOT / "policies") for name in connector.environment}
    assert credentials & environment_of(stack.pid("gateway")), "the control: the gateway worker has them"
    assert not credentials & environment_of(stack.pid("api"))

    answer = await called(stack, "erp.get_order", {"number": "SO-1042"})
    assert answer["state"] == "succeeded", answer
    assert answer["value"]["number"] == "SO-1042"
    with stack.as_person("root") as root:
        checked = root.post("/api/connectors/erp/check")
        assert (checked.status_code, checked.json()["state"]) == (200, "up"), checked.text
    assert not [command for command in children_of(stack.pid("api")) if "chargehand_connectors" in command]


async def test_it_goes_on_after_the_gateway_worker_was_killed(stack: Stack) -> None:
    stack.kill("gateway")

    def up() -> bool:
        with stack.as_person("root") as root:
            return root.post("/api/connectors/erp/check").json()["state"] == "up"

    until(up, 90)
    answer = await called(stack, "erp.get_order", {"number": "SO-1041"})
    assert answer["state"] == "succeeded", answer
