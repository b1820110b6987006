"""What came of a run, as the output schema of its agent tells it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.agents.ending import documents, ending
from chargehand.errors import BadSettings
from chargehand.settings import load
from chargehand_workflows.complaint_resolution import complaint_resolution

SCHEMA = complaint_resolution.output_schema
MAILBOX = {"mail": "https://mail.example/?id={value}"}


@pytest.mark.parametrize(("value", "done"), [("refunded", True), ("no_refund", True), ("not_done", False)])
def test_a_run_that_ended_well_may_not_have_done_what_was_wanted(value: str, done: bool) -> None:
    found = ending(SCHEMA, {"result": value})
    assert found is not None
    assert (found.value, found.done) == (value, done)
    assert found.words["en"] == value.replace("_", " ").capitalize()
    assert found.words["zh"]


@pytest.mark.parametrize("result", [None, {}, {"result": ""}, {"result": 7}, "refunded", ["refunded"]])
def test_where_nothing_tells_nothing_is_said(result: Any) -> None:
    assert ending(SCHEMA, result) is None
    assert ending({}, {"result": "refunded"}) is None


def test_only_addresses_that_are_set_are_linked() -> None:
    result = {"mail": "<a&b@c.example>", "credit_note": "javascript:alert(1)", "reason": "https://evil.example"}
    [found] = documents(SCHEMA, result, MAILBOX)
    assert (found.field, found.url) == ("mail", "https://mail.example/?id=%3Ca%26b%40c.example%3E")
    assert documents(SCHEMA, result, {}) == []


@given(st.text(min_size=1))
def test_a_value_never_leaves_its_place_in_the_address(value: str) -> None:
    [found] = documents(SCHEMA, {"mail": value}, MAILBOX)
    assert found.url.startswith("https://mail.example/?id=")
    assert not set(found.url.removeprefix("https://mail.example/?id=")) & set("&#?/:<>\"' ")


@pytest.mark.parametrize("address", ["javascript:alert({value})", "https://erp.example/", "{value}"])
def test_what_is_no_web_address_is_no_setting(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEHAND_LINKS", f'{{"mail": "{address}"}}')
    with pytest.raises(BadSettings, match="CHARGEHAND_LINKS"):
        load()
