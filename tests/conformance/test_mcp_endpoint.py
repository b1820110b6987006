"""Chargehand's MCP endpoint against the official MCP conformance suite: a real API process, a person's real token.

The suite is an npm package that is not part of our locks; `fixtures.conformance_suite` installs it on first use, or
CHARGEHAND_CONFORMANCE names a folder that has it. Every scenario of the suite stands in one of the two tables below.
`make test` runs a few; the rest is slow: `pytest -m slow tests/conformance/test_mcp_endpoint.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import conformance_suite, mcp_endpoint

OLD, NEW = "2025-11-25", "2026-07-28"

APPLICABLE = [
    ("server-initialize", OLD),
    ("ping", OLD),
    ("tools-list", OLD),
    ("tools-call-error", OLD),
    ("dns-rebinding-protection", OLD),
    ("server-stateless", NEW),
    ("tools-list", NEW),
    ("tools-call-error", NEW),
    ("caching", NEW),
    ("http-header-validation", NEW),
    ("http-custom-header-server-validation", NEW),
    ("server-sse-multiple-streams", NEW),
    ("dns-rebinding-protection", NEW),
    ("input-required-result-unsupported-methods", NEW),
]
SHORT = {("server-initialize", OLD), ("tools-list", OLD), ("server-stateless", NEW), ("dns-rebinding-protection", NEW)}

NO_PROMPTS = "the endpoint offers tools, no prompts"
NO_RESOURCES = "the endpoint offers tools, no resources"
NO_COMPLETION = "the endpoint offers tools, no completion"
NO_LOGGING = "the endpoint sends no log messages (deprecated since 2026-07-28); there is the action log"
NO_SESSIONS = "the endpoint is stateless: no session id, so the scenario ends before it tests anything"
OWN_TOOL = "calls a diagnostic tool of the suite, and only governed tools are offered; see docs/mcp-endpoint.md"

NOT_APPLICABLE = {
    **dict.fromkeys(
        ("prompts-list", "prompts-get-simple", "prompts-get-with-args", "prompts-get-embedded-resource"), NO_PROMPTS
    ),
    **dict.fromkeys(("prompts-get-with-image", "input-required-result-non-tool-request"), NO_PROMPTS),
    **dict.fromkeys(("resources-list", "resources-read-text", "resources-read-binary"), NO_RESOURCES),
    **dict.fromkeys(("resources-templates-read", "resources-subscribe", "resources-unsubscribe"), NO_RESOURCES),
    "sep-2164-resource-not-found": NO_RESOURCES,
    "completion-complete": NO_COMPLETION,
    **dict.fromkeys(("logging-set-level", "tools-call-with-logging"), NO_LOGGING),
    **dict.fromkeys(("tools-call-simple-text", "tools-call-image", "tools-call-audio"), OWN_TOOL),
    **dict.fromkeys(("tools-call-embedded-resource", "tools-call-mixed-content"), OWN_TOOL),
    **dict.fromkeys(("tools-call-with-progress", "tools-call-sampling", "tools-call-elicitation"), OWN_TOOL),
    **dict.fromkeys(("elicitation-sep1034-defaults", "elicitation-sep1330-enums"), OWN_TOOL),
    **dict.fromkeys(("server-session-lifecycle", "server-sse-polling"), NO_SESSIONS),
    "json-schema-2020-12": OWN_TOOL,
    **{
        f"input-required-result-{name}": OWN_TOOL
        for name in (
            "basic-elicitation",
            "basic-sampling",
            "basic-list-roots",
            "request-state",
            "multiple-input-requests",
            "multi-round",
            "missing-input-response",
            "result-type",
            "tampered-state",
            "capability-check",
            "ignore-extra-params",
            "validate-input",
        )
    },
}

NOT_APPLICABLE_OLD = NOT_APPLICABLE | {"server-sse-multiple-streams": NO_SESSIONS}

NOT_APPLICABLE_CHECKS = {
    "sep-2575-server-rejects-undeclared-capability": OWN_TOOL,
    "sep-2575-missing-capability-http-400": OWN_TOOL,
    "sep-2549-prompts-list-caching-hints": NO_PROMPTS,
    "sep-2549-resources-list-caching-hints": NO_RESOURCES,
    "sep-2549-resources-templates-list-caching-hints": NO_RESOURCES,
}
"""Single checks inside scenarios that apply."""

SAYS_SO = re.compile(
    "Method not found|Server did not|Not testable|Prerequisite failed|[Ee]xpected InputRequiredResult|not found"
    "|No [a-z]+ (content|notifications)|Missing [a-z]+ content|Expected resultType|expected InputRequiredResult"
)
"""How the suite says that what it needs is not offered."""


def not_applicable(version: str) -> dict[str, str]:
    return NOT_APPLICABLE_OLD if version == OLD else NOT_APPLICABLE


@pytest.fixture(scope="module")
def suite() -> Path:
    main, why_not = conformance_suite.find()
    if main is None:
        pytest.skip(why_not)
    return main


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("conformance")
    with (
        mcp_endpoint.running(folder) as endpoint,
        conformance_suite.with_token(endpoint.port, endpoint.token("amy")["secret"]) as relay,
    ):
        yield relay


def failures(suite: Path, url: str, scenario: str, version: str, folder: Path) -> dict[str, str]:
    checks = conformance_suite.run(suite, url, scenario, version, folder)
    assert checks, "the suite reported nothing"
    return {check["id"]: check.get("errorMessage", "") for check in checks if check["status"] == "FAILURE"}


@pytest.mark.parametrize("version", [OLD, NEW])
def test_every_scenario_of_the_suite_is_named(suite: Path, version: str) -> None:
    applicable = {name for name, of in APPLICABLE if of == version}
    assert not set(conformance_suite.scenarios(suite, version)) - applicable - not_applicable(version).keys()
    assert not applicable & not_applicable(version).keys()


@pytest.mark.parametrize(
    ("scenario", "version"),
    [pytest.param(*each, marks=() if each in SHORT else pytest.mark.slow) for each in APPLICABLE],
)
def test_scenario(suite: Path, url: str, scenario: str, version: str, tmp_path: Path) -> None:
    failed = failures(suite, url, scenario, version, tmp_path / "first")
    if failed.keys() - NOT_APPLICABLE_CHECKS.keys():  # a failure counts when it fails again
        failed = failures(suite, url, scenario, version, tmp_path / "again")
    assert {name: why for name, why in failed.items() if name not in NOT_APPLICABLE_CHECKS} == {}


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLD, NEW])
def test_what_does_not_apply_fails_for_that_reason_only(suite: Path, url: str, version: str, tmp_path: Path) -> None:
    unexplained: dict[str, str] = {}
    for scenario in conformance_suite.scenarios(suite, version):
        if scenario in not_applicable(version):
            failed = failures(suite, url, scenario, version, tmp_path / scenario)
            unexplained |= {name: why for name, why in failed.items() if not SAYS_SO.search(why)}
    assert unexplained == {}
