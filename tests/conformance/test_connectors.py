"""A connector's server against the official MCP conformance suite, over streamable HTTP.

`fixtures.conformance_suite` finds the suite, or installs it. `make test` runs a few scenarios; the rest is slow.

A connector offers tools and nothing else. Scenarios about prompts, resources, sampling, elicitation and about named
diagnostic tools of the suite do not apply; within the scenarios below, checks that need those are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import conformance_suite
from fixtures.connector_servers import SERVERS
from fixtures.processes import free_port, running

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

SHORT = {("server-initialize", "2025-11-25"), ("server-stateless", "2026-07-28"), ("caching", "2026-07-28")}

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
def suite() -> Path:
    main, why_not = conformance_suite.find()
    if main is None:
        pytest.skip(why_not)
    return main


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = (str(SERVERS / "counting.py"), "--transport", "streamable-http", "--port", str(port))
    environment = {"LEDGER_FILE": str(tmp_path_factory.mktemp("ledger") / "ledger.db")}
    with running(*command, ready=f"http://127.0.0.1:{port}/", environment=environment):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize(
    ("scenario", "version"),
    [pytest.param(*each, marks=() if each in SHORT else pytest.mark.slow) for each in SCENARIOS],
)
def test_scenario(suite: Path, server: str, scenario: str, version: str, tmp_path: Path) -> None:
    checks = conformance_suite.run(suite, server, scenario, version, tmp_path)
    failures = {check["id"]: check.get("errorMessage") for check in checks if check["status"] == "FAILURE"}
    assert checks or scenario == "server-session-lifecycle", "the suite reported nothing"
    assert {name: why for name, why in failures.items() if name not in NOT_APPLICABLE} == {}
