"""What people ask of a policy: cases, explain, who can, simulate, backtest, diff, words, separation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.policy.cases import check
from chargehand.policy.compare import PastDecision, backtest, diff, simulate
from chargehand.policy.compiling import compile_policy
from chargehand.policy.explain import explain
from chargehand.policy.separation import matrix
from chargehand.policy.who_can import who_can
from chargehand.policy.words import rules_in_words
from fixtures.policy import MODEL, NOON, files, policy, request, rule

SMALL = rule("small", "args.amount <= 500")
MEDIUM = rule("medium", "args.amount > 500 and args.amount <= 5000", then="ask", approval=["one-lead"])
POLICY = policy(SMALL, MEDIUM)


def with_cases(text: str) -> Any:
    return compile_policy("acme", {**files(SMALL, MEDIUM), "cases/some.yaml": text}, MODEL)


def test_a_case_that_fails_says_what_was_expected_and_what_was_decided() -> None:
    asked = "zh: 例, chain: [person:ann], tool: pay.refund, effect: write"
    text = (
        f"\n- {{case: Wrong verdict, {asked}, arguments: {{amount: '600'}}, expect: allow}}"
        f"\n- {{case: Wrong rule, {asked}, arguments: {{amount: 5}}, expect: allow, rules: [medium]}}"
        f"\n- {{case: Right, {asked}, arguments: {{amount: '5'}}, expect: allow}}\n"
    )
    wrong, other, right = check(with_cases(text))
    assert wrong.failed == ("expected allow, got ask: medium in words.",)
    assert wrong.place == "cases/some.yaml:2"
    assert other.failed == ("expected rules medium, got small",)
    assert right.passed


@pytest.mark.parametrize("text", ["1.5", "yes", "0x10", "1e3", ".nan", "2026-01-01", "12:30"])
def test_a_case_must_quote_what_could_be_read_in_two_ways(text: str) -> None:
    case = (
        f"- {{case: C, zh: 例, chain: [person:ann], tool: a.b, effect: read, arguments: {{x: {text}}}, expect: deny}}"
    )
    with pytest.raises(Exception, match="could be read in more than one way"):
        with_cases(case)


def test_explain_says_which_rules_mattered_and_what_would_change_the_answer() -> None:
    found = explain(POLICY, request({"amount": "600"}))
    assert found.links == (("person:ann", "ask"), ("agent:bot", "ask"))
    assert [(one.rule.id, one.outcome) for one in found.considered][:2] == [
        ("small", "does not apply"),
        ("medium", "applies"),
    ]
    assert found.considered[0].because["en"] == "Not the case: args.amount <= 500"
    said = [change.sentences["en"] for change in found.would_change]
    assert "With amount = 500: it would run unattended." in said
    assert "With amount = 5000.01: it would be denied." in said
    assert found.would_change[0].verdict == "allow"


def test_explain_says_what_an_absent_role_would_give() -> None:
    found = explain(policy(rule("leads", who="lead")), request(chain=("person:ann",)))
    assert found.decision.verdict == "deny"
    assert (
        found.would_change[0].sentences["en"] == "If person:ann held lead, as person:bob does: it would run unattended."
    )


def test_explain_says_why_a_condition_has_no_answer() -> None:
    found = explain(POLICY, request({"amount": "1,000"}, chain=("person:ann",)))
    assert found.considered[0].outcome == "can't be decided"
    assert found.considered[0].because["en"] == "args.amount is other text, not a plain decimal number."


@given(
    st.sampled_from(["0", "499.99", "500", "500.01", "5000", "9000"]),
    st.sampled_from(["person:ann", "person:eve", "agent:bot"]),
)
def test_every_change_that_explain_names_is_true(amount: str, who: str) -> None:
    asked = request({"amount": amount}, chain=(who,))
    for change in explain(POLICY, asked).would_change:
        name, _, value = change.sentences["en"].removeprefix("With ").partition(":")[0].partition(" = ")
        if change.sentences["en"].startswith("With "):
            again = POLICY.decide(replace(asked, arguments={**asked.arguments, name: value}))
            assert (again.verdict, again.approval) == (change.verdict, change.approval)


def test_who_can_with_arguments_and_without() -> None:
    made = policy(rule("small", "args.amount <= 500"), rule("any", who="lead", then="ask", approval=["one-lead"]))
    some = who_can(made, "pay.refund", "irreversible", NOON, {"amount": "600"})
    assert [(one.principal, one.verdict, one.approval) for one in some] == [("person:bob", "ask", ("one-lead",))]
    every = who_can(made, "pay.refund", "irreversible", NOON)
    assert [(one.principal, one.verdict) for one in every] == [
        ("agent:bot", "allow"),
        ("person:ann", "allow"),
        ("person:bob", "ask"),
    ]
    assert every[0].depends == ("args.amount <= 500",)
    assert who_can(policy(rule("no", then="deny")), "pay.refund", "irreversible", NOON) == ()


@given(st.sampled_from(["0", "500", "500.01", "5000", "5000.01"]))
def test_who_can_agrees_with_deciding(amount: str) -> None:
    found = {
        one.principal: one.verdict for one in who_can(POLICY, "pay.refund", "irreversible", NOON, {"amount": amount})
    }
    for principal in POLICY.holders:
        verdict = POLICY.decide(request({"amount": amount}, chain=(principal,))).verdict
        assert found.get(principal, "deny") == verdict


def past(seq: int, amount: str | None, verdict: Any = "allow", **more: Any) -> PastDecision:
    arguments = None if amount is None else {"amount": amount, "customer": "C-1"}
    at = NOON + timedelta(minutes=seq)
    return PastDecision(seq, at, ("person:ann", "agent:bot"), "pay.refund", "irreversible", arguments, verdict, **more)


def test_simulate_compares_two_policies() -> None:
    stricter = policy(rule("small", "args.amount <= 100"), MEDIUM)
    asked = [request({"amount": text}) for text in ("50", "200", "600")]
    assert [one.flipped for one in simulate(POLICY, stricter, asked)] == [False, True, False]
    other_people = policy(SMALL, MEDIUM.replace("one-lead", "two-leads"))
    assert [one.flipped for one in simulate(POLICY, other_people, asked)] == [False, False, True]


def test_backtest_lists_every_flip_with_the_history_of_its_time() -> None:
    candidate = policy(
        rule("small", 'args.amount <= 500 and total("amount", within="1d", of=["args.customer"]) + args.amount <= 500'),
        rule(
            "more",
            'total("amount", within="1d", of=["args.customer"]) + args.amount > 500',
            then="ask",
            approval=["one-lead"],
        ),
    )
    calls = [past(1, "300"), past(2, "150"), past(3, "100"), past(4, None), past(5, "50", verdict="deny", counts=False)]
    found = backtest(candidate, reversed(calls))
    assert (found.decided, found.skipped, found.candidate) == (4, 1, candidate.revision)
    assert [(flip.call.seq, flip.before, flip.after.verdict) for flip in found.flips] == [
        (3, "allow", "ask"),
        (5, "deny", "ask"),
    ]
    older = backtest(candidate, [past(3, "100")], earlier=[past(1, "450")])
    assert [flip.after.rules for flip in older.flips] == [("more",)]


def test_diff_names_rules_roles_and_approvals_that_change() -> None:
    after = policy(
        rule("new"),
        SMALL.replace("500", "900"),
        MEDIUM,
        roles=POLICY.documents["roles.yaml"].replace("person:ann: [staff]", "person:ann: [lead]"),
        approvals=POLICY.documents["approvals.yaml"].replace("deadline: 1d", "deadline: 2d", 1),
    )
    found = diff(POLICY, after)
    assert [one.id for one in found.added] == ["new"]
    assert [(a.when, b.when) for a, b in found.changed] == [("args.amount <= 500", "args.amount <= 900")]
    assert (found.removed, found.lost) == ((), ())
    assert found.gained == (("person:ann", "lead"),)
    assert found.approvals == ("one-lead",)
    assert dict(found.files)["rules.yaml"].startswith("--- rules.yaml")
    assert diff(POLICY, POLICY).files == ()


def test_rules_in_words_are_made_from_the_rule() -> None:
    conditions = {
        "args.amount > 0 and (args.urgent or not has(args.note))": (
            "amount is more than 0 and (urgent or not note is given)",
            "amount 大于 0且(urgent或并非给出了 note)",
        ),
        'total("amount", within="1d", of=["agent", "args.customer"]) + amount <= 2000': (
            "what this tool had in 'amount' in 1d with the same agent and args.customer + amount is at most 2000",
            "1d 内本工具 的 'amount' 合计（相同的 agent、args.customer） + amount 不超过 2000",
        ),
    }
    for condition, (en, _) in conditions.items():
        (said,) = rules_in_words(policy(rule("it", condition)))
        assert said.means["en"] == f"staff may use pay.refund if {en}."
    every = [
        'starts_with(args.a, "x")',
        'ends_with(args.a, "x") or contains(args.b, "y")',
        "length(args.a) > 3",
        'between("08:00", "18:00") and weekday not in ("sat", "sun")',
        'from_date("2026-01-01") and before_date("2027-01-01")',
        "all(x > 1 for x in args.a) or any(x > 1 for x in args.a)",
        'count(tool="pay.*", within="today") < 3',
        'first_seen("args.customer", within="365d")',
        'never_after("a.b", within="1d", of=["run"])',
    ]
    for condition in every:
        (said,) = rules_in_words(policy(rule("it", condition)))
        assert "(" not in said.means["en"], said.means["en"]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in said.means["zh"])


def test_the_separation_matrix_lists_conflicts_that_were_accepted_too() -> None:
    separation = """
- id: pay-and-look
  tools: [[pay.refund], ["pay.bal*"]]
  except: {person:bob: Until the second lead is hired.}
  says: {en: whoever pays does not look, zh: 付款者不得查看}
"""
    made = policy(
        rule("pays", who="lead"), rule("looks", tool="pay.*", effect="read", who="lead"), separation=separation
    )
    (found,) = matrix(made)
    assert (found.principal, found.one, found.other) == ("person:bob", ("pays", "looks"), ("looks",))
    assert found.accepted == "Until the second lead is hired."
