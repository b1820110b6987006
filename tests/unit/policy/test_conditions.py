"""The condition language: what it says, what it refuses, and that no clear answer denies."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.policy.conditions import ConditionRefused, compile_condition
from chargehand.policy.facts import Facts
from chargehand.policy.history import RecordedCall, RecordedHistory
from fixtures.policy import NOON, policy, request, rule


def holds(condition: str, arguments: dict[str, Any] | None = None, *, zone: str = "UTC", **more: Any) -> bool:
    """Whether the condition holds, has an answer, and the answer is no: a failure raises."""
    made = policy(rule("it", condition), zone=zone)
    decision = made.decide(request(arguments, **{"chain": ("agent:bot",), **more}))
    if decision.reasons[0].message_id == "policy.condition_failed":
        raise AssertionError(decision.reasons[0].sentence)
    return decision.verdict == "allow"


def failure(condition: str, arguments: dict[str, Any] | None = None, **more: Any) -> str:
    """Why the condition has no answer."""
    decision = policy(rule("it", condition)).decide(request(arguments, **{"chain": ("agent:bot",), **more}))
    assert decision.verdict == "deny"
    assert decision.reasons[0].message_id == "policy.condition_failed"
    assert decision.reasons[0].sentences["zh"] != decision.reasons[0].sentences["en"]
    return decision.reasons[0].sentence


@pytest.mark.parametrize(
    ("condition", "arguments", "answer"),
    [
        ("args.amount <= 500", {"amount": "500.00"}, True),
        ("args.amount <= 500", {"amount": "500.01"}, False),
        ("500 >= args.amount", {"amount": 500}, True),
        ("amount <= 0.1", {"amount": "0.1"}, True),
        ("0 < amount <= 500", {"amount": "0"}, False),
        ("args.amount == 500", {"amount": "500.0"}, True),
        ("args.amount != 500", {"amount": "500.0"}, False),
        ("args.a + args.b <= 0.3", {"a": "0.1", "b": "0.2"}, True),
        ("args.price * args.count - 1 > 99", {"price": "33.34", "count": 3}, True),
        ("-args.balance >= 5", {"balance": "-5"}, True),
        ('currency in ("CNY", "EUR")', {"currency": "EUR"}, True),
        ('currency not in ["CNY"]', {"currency": "EUR"}, True),
        ('args.status == "open"', {"status": "open"}, True),
        ("args.urgent", {"urgent": True}, True),
        ("not args.urgent", {"urgent": True}, False),
        ("args.urgent == False", {"urgent": False}, True),
        ("has(args.note)", {"note": None}, False),
        ('has(args.note) and args.note == "x"', {}, False),
        ('not has(args.note) or args.note == "x"', {}, True),
        ('starts_with(args.path, "/a/")', {"path": "/a/b"}, True),
        ('ends_with(args.to, "@example.com")', {"to": "x@example.com.evil"}, False),
        ('contains(args.tags, "vip")', {"tags": ["new", "vip"]}, True),
        ("length(args.tags) <= 1", {"tags": ["new", "vip"]}, False),
        ("length(args.text) == 3", {"text": "abc"}, True),
        ('all(ends_with(to, "@e.com") for to in args.to)', {"to": ["a@e.com", "b@e.com"]}, True),
        ('all(ends_with(to, "@e.com") for to in args.to)', {"to": ["a@e.com", "b@x.com"]}, False),
        ("any(line.price > 10 for line in args.lines)", {"lines": [{"price": "9"}, {"price": "11"}]}, True),
        ("any(all(n > 1 for n in row) for row in args.rows)", {"rows": [[1, 2], [2, 3]]}, True),
        ('args.customer["id"] == "7"', {"customer": {"id": "7"}}, True),
        ("args.lines[1].price > 10", {"lines": [{"price": "9"}, {"price": "11"}]}, True),
        ('effect == "irreversible" and tool == "pay.refund"', {}, True),
    ],
)
def test_what_it_says(condition: str, arguments: dict[str, Any], answer: bool) -> None:
    assert holds(condition, arguments) is answer


@pytest.mark.parametrize(
    ("condition", "arguments", "why"),
    [
        ("args.amount <= 500", {}, "args.amount is missing"),
        ("args.amount <= 500", {"amount": None}, "args.amount is missing"),
        ("args.amount <= 500", {"amount": True}, "true or false, not a plain decimal"),
        ("args.amount <= 500", {"amount": "1,280.00"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "1.280,00"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": " 12"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "+12"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "012"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "1e2"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "１２"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "NaN"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": "Infinity"}, "not a plain decimal"),
        ("args.amount <= 500", {"amount": float("nan")}, "not a finite number"),
        ("args.amount <= 500", {"amount": float("-inf")}, "not a finite number"),
        ("args.amount > 500", {"amount": Decimal("sNaN")}, "not a finite number"),
        ("args.amount <= 500", {"amount": ["1"]}, "a list, not a plain decimal"),
        ("args.amount <= 500", {"amount": {"value": 1}}, "an object, not a plain decimal"),
        ("args.a * args.b > 0", {"a": 10**40 + 7, "b": 10**40 + 9}, "too long to add exactly"),
        ('args.status == "open"', {"status": 1}, "not a plain decimal"),
        ('args.status in ("open", "new")', {"status": ["open"]}, "can't be compared"),
        ("args.urgent", {"urgent": "true"}, "not true or false"),
        ("not args.urgent", {"urgent": 0}, "not true or false"),
        ('starts_with(args.path, "/a/")', {"path": 5}, "not text"),
        ('contains(args.tags, "vip")', {"tags": "vip"}, "not a list"),
        ('all(ends_with(to, "@e.com") for to in args.to)', {"to": []}, "empty list"),
        ('all(ends_with(to, "@e.com") for to in args.to)', {"to": "a@e.com"}, "not a list"),
        ('args.name[0] == "a"', {"name": "abc"}, "args.name[0] is missing"),
        ("args.lines[3].price > 10", {"lines": []}, "is missing"),
        ('person.department == "sales"', {}, "person.department is missing"),
    ],
)
def test_no_clear_answer_denies_with_the_reason(condition: str, arguments: dict[str, Any], why: str) -> None:
    assert why in failure(condition, arguments)


def test_a_condition_that_fails_denies_though_another_rule_allows() -> None:
    made = policy(rule("small", "args.amount <= 500"), rule("noted", 'args.note == "x"'))
    decision = made.decide(request({"amount": "5"}))
    assert decision.verdict == "deny"
    assert decision.rules == ("noted",)


def test_a_failing_condition_of_a_rule_for_others_does_not_matter() -> None:
    made = policy(rule("small", "args.amount <= 500"), rule("noted", 'args.note == "x"', who="lead"))
    assert made.decide(request({"amount": "5"})).verdict == "allow"


@given(st.decimals(-(10**6), 10**6, places=4), st.decimals(-(10**6), 10**6, places=4))
def test_comparisons_of_money_are_exact(amount: Decimal, limit: Decimal) -> None:
    plain = f"{amount:f}".replace("-0.0000", "0.0000")
    test = compile_condition(f"args.amount <= {limit:f}").test
    assert test(Facts(request({"amount": plain}), "agent:bot", ZoneInfo("UTC"))) is (amount <= limit)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**9), 10**9))
def test_a_number_that_is_no_text_compares_as_written(amount: float, limit: int) -> None:
    assert holds(f"args.amount <= {limit}", {"amount": amount}) is (Decimal(repr(amount)) <= limit)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
def test_no_argument_makes_a_decision_raise(value: Any) -> None:
    made = policy(
        rule("n", "args.x <= 5 or args.x.y[0] > 3", then="allow"),
        rule("t", 'args.x == "a" or contains(args.x, "b") or all(y == 1 for y in args.x)', then="deny"),
    )
    assert made.decide(request({"x": value})).verdict in ("allow", "deny")


SHANGHAI = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # Monday 00:30 there, Sunday in UTC


@pytest.mark.parametrize(
    ("condition", "at", "zone", "answer"),
    [
        ('between("08:00", "18:00")', NOON, "UTC", True),
        ('between("08:00", "12:00")', NOON, "UTC", False),
        ('between("12:00", "24:00")', NOON, "UTC", True),
        ('between("22:00", "06:00")', SHANGHAI, "Asia/Shanghai", True),
        ('between("22:00", "06:00")', SHANGHAI, "UTC", False),
        ('weekday == "mon"', SHANGHAI, "Asia/Shanghai", True),
        ('weekday in ("sat", "sun")', SHANGHAI, "UTC", True),
        ('today == "2026-03-02"', SHANGHAI, "Asia/Shanghai", True),
        ('from_date("2026-03-02")', SHANGHAI, "Asia/Shanghai", True),
        ('before_date("2026-03-02")', SHANGHAI, "UTC", True),
    ],
)
def test_time_is_the_tenants(condition: str, at: datetime, zone: str, answer: bool) -> None:
    assert holds(condition, at=at, zone=zone) is answer


def test_a_daylight_saving_change_moves_the_window_with_the_clock() -> None:
    before, after = datetime(2026, 3, 28, 7, 30, tzinfo=UTC), datetime(2026, 3, 30, 6, 30, tzinfo=UTC)
    assert holds('between("08:00", "09:00")', at=before, zone="Europe/Berlin")
    assert holds('between("08:00", "09:00")', at=after, zone="Europe/Berlin")


def test_attributes_of_person_agent_and_principal() -> None:
    attributes = {"person:ann": {"department": "sales", "level": "2"}, "agent:bot": {"owner": "group:sales"}}
    condition = 'person.department == "sales" and person.level >= 2 and agent.owner == "group:sales"'
    chain = ("person:ann", "agent:bot")
    assert holds(condition, attributes=attributes, chain=chain)
    assert holds('person.id == "person:ann" and agent.id == "agent:bot"', chain=chain)
    assert not holds('principal.id == "person:ann"', chain=chain)
    assert holds("risk < 0.5", risk=0.25)
    assert "not a finite number" in failure("risk < 0.5", risk=float("nan"))


def past(**changes: Any) -> RecordedCall:
    facts: dict[str, Any] = {"amount": "100.00", "customer": "C-1", "currency": "EUR"}
    given_call = {
        "tool": "pay.refund",
        "at": NOON - timedelta(hours=2),
        "chain": ("person:ann", "agent:bot"),
        "run": "r1",
    }
    return RecordedCall(**{**given_call, "arguments": facts, **changes})


@pytest.mark.parametrize(
    ("condition", "calls", "answer"),
    [
        ('total("amount", within="1d") + amount <= 200', [past()], True),
        ('total("amount", within="1d") + amount <= 199.99', [past()], False),
        ('total("amount", within="1h") + amount <= 199.99', [past()], True),
        (
            'total("amount", within="today", of=["agent", "args.customer"]) == 0',
            [past(at=NOON - timedelta(hours=13))],
            True,
        ),
        (
            'total("amount", within="1d", of=["args.customer"]) == 0',
            [past(arguments={"customer": "C-2", "amount": "1"})],
            True,
        ),
        ('total("amount", within="1d", of=["person"]) == 0', [past(chain=("person:bob", "agent:bot"))], True),
        ('count(tool="pay.*", within="1d", of=["agent"]) < 2', [past(), past(tool="pay.balance")], False),
        ('first_seen("args.customer", within="365d")', [past(arguments={"customer": "C-2"})], True),
        ('first_seen("args.customer", within="365d")', [past()], False),
        ('never_after("pay.bal*", within="1d", of=["run"])', [past(tool="pay.balance")], False),
        ('never_after("pay.bal*", within="1d", of=["run"])', [past(tool="pay.balance", run="r2")], True),
    ],
)
def test_history(condition: str, calls: list[RecordedCall], answer: bool) -> None:
    chain = ("person:ann", "agent:bot")
    made = policy(rule("it", condition))
    decision = made.decide(request(chain=chain, history=RecordedHistory(calls), run="r1"))
    assert decision.verdict == ("allow" if answer else "deny")
    assert "policy.condition_failed" not in {one.message_id for one in decision.reasons}


class Broken:
    """A fake: history that gives unusable answers."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def total(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    count = total


@pytest.mark.parametrize("answer", [0.5, True, None, "1", Decimal("NaN"), OSError("gone"), float("nan"), -1.5])
def test_history_that_can_not_be_read_denies(answer: Any) -> None:
    for condition in (
        'total("amount", within="1d") <= 500',
        'count(within="1d") <= 5',
        'never_after("a.b", within="1d")',
    ):
        assert "could not be read" in failure(condition, history=Broken(answer))


def test_no_history_at_all_denies() -> None:
    made = policy(rule("it", 'count(within="1d") <= 5'))
    decision = made.decide(replace(request(chain=("agent:bot",)), history=None))
    assert decision.verdict == "deny"
    assert "none can be read" in decision.reasons[0].sentence


@pytest.mark.parametrize(
    "condition",
    [
        "False) or (True",
        "True); (False",
        "True) # ",
        "args.amount <=",
        "1",
        "None",
        "'x'",
        "[1]",
        "1.0",
        "true",
        "True",
        "not False",
        "args",
        "args.amount",  # not refused: an argument may be true or false
        "effect",
        "args.update({'amount': 1}) == None",
        "args.clear() == 1",
        "args.__class__ == 1",
        "args._x == 1",
        "'{0.__class__}'.format(args) == 1",
        "f'{1:>99999999}' == ''",
        "'x'.ljust(10**8) == ''",
        "('a' * 90000) == args.x",
        "9 ** 300000 > 1",
        "args.x / 3 > 1",
        "args.x % 3 > 1",
        "args.x // 3 > 1",
        "args.x << 3 > 1",
        "args.x | 3 > 1",
        "~args.x > 1",
        "(lambda: 1)() == 1",
        "(x := 1) == 1",
        "keyMatch(args.x, 'a')",
        "keyMatch != 1",
        "regexMatch(args.q, '(a+)+$')",
        "eval('1') == 1",
        "__import__('os') == 1",
        "open('x') == 1",
        "args.x if args.y else args.z",
        "args.amount <= '500'",
        "args.amount <= True",
        "args.amount <= 1e400",
        "args.amount <= 0x10",
        "args.amount <= 1j",
        "args.amount is 5",
        "args.amount == None",
        "args.amount == b'1'",
        "args.amount == ...",
        "args['a':'b'] == 1",
        "args[-1] == 1",
        "args[args.x] == 1",
        "args.x in args.y",
        "args.x in ()",
        "effect < 5",
        "effect == 5",
        "{args.x: 1} == 1",
        "[x for x in args.y] == 1",
        "all(x for x in args.y if x)",
        "all(x.y for x, z in args.y)",
        "all(args == 1 for args in args.y)",
        "all([True])",
        "any(x > 1 for x in args.a for y in args.b)",
        "has('note')",
        "has(args)",
        "has(person.x)",
        "has(args.note, 1)",
        "has(*args.note)",
        "starts_with(args.x, '')",
        "starts_with(args.x, args.y)",
        "between('8:00', '18:00')",
        "between('08:00', '25:00')",
        "between('08:00', '08:00')",
        "between(args.x, '18:00')",
        "from_date('2026-02-30')",
        "total('amount') > 1",
        "total('amount', within='1w') > 1",
        "total('amount', within='0d') > 1",
        "total('amount', within='1d', of='agent') > 1",
        "total('amount', within='1d', of=['tenant']) > 1",
        "total('a b', within='1d') > 1",
        "total('amount', within='1d', tool='*.x') > 1",
        "total('amount', within='1d', **args) > 1",
        "count(within='1d')",
        "never_after('x.y', within='1d', tool='z') ",
        "await args.x",
        "yield",
        "args.x == '\\x41'",
        "args.x == 'a\0'",
        "not " * 300 + "args.x",
        "(" * 95 + "args.x" + ")" * 95 + " and 1",
        " and ".join(["args.x > 1"] * 60),
        "x" * 2000,
    ],
)
def test_what_is_not_in_the_language_is_refused(condition: str) -> None:
    if condition == "args.amount":
        assert compile_condition(condition).tree is not None
        return
    with pytest.raises(ConditionRefused) as refused:
        compile_condition(condition)
    assert refused.value.detail


@given(st.text(max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    with contextlib.suppress(ConditionRefused):
        compile_condition(text)


PIECES = [
    "args.x",
    "args.y.z",
    "1",
    "'a'",
    "==",
    "<=",
    "and",
    "or",
    "not",
    "(",
    ")",
    "has(",
    "total('x', within='1d')",
    "[",
    "]",
    ",",
    "in",
    ".",
    "all(",
    "for",
    "i",
    "args.l",
    "__class__",
    "lambda:",
    "effect",
    "+",
    "*",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_pieces_of_the_language_compile_or_are_refused_and_never_raise_when_asked(pieces: list[str]) -> None:
    text = " ".join(pieces)
    try:
        compile_condition(text)
    except ConditionRefused:
        return
    if text.strip():
        made = policy(rule("it", text))
        assert made.decide(request({"x": "1", "y": {"z": 2}, "l": ["a"]}, run="r")).verdict in ("allow", "deny")
