"""Decisions through the front door: strictest wins, absence denies, authority intersects along the chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.policy.model import Decision
from chargehand.policy.snapshot import Snapshot
from fixtures.policy import policy, request, rule, unlinted

SEVERITY = {"allow": 0, "ask": 1, "deny": 2}


def test_no_rule_denies_and_says_so() -> None:
    decision = policy().decide(request())
    assert decision.verdict == "deny"
    assert [one.message_id for one in decision.reasons] == ["policy.no_rule", "policy.no_rule"]
    assert decision.reasons[0].sentence == "No rule lets person:ann use pay.refund (irreversible)."
    assert "没有规则允许" in decision.reasons[0].sentences["zh"]


def test_no_policy_denies() -> None:
    decision = Snapshot({}, "").decide(request())
    assert (decision.verdict, decision.reasons[0].message_id) == ("deny", "policy.no_policy")


def test_a_tenant_whose_policy_is_broken_is_denied_with_the_reason() -> None:
    good = policy(rule("all"))
    snapshot = Snapshot({"acme": good}, "").without("acme", "roles.yaml is gone")
    decision = snapshot.decide(request())
    assert decision.verdict == "deny"
    assert "roles.yaml is gone" in decision.reasons[0].sentence
    assert snapshot.replaced(good).decide(request()).verdict == "allow"


def test_nobody_in_the_chain_denies() -> None:
    assert policy(rule("all")).decide(request(chain=())).reasons[0].message_id == "policy.no_chain"


def test_an_unknown_link_denies_whoever_else_is_in_the_chain() -> None:
    decision = policy(rule("all")).decide(request(chain=("person:ann", "agent:stranger", "agent:bot")))
    assert decision.verdict == "deny"
    assert [(one.principal, one.message_id) for one in decision.reasons] == [
        ("agent:stranger", "policy.unknown_principal")
    ]


def test_each_link_is_decided_and_the_strictest_answer_wins() -> None:
    both = policy(
        rule("staff", then="ask", approval=["one-lead"]),
        rule("bot", who="agent:bot", then="ask", approval=["two-leads"]),
    )
    decision = both.decide(request())
    assert decision.verdict == "ask"
    assert decision.approval == ("one-lead", "two-leads")
    assert decision.rules == ("staff", "bot")


def test_the_most_restrictive_rule_wins_wherever_it_stands() -> None:
    rules = [
        rule("may", "args.amount < 1000"),
        rule("asks", "args.amount >= 50", then="ask", approval=["one-lead"]),
        rule("never", "args.amount >= 90 and args.amount < 5000", then="deny"),
    ]
    for order in (rules, rules[::-1]):
        made = policy(*order)
        amounts = {text: made.decide(request({"amount": text})).verdict for text in ("49.99", "50", "90.00", "5000")}
        assert amounts == {"49.99": "allow", "50": "ask", "90.00": "deny", "5000": "ask"}


def test_reasons_carry_both_languages_and_every_decision_cites_the_revision() -> None:
    made = policy(rule("all"))
    decision = made.decide(request(chain=("person:ann",)))
    assert decision.policy_revision == made.revision
    assert decision.reasons[0].sentences == {"en": "all in words.", "zh": "all。"}
    assert decision.reasons[0].message_id == "rule.all"


def test_roles_come_through_other_roles() -> None:
    made = policy(rule("all", who="staff"))
    assert made.decide(request(chain=("person:bob",))).verdict == "allow"
    assert set(made.enforcer.roles("person:bob", "acme")) == {"lead", "staff"}
    assert made.holders_of("staff") == ("agent:bot", "person:ann", "person:bob")


@pytest.mark.parametrize(
    ("pattern", "tool", "matches"),
    [
        ("pay.refund", "pay.refund", True),
        ("pay.refund", "pay.refunds", False),
        ("pay.*", "pay.refund", True),
        ("pay.*", "payroll.run", False),
        ("pay.re*", "pay.refund", True),
        ("*", "anything.at_all", True),
    ],
)
def test_tools_match_exactly_or_by_prefix(pattern: str, tool: str, matches: bool) -> None:
    assert (policy(rule("all", tool=pattern)).decide(request(tool=tool)).verdict == "allow") is matches


def test_the_effect_is_part_of_the_rule() -> None:
    made = policy(rule("reads", tool="pay.*", effect="read"))
    assert made.decide(request(tool="pay.balance", effect="read")).verdict == "allow"
    assert made.decide(request(tool="pay.balance", effect="irreversible")).verdict == "deny"


def test_an_approved_ask_of_one_link_never_hides_the_denial_of_another() -> None:
    made = policy(rule("bot", who="agent:bot", then="ask", approval=["one-lead"]))
    decision = made.decide(request())
    assert (decision.verdict, decision.approval) == ("deny", ())


LINKS = ("person:ann", "person:bob", "agent:bot", "agent:other", "person:nobody")
RULE = st.builds(
    lambda who, then, low, tool: rule(
        "NAME", f"args.amount >= {low}", who=who, then=then, tool=tool, approval=["one-lead"] if then == "ask" else ()
    ),
    st.sampled_from(["staff", "lead", "agent:bot", "agent:other", "person:ann"]),
    st.sampled_from(["allow", "ask", "deny"]),
    st.sampled_from([0, 10, 100]),
    st.sampled_from(["pay.refund", "pay.*", "*", "pay.balance"]),
)
RULES = st.lists(RULE, max_size=8).map(
    lambda made: [text.replace("NAME", f"r{number}") for number, text in enumerate(made)]
)
AMOUNTS = st.sampled_from([5, 50, 500])
MORE = RULE.filter(lambda text: "then: allow" not in text).map(lambda text: text.replace("NAME", "more"))


def _decided(rules: list[str], amount: int, chain: tuple[str, ...]) -> Decision:
    # Rules that shadow each other are errors of lint; here they are wanted.
    return unlinted(*rules).decide(request({"amount": str(amount)}, chain=chain))


@given(RULES, MORE, AMOUNTS, st.lists(st.sampled_from(LINKS), max_size=4))
def test_an_ask_or_deny_more_never_frees_what_was_answered(
    rules: list[str], more: str, amount: int, links: list[str]
) -> None:
    before = _decided(rules, amount, tuple(links))
    after = _decided([*rules, more], amount, tuple(links))
    # Nothing matched, so nothing was answered: there an `ask` is what lets it be asked for at all.
    unanswered = not all(_decided(rules, amount, (link,)).rules for link in links)
    assert unanswered or SEVERITY[after.verdict] >= SEVERITY[before.verdict]


@given(RULES, AMOUNTS, st.lists(st.sampled_from(LINKS), min_size=1, max_size=4))
def test_authority_never_grows_along_the_chain(rules: list[str], amount: int, links: list[str]) -> None:
    whole = _decided(rules, amount, tuple(links))
    parts = [_decided(rules, amount, (link,)) for link in links]
    assert SEVERITY[whole.verdict] == max(SEVERITY[part.verdict] for part in parts)
    asked = {name for part in parts if part.verdict == "ask" for name in part.approval}
    assert set(whole.approval) == (asked if whole.verdict == "ask" else set())


@given(RULES, AMOUNTS, st.sampled_from(LINKS))
def test_the_order_of_rules_never_matters(rules: list[str], amount: int, link: str) -> None:
    one, other = _decided(rules, amount, (link,)), _decided(rules[::-1], amount, (link,))
    assert (one.verdict, set(one.approval), set(one.rules)) == (other.verdict, set(other.approval), set(other.rules))


def test_arguments_can_not_be_changed_after_the_question_was_put() -> None:
    given_arguments = {"amount": "1", "lines": [{"sku": "A"}]}
    asked = request(given_arguments)
    given_arguments["amount"] = "9999"
    assert asked.arguments["amount"] == "1"
    for change in (
        lambda: asked.arguments.update({"amount": "2"}),  # type: ignore[attr-defined]
        lambda: asked.arguments.__setitem__("amount", "2"),  # type: ignore[attr-defined]
        lambda: asked.arguments["lines"][0].clear(),
        lambda: asked.arguments.pop("amount"),  # type: ignore[attr-defined]
    ):
        with pytest.raises(TypeError):
            change()
    assert asked.arguments["lines"] == ({"sku": "A"},)
    assert replace(asked, run="r").arguments is asked.arguments
