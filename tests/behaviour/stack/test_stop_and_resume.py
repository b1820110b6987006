"""Ctrl-C stops all of it; the next start goes on with what waited."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.stack import new_stack, nothing_is_left_of, until
from fixtures.story import answer, credit_notes, ended, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_waiting_run_goes_on_after_everything_was_stopped(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    stack.start()
    try:
        with stack.as_person("amy") as amy:
            run = start(amy, "SO-1042")
        asked = waiting(stack, "amy", run, "approval")
        stack.stop()
        until(lambda: nothing_is_left_of(stack), 20, lambda: "an orphan is left")
        stack.start()
        assert waiting(stack, "amy", run, "approval")["id"] == asked["id"]
        assert answer(stack, "li", asked["id"]).status_code == 200
        assert ended(stack, "amy", run)["result"]["result"] == "refunded"
        assert len(credit_notes(stack, "SO-1042")) == 1
    finally:
        stack.stop()
