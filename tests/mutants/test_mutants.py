"""The table of guards can't rot: each text stands in the code, each test exists, each promise has guards.

A few mutants die in `make test`, others on another day; `make mutants` breaks every guard.
"""

from __future__ import annotations

import ast
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mutants import promises, runner
from mutants.guards import GUARDS, PROMISES, Guard

TESTS = Path(__file__).parents[1]
A_DAY = 6
QUICK = ("unit/gateway/", "unit/approvals/", "unit/policy/", "unit/connectors/", "unit/audit/", "unit/runs/")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.id)
def test_a_guard_stands_in_the_code_and_its_tests_exist(guard: Guard) -> None:
    assert runner.broken(guard) != runner.source(guard)
    assert guard.tests
    for test in guard.tests:
        file, _, name = test.partition("::")
        assert (TESTS / file).is_file(), test
        names = {
            node.name
            for node in ast.walk(ast.parse((TESTS / file).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not name or name.partition("[")[0] in names, test


def test_every_promise_has_guards_and_every_guard_a_name_of_its_own() -> None:
    assert len(GUARDS) >= 40
    assert {guard.promise for guard in GUARDS} == set(PROMISES)
    assert [name for name, count in Counter(guard.id for guard in GUARDS).items() if count > 1] == []


def test_the_page_of_promises_says_what_the_table_says() -> None:
    assert promises.PAGE.read_text() == promises.page(), "python tests/mutants/promises.py"


@pytest.mark.timeout(280)
def test_todays_mutants_die() -> None:
    """Another few of the quick ones each day, so that each is tried every few weeks."""
    quick = [guard for guard in GUARDS if all(test.startswith(QUICK) for test in guard.tests)]
    parts = -(-len(quick) // A_DAY)
    assert runner.survivors(quick[datetime.now(UTC).toordinal() % parts :: parts]) == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_mutant_dies() -> None:
    assert runner.survivors(GUARDS, jobs=2) == {}
