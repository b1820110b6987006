"""kill -9 of the ERP in the middle of the story, on a stack of its own: each death makes its supervisor wait longer."""

from __future__ import annotations

import pytest

from fixtures.stack import Stack
from fixtures.story import credit_notes, ended, start

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def test_an_erp_that_stops_in_the_middle_is_waited_for(stack: Stack) -> None:
    order = "SO-1051"
    with stack.as_person("amy") as amy:
        run = start(amy, order)
        for _ in range(3):
            stack.kill("tryton")
    done = ended(stack, "amy", run, 300)
    assert done["state"] == "succeeded", done
    assert len(credit_notes(stack, order)) == 1
