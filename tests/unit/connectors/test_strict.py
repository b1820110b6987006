"""Strict JSON and schemas that fetch nothing."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.connectors import schemas, strict
from chargehand.errors import BadInput

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_json_says_comes_back(value: object) -> None:
    assert strict.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"amount": 1, "amount": 1000}', "twice"),
        ('{"a": {"b": 1, "b": 2}}', "twice"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "Infinity"),
        ("[1e999]", "inf"),
        ("[9007199254740993]", "2\\^53"),
        ("[-9007199254740993]", "2\\^53"),
        ("[" + "9" * 5000 + "]", "2\\^53"),
        ("[" * 101 + "]" * 101, "nested"),
        ("[" * 200_000, "nested"),
        ('"\\ud800"', "surrogate"),
        ('{"\\ud800": 1}', "surrogate"),
        (b'"\xff"', "UTF-8"),
        ("{'a': 1}", "strict JSON"),
        ("", "strict JSON"),
        ("1 2", "strict JSON"),
    ],
)
def test_what_readers_disagree_on_is_refused(text: str | bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        strict.loads(text)


def test_a_schema_names_the_path_of_what_does_not_fit() -> None:
    schema = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "string"}}}}
    schemas.check(schema, {"lines": ["a"]}, field="arguments")
    with pytest.raises(BadInput, match=r"arguments\.lines\.1"):
        schemas.check(schema, {"lines": ["a", 2]}, field="arguments")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"$dynamicRef": "https://example.org#x"},
        {"type": "nonsense"},
        {"pattern": "("},
    ],
)
def test_a_schema_that_leads_outside_or_is_none_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        schemas.check_schema(schema)


def test_a_wild_pattern_takes_no_time() -> None:
    began = time.process_time()
    with pytest.raises(BadInput):
        schemas.check({"pattern": "^(a+)+$"}, "a" * 5000 + "!", field="arguments")
    assert time.process_time() - began < 1
