"""kill -9 of each process in the middle of the story: it ends, with exactly one credit note and one mail."""

from __future__ import annotations

import pytest

from fixtures.stack import Stack, until
from fixtures.story import answer, credit_notes, ended, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

EVERY_PROCESS = ("agents", "gateway", "api", "temporal", "tryton", "carrier", "mailbox")


def test_the_story_survives_the_death_of_each_process(stack: Stack) -> None:
    order = "SO-1041"
    with stack.as_person("amy") as amy:
        run = start(amy, order)
    for name in ("agents", "gateway"):  # at once, wherever the run is
        stack.kill(name)
    asked = waiting(stack, "amy", run, "approval", 180)
    for name in EVERY_PROCESS:  # while it waits
        stack.kill(name)
    until(lambda: _answers(stack), 60, lambda: "the API did not come back")
    assert waiting(stack, "amy", run, "approval", 180)["id"] == asked["id"]
    given = answer(stack, "li", asked["id"])
    assert given.status_code == 200, given.text
    for name in ("gateway", "tryton", "agents", "temporal", "mailbox"):  # while it refunds and writes the mail
        stack.kill(name)
    done = ended(stack, "amy", run, 300)
    assert done["state"] == "succeeded", done
    assert done["result"]["result"] == "refunded"
    (note,) = credit_notes(stack, order)
    assert note["number"] == done["result"]["credit_note"]
    assert len(stack.mails(order)) == 1


def _answers(stack: Stack) -> bool:
    try:
        with stack.as_person("amy"):
            return True
    except Exception:
        return False
