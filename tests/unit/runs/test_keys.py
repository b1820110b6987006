"""A call's key never changes, and no two calls share one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chargehand.runs.keys import call_key

NAMES = st.from_regex(r"\A[a-z0-9_]{1,12}\Z")
CALLS = st.tuples(NAMES, NAMES, st.integers(0, 10**6))


def test_it_is_the_same_for_ever() -> None:
    assert call_key("demo", "run_1", 3) == "4d269e425aa41ea5481d22b081dcbdd58cc5b8214cf6de61c3d5935eb2a644a0"


@given(CALLS, CALLS)
def test_tenant_run_and_position_tell_calls_apart(one: tuple[str, str, int], other: tuple[str, str, int]) -> None:
    assert (call_key(*one) == call_key(*other)) == (one == other)


def test_each_part_counts() -> None:
    calls = [("demo", "run_1", 1), ("other", "run_1", 1), ("demo", "run_2", 1), ("demo", "run_1", 2)]
    assert len({call_key(*call) for call in calls}) == len(calls)
