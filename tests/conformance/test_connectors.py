"""A connector's server against the official MCP conformance suite, over streamable HTTP.

The suite is an npm package that is not part of our locks: install it once and say where it is,

    npm i --ignore-scripts @modelcontextprotocol/conformance@0.2.0-alpha.12 --prefix DIR
    CHARGEHAND_CONFORMANCE=DIR pytest -m slow tests/conformance/test_connectors.py

A connector offers tools and nothing else. Scenarios about prompts, resources, sampling, elicitation and about named
diagnostic tools of the suite do not apply; within the scenarios below, checks that need those are named.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.connector_servers import SERVERS
from fixtures.processes import free_port, running

SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"

SCENARIOS = [
    ("server-initialize", "2025-11-25"),
    ("server-session-lifecycle", "2025-11-25"),
    ("ping", "2025-11-25"),
    ("tools-list", "2025-11-25"),
    ("dns-rebinding-protection", "2025-11-25"),
    ("server-sse-multiple-streams", "2025-11-25"),
    ("server-stateless", "2026-07-28"),
    ("tools-list", "2026-07-28"),
    ("tools-call-error", "2026-07-28"),
    ("caching", "2026-07-28"),
    ("http-header-validation", "2026-07-28"),
    ("dns-rebinding-protection", "2026-07-28"),
    ("server-sse-multiple-streams", "2026-07-28"),
    ("input-required-result-unsupported-methods", "2026-07-28"),
]

NOT_APPLICABLE = {
    # They ask the suite's own diagnostic tool, which samples.
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    # They ask for prompts and resources.
    "sep-2549-prompts-list-caching-hints",
    "sep-2549-resources-list-caching-hints",
    "sep-2549-resources-templates-list-caching-hints",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = (str(SERVERS / "counting.py"), "--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path_factory.mktemp("ledger") / "ledger.db")}
    with running(*command, ready=f"http://127.0.0.1:{port}/", environment=environment):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
def test_scenario(server: str, scenario: str, version: str, tmp_path: Path) -> None:
    folder = os.environ.get("CHARGEHAND_CONFORMANCE", "")
    if not (Path(folder) / SUITE).is_file():
        pytest.skip("CHARGEHAND_CONFORMANCE names no folder with the suite")
    command = ["node", str(Path(folder) / SUITE), "server", "--url", server, "--scenario", scenario]
    command += ["--spec-version", version, "--output-dir", str(tmp_path)]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    checks = [check for file in tmp_path.rglob("checks.json") for check in json.loads(file.read_text())]
    failures = {check["id"]: check.get("errorMessage") for check in checks if check["status"] == "FAILURE"}
    assert checks or scenario == "server-session-lifecycle", "the suite reported nothing"
    assert {name: why for name, why in failures.items() if name not in NOT_APPLICABLE} == {}
