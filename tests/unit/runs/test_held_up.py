"""What Temporal says of a run that does not move, told to people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from chargehand.agents.model import AgentSpec
from chargehand.runs.held_up import SENTENCES, Evidence, found
from chargehand.runs.model import HeldUpKind
from fixtures import release_worker

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
SPEC: AgentSpec = release_worker.release(1)
WORDS = Path(__file__).parents[3] / "web" / "src" / "i18n"


@pytest.mark.parametrize(
    ("evidence", "kind", "holds"),
    [
        (Evidence("no_answer", AT, attempts=4), "no_answer", "took its next step 4 times"),
        (Evidence("no_temporal", AT), "no_temporal", "CHARGEHAND_TEMPORAL_ADDRESS"),
        (Evidence("step_waits", AT), "no_agents", "chargehand serve agents"),
        (Evidence("step_waits", AT, release="v1"), "no_release", "CHARGEHAND_RELEASE=v1"),
        (Evidence("call_waits", AT, call="a tool call"), "no_gateway", "chargehand serve gateway"),
        (Evidence("call_waits", AT, call="a node", by_agents=True), "no_agents", "chargehand serve agents"),
        (Evidence("step_fails", AT, "[TMPRL1100] Nondeterminism error: No\n one fits"), "history", "No one fits"),
        (Evidence("step_fails", AT, "[TMPRL1101] Potential deadlock"), "computing", "@io_node"),
        (Evidence("step_fails", AT, "There is no agent 'x'."), "unknown_agent", "staged"),
        (Evidence("step_fails", AT, "A stored part of the run r is missing"), "part", "CHARGEHAND_BLOBS_DIR"),
        (Evidence("step_fails", AT, "Large values of runs can't be kept in /x"), "part", "CHARGEHAND_BLOBS_DIR"),
        (Evidence("call_fails", AT, "A stored part of the run r is missing"), "part", "CHARGEHAND_BLOBS_DIR"),
        (Evidence("call_fails", AT, "a payload was encrypted with another key"), "key", "CHARGEHAND_PAYLOAD_KEY_FILE"),
        (Evidence("call_fails", AT, "Boom", call="a tool call"), "call_fails", "(a tool call) fails there each time"),
        (Evidence("step_fails", AT, "Boom " * 500), "step_fails", "…"),
    ],
)  # fmt: skip
def test_a_finding_names_the_cause_and_the_way_out(evidence: Evidence, kind: HeldUpKind, holds: str) -> None:
    told = found(evidence, "staged", "version-1", SPEC, "wait_1")
    assert (told.kind, told.node, told.since) == (kind, "wait_1", AT)
    assert holds in f"{told.sentence} {told.way_out}"
    assert "{" not in told.sentence + told.way_out
    assert told.way_out.endswith("or stop it hard.")
    assert len(told.sentence) < 800


def test_the_line_is_the_last_of_the_agents_own_code() -> None:
    trace = (
        '  File "/opt/x/site-packages/langgraph/pregel/main.py", line 1, in run\n'
        '  File "/opt/y/fixtures/release_worker.py", line 88, in wait\n'
        '  File "/usr/lib/python3.11/asyncio/tasks.py", line 9, in step\n'
    )
    told = found(Evidence("step_fails", AT, "Boom", trace=trace), "staged", "1", SPEC)
    assert told.line == "fixtures.release_worker.wait, line 88"
    assert found(Evidence("step_fails", AT, "Boom", trace=trace), "staged", "1", None).line == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_console_has_every_kind_in_both_languages(language: str) -> None:
    said = json.loads((WORDS / language / "build.json").read_text(encoding="utf-8"))["message"]
    assert set(SENTENCES) == set(get_args(HeldUpKind))
    for kind, (sentence, way_out) in SENTENCES.items():
        for key, text in ((f"held_up_{kind}", sentence), (f"held_up_way_{kind}", way_out)):
            for name in ("detail", "call", "agent", "release", "version", "attempts"):
                assert (f"{{{name}}}" in text) == (f"{{{{{name}}}}}" in said[key]), key
