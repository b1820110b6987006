"""docs/policy.md tells the whole language, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from chargehand.policy.conditions import compile_condition
from chargehand.policy.functions import FUNCTIONS

TEXT = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
NAMES = ["args", "person", "agent", "principal", "amount", "currency", "effect", "tool", "risk", "weekday", "today"]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_documented(name: str) -> None:
    assert re.search(rf"`[^`\n]*\b{name}\(", TEXT)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_documented(name: str) -> None:
    assert re.search(rf"`{name}\b", TEXT)


def test_examples_compile() -> None:
    conditions: list[str] = []
    for example in EXAMPLES:
        found = yaml.safe_load(example)
        conditions += [entry["when"] for entry in (found if isinstance(found, list) else [found])]
    assert len(conditions) == 3
    for condition in conditions:
        assert compile_condition(condition).text


def test_examples_in_the_table_compile() -> None:
    table = TEXT.partition("| values |")[2].partition("\n\n")[0]
    calls = [piece for piece in re.findall(r"`([a-z_]+\([^`]*\))`", table) if "…" not in piece and "(x" not in piece]
    assert len(calls) >= 8
    for call in calls:
        number = call.startswith(("total", "count", "length"))
        compile_condition(f"{call} > 0" if number else call.replace("(list, item)", '(args.list, "x")'))
