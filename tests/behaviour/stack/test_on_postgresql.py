"""The same story with the platform's database on PostgreSQL, as in production."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.stack import new_stack
from fixtures.story import answer, credit_notes, ended, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.postgres, pytest.mark.timeout(300)]


def test_a_refund_waits_is_approved_and_happens_once(tmp_path: Path, postgres: str) -> None:
    stack = new_stack(tmp_path)
    stack.environment["CHARGEHAND_DATABASE_URL"] = postgres
    stack.start()
    try:
        with stack.as_person("amy") as amy:
            run = start(amy, "SO-1042")
        asked = waiting(stack, "amy", run, "approval")
        stack.kill("gateway")
        given = answer(stack, "li", asked["id"])
        assert given.status_code == 200, given.text
        done = ended(stack, "amy", run)
        assert done["result"]["result"] == "refunded", done
        assert len(credit_notes(stack, "SO-1042")) == 1
        with stack.as_person("ada") as ada:
            found = ada.get("/api/log", params={"q": "SO-1042", "limit": 200})
            assert found.status_code == 200, found.text
            assert {"intent", "outcome", "verdict"} <= {one["kind"] for one in found.json()["items"]}
    finally:
        stack.stop()
