"""Tenants share nothing, the compiled policy never changes, and no request makes it raise or grow."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.errors import BadInput
from chargehand.policy.facts import Facts
from chargehand.policy.model import Request
from chargehand.policy.snapshot import Snapshot
from fixtures.policy import MODEL, NOON, policy, request, rule
from fixtures.policy_oracle import random_policy, random_request

ACME = policy(rule("small", "args.amount <= 500"))
OTHER = policy(rule("everything", tool="*"), tenant="other")
BOTH = Snapshot({"acme": ACME, "other": OTHER}, MODEL)


def test_the_same_people_and_tools_in_another_tenant_are_others() -> None:
    asked = {"amount": "900"}
    assert BOTH.decide(request(asked, tenant="other")).verdict == "allow"
    assert BOTH.decide(request(asked)).verdict == "deny"
    assert BOTH.decide(request(asked, tenant="nowhere")).reasons[0].message_id == "policy.no_policy"
    for tenant in ("", "acme ", "ACME", "acme/../other", "*"):
        assert BOTH.decide(request(asked, tenant=tenant)).verdict == "deny"


def test_a_policy_asked_for_another_tenants_request_knows_no_rule() -> None:
    facts = Facts(request(), "person:ann", OTHER.zone)
    assert OTHER.enforcer.judge("person:ann", "acme", "pay.refund", "irreversible", facts).verdict == "deny"
    assert OTHER.enforcer.candidates("person:ann", "acme", "pay.refund", "irreversible") == []


@given(st.integers(0, 10**9))
def test_what_another_tenant_does_changes_no_decision(seed: int) -> None:
    rng = random.Random(seed)
    mine, theirs = random_policy(rng), policy(rule("deny-all", tool="*", then="deny"), tenant="other")
    asked = random_request(rng)
    alone = Snapshot({"acme": mine}, MODEL)
    assert alone.decide(asked) == alone.replaced(theirs).decide(asked) == alone.without("other", "x").decide(asked)


def test_a_compiled_policy_can_not_be_managed() -> None:
    enforcer = policy(rule("small", "args.amount <= 5")).enforcer
    row = ["staff", "acme", "pay.refund", "*", "True", "allow", "more"]
    for change in (
        lambda: enforcer.add_policy(*row),
        lambda: enforcer.add_policies([row]),
        lambda: enforcer.remove_filtered_policy(0, "staff"),
        lambda: enforcer.add_grouping_policy("person:eve", "staff", "acme"),
        lambda: enforcer.add_role_for_user_in_domain("person:eve", "staff", "acme"),
        enforcer.clear_policy,
    ):
        with pytest.raises(TypeError, match="compile a new one"):
            change()


def test_casbins_own_door_says_true_for_allow_alone() -> None:
    made = policy(
        rule("small", "args.amount <= 500"), rule("more", "args.amount > 500", then="ask", approval=["one-lead"])
    )
    for amount, allowed in (("5", True), ("900", False)):
        asked = request({"amount": amount})
        values = ("person:ann", "acme", "pay.refund", "irreversible", Facts(asked, "person:ann", made.zone))
        assert made.enforcer.enforce(*values) is allowed
        found = made.enforcer.enforce_ex(*values)
        assert (found[0], found[1][-1]) == (allowed, "small" if allowed else "more")


def test_strangers_do_not_make_it_grow() -> None:
    before = (len(ACME.enforcer._subjects), len(ACME.enforcer._index))
    for number in range(2_000):
        ACME.decide(request(chain=(f"person:x{number}",), tool=f"t.{number}"))
    assert (len(ACME.enforcer._subjects), len(ACME.enforcer._index)) == before


@given(
    st.lists(st.text(max_size=20) | st.sampled_from(["person:ann", "staff", "agent:bot"]), max_size=4),
    st.text(max_size=20) | st.sampled_from(["pay.refund", "pay.*", "*"]),
    st.text(max_size=12),
    st.datetimes(),
)
def test_no_request_makes_it_raise(chain: list[str], tool: str, effect: Any, at: datetime) -> None:
    made = policy(rule("hours", 'between("08:00", "18:00") and args.amount <= 5'), zone="America/New_York")
    decided = made.decide(Request("acme", tuple(chain), tool, effect, {"amount": "1"}, at))
    assert decided.verdict in ("allow", "deny")
    assert decided.reasons


def test_nobody_acts_as_a_role() -> None:
    decided = policy(rule("all", who="staff")).decide(request(chain=("staff",)))
    assert (decided.verdict, decided.reasons[0].message_id) == ("deny", "policy.unknown_principal")


@pytest.mark.parametrize("strange", [object(), {1: 2}, b"x", {1, 2}, datetime(2026, 1, 1, tzinfo=UTC), print])
def test_arguments_are_json(strange: Any) -> None:
    with pytest.raises(BadInput):
        request({"x": strange})
    nested: Any = "deep"
    for _ in range(40):
        nested = [nested]
    with pytest.raises(BadInput, match="too deep"):
        request({"x": nested})


def test_a_naive_time_denies() -> None:
    made = policy(rule("hours", 'between("08:00", "18:00")'))
    decided = made.decide(request(at=NOON.replace(tzinfo=None)))
    assert (decided.verdict, decided.reasons[0].message_id) == ("deny", "policy.condition_failed")
