"""docs/reference/telemetry.md lists exactly what the code can tell, and nothing else opens a span."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chargehand.telemetry.names import ATTRIBUTES, FOREIGN, SpanName

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/telemetry.md").read_text()


def table(title: str) -> set[str]:
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_every_span_name_is_documented_and_every_documented_one_exists() -> None:
    assert table("Spans") == {*SpanName, *FOREIGN}


def test_every_attribute_is_documented_and_every_documented_one_exists() -> None:
    assert table("Attributes") == ATTRIBUTES


def test_every_name_is_used() -> None:
    text = "".join(file.read_text() for file in (ROOT / "platform").rglob("*.py") if file.parent.name != "telemetry")
    assert [name for name in SpanName.__members__ if f"SpanName.{name}" not in text] == []


@pytest.mark.parametrize("root", ["platform", "connectors", "workflows"])
def test_spans_are_opened_in_one_place(root: str) -> None:
    strays = [
        str(file)
        for file in (ROOT / root).rglob("*.py")
        if re.search(r"start_(as_current_)?span\(|get_tracer\(", file.read_text()) and file.parent.name != "telemetry"
    ]
    assert strays == []
