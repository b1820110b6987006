"""The sentence that approvers read can't be forged by argument text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.connectors.sentence import sentence

TEMPLATE = "Refund {amount:money currency} to {customer} for order {order}"
GOOD = {"amount": "1280.00", "currency": "CNY", "customer": "Li Wei", "order": "SO-1042"}


def test_the_arguments_stand_in_the_sentence() -> None:
    said = sentence(TEMPLATE, GOOD, tool="erp.create_credit_note")
    assert said == "Refund 1,280.00 CNY to Li Wei for order SO-1042"


def test_without_a_template_the_arguments_are_named() -> None:
    assert sentence("", {"b": 1, "a": "x"}, tool="crm.close") == "Use crm.close with a: x, b: 1"


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_argument_hides_or_moves_characters(customer: str, amount: str) -> None:
    said = sentence(TEMPLATE, {**GOOD, "customer": customer, "amount": amount}, tool="t.t")
    assert not {unicodedata.category(character) for character in said} & {"Cc", "Cf", "Zl", "Zp", "Cs"}


@pytest.mark.parametrize(
    ("customer", "shown"),
    [
        ("Li\u202eieW", "Li\\u202eieW"),
        ("Li\nfor order SO-1", "Li\\u000afor order SO-1"),
        ("{order}", "{order}"),
        (None, "—"),
        (["a"], '["a"]'),
        ("x" * 500, "x" * 200 + "…"),
    ],
)
def test_tricks_are_shown_as_what_they_are(customer: object, shown: str) -> None:
    assert f"to {shown} for" in sentence(TEMPLATE, {**GOOD, "customer": customer}, tool="t.t")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "lots", None, {"a": 1}])
def test_an_amount_that_is_none_is_shown_as_given(amount: object) -> None:
    assert "CNY" in sentence(TEMPLATE, {**GOOD, "amount": amount}, tool="t.t")
