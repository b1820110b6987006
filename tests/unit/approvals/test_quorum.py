"""Quorums: every seat needs a different person, whatever roles overlap."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chargehand.approvals.quorum import merged, met
from chargehand.policy.model import ApprovalRule, RoleQuorum

ROLES = ("lead", "finance", "legal")


def _by_trying_all(quorums: list[tuple[str, int]], voters: list[frozenset[str]]) -> bool:
    seats = [role for role, count in quorums for _ in range(count)]
    return bool(seats) and any(
        all(seat in voter for seat, voter in zip(seats, chosen, strict=True))
        for chosen in itertools.permutations(voters, len(seats))
    )


@given(
    st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), max_size=3),
    st.lists(st.frozensets(st.sampled_from(ROLES)), max_size=5),
)
def test_a_quorum_is_met_exactly_when_some_seating_exists(
    quorums: dict[str, int], voters: list[frozenset[str]]
) -> None:
    pairs = sorted(quorums.items())
    assert met(pairs, voters) == _by_trying_all(pairs, voters)


def test_no_quorum_is_never_met() -> None:
    assert not met((), [frozenset(ROLES)])
    assert not met((("lead", 0),), [frozenset(ROLES)])


def test_one_person_of_two_roles_fills_one_seat() -> None:
    assert not met((("finance", 1), ("lead", 1)), [frozenset({"lead", "finance"})])


def test_several_rules_merge_to_the_stricter_count() -> None:
    one = ApprovalRule("a", (RoleQuorum("lead", 2),), timedelta(hours=1))
    other = ApprovalRule("b", (RoleQuorum("lead"), RoleQuorum("finance")), timedelta(hours=1))
    assert merged((one, other)) == (("finance", 1), ("lead", 2))
