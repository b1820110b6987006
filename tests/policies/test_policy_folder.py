"""policies/ as it ships: it lints against the tools and agents that exist, and decides what its cases expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargehand.agents.catalog import discover_agents
from chargehand.agents.known import known_tools
from chargehand.connectors.registry import load_connectors
from chargehand.policy.cases import check
from chargehand.policy.compiling import load_policies
from chargehand.policy.separation import matrix
from chargehand.policy.words import rules_in_words

POLICIES = Path(__file__).parents[2] / "policies"
SNAPSHOT = load_policies(POLICIES, known_tools(load_connectors(POLICIES), discover_agents().values()))
RESULTS = [result for policy in SNAPSHOT.tenants.values() for result in check(policy)]


def test_it_lints_without_a_warning() -> None:
    assert [str(problem) for policy in SNAPSHOT.tenants.values() for problem in policy.warnings] == []


@pytest.mark.parametrize("result", RESULTS, ids=[result.name for result in RESULTS])
def test_case(result: object) -> None:
    assert result in RESULTS
    assert result.passed, result.failed  # type: ignore[attr-defined]


def test_every_tool_rule_of_the_demo_is_decided_by_some_case() -> None:
    demo = SNAPSHOT.tenants["demo"]
    decided = {name for result in check(demo) for name in result.decision.rules}
    # Plain grants of abilities and of reads say the same thing many times; the rest must be shown.
    plain = {rule.id for rule in demo.rules if rule.condition.always and rule.then == "allow"}
    assert {rule.id for rule in demo.rules} - plain - decided == set()


def test_nobody_holds_what_no_one_may_hold() -> None:
    assert matrix(SNAPSHOT.tenants["demo"]) == ()


def test_every_rule_speaks_both_languages() -> None:
    for said in rules_in_words(SNAPSHOT.tenants["demo"]):
        for words in (said.says, said.means):
            assert words["en"].isascii() or "—" in words["en"]
            assert any("\u4e00" <= letter <= "\u9fff" for letter in words["zh"]), words
