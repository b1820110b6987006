"""Attributes of principals: declared before they are read, read only when asked for, absent denies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chargehand.errors import BadInput, BadPolicy
from chargehand.policy.attributes import Attributes
from chargehand.policy.cases import check
from chargehand.policy.compiling import compile_policy
from fixtures.policy import MODEL, files, policy, request, rule


class Known:
    """Counts what is read; knows Ann and nobody else."""

    def __init__(self, **of_ann: str) -> None:
        self.of_ann = of_ann
        self.asked: list[str] = []

    def __call__(self, principal: str) -> Mapping[str, str]:
        self.asked.append(principal)
        return self.of_ann if principal == "person:ann" else {}


def owned(agent: str) -> Mapping[str, str]:
    return {"owner": "group:sales", "version": ""} if agent == "agent:bot" else {}


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ('person.departement == "sales"', "Known: department, id, level. Declare others"),
        ('principal.name == "x"', "Known: department, id, level, owner, version. Declare others"),
        ('agent.department == "sales"', "Known: id, owner, version."),
        ('person["cost-center"] == "1"', "Known: department, id, level."),
        ('args.amount > 5 or not agent.color == "red"', "reads agent.color, which nobody has"),
    ],
)
def test_what_nobody_has_is_refused_at_save(condition: str, known: str) -> None:
    with pytest.raises(BadPolicy, match="which nobody has") as refused:
        policy(rule("it", condition))
    assert known in str(refused.value)


@pytest.mark.parametrize("name", ["id", "Department", "cost-center", "_x", "a" * 64, "1st"])
def test_a_name_that_conditions_could_not_write_is_refused(name: str) -> None:
    tenant = f"tenant: acme\ntime_zone: UTC\nattributes:\n  {name}: {{en: X, zh: X}}\n"
    with pytest.raises(BadPolicy, match="no name of an attribute"):
        compile_policy("acme", {**files(rule("it")), "tenant.yaml": tenant}, MODEL)


def test_a_case_gives_text_as_people_have_it() -> None:
    cases = """
- case: An answer by level.
  zh: 按级别。
  chain: [person:ann]
  tool: pay.refund
  effect: irreversible
  arguments: {amount: "1.00", customer: C-1, currency: EUR}
  attributes: {person:ann: {level: 3}}
  expect: allow
"""
    made = compile_policy("acme", {**files(rule("it", "person.level >= 3")), "cases/levels.yaml": cases}, MODEL)
    assert [result.failed for result in check(made)] == [()]


@pytest.mark.parametrize(("principal", "name"), [("person:ann", "owner"), ("agent:bot", "department")])
def test_a_case_gives_nobody_what_nobody_can_have(principal: str, name: str) -> None:
    cases = f"""
- case: With an attribute.
  zh: 有属性。
  chain: [person:ann, agent:bot]
  tool: pay.refund
  effect: irreversible
  attributes: {{{principal}: {{{name}: x}}}}
  expect: deny
"""
    with pytest.raises(BadPolicy, match=f"the attribute '{name}', which nobody has"):
        compile_policy("acme", {**files(rule("it")), "cases/one.yaml": cases}, MODEL)


def test_nothing_is_read_unless_a_condition_asks() -> None:
    known = Known(department="sales")
    plain = policy(rule("it", 'args.amount <= 500 and person.id == "person:ann" and agent.id == "agent:bot"'))
    assert plain.decide(request(attributes=Attributes(known, owned))).verdict == "allow"
    assert known.asked == []


def test_what_is_read_is_read_once_for_all_rules_and_links() -> None:
    known = Known(department="sales", level="2")
    made = policy(
        rule("one", 'person.department == "sales"'),
        rule("two", "person.level >= 2 and person.level < 3"),
        rule("three", 'agent.owner == "group:sales"', then="ask", approval=["one-lead"]),
    )
    assert made.decide(request(attributes=Attributes(known, owned))).verdict == "ask"
    assert known.asked == ["person:ann"]


@pytest.mark.parametrize(
    ("condition", "chain", "missing"),
    [
        ('person.department == "sales"', ("person:bob", "agent:bot"), "person.department is missing"),
        ('person.department != "sales"', ("person:bob", "agent:bot"), "person.department is missing"),
        ('not person.department == "sales"', ("person:bob",), "person.department is missing"),
        ('agent.version == "v1"', ("person:ann", "agent:bot"), "agent.version is missing"),
        ('principal.department == "sales"', ("person:ann", "agent:bot"), "principal.department is missing"),
    ],
)
def test_absent_denies_with_the_reason(condition: str, chain: tuple[str, ...], missing: str) -> None:
    made = policy(rule("it", condition), rule("open", "args.amount > 0"))
    decision = made.decide(request(chain=chain, attributes=Attributes(Known(department="sales"), owned)))
    assert decision.verdict == "deny"
    assert missing in decision.reasons[0].sentence
    assert decision.rules == ("it",)


def test_attributes_that_can_not_be_read_deny() -> None:
    def broken(principal: str) -> Mapping[str, str]:
        raise OSError(f"no database for {principal}")

    made = policy(rule("it", 'person.department == "sales"'))
    decision = made.decide(request(attributes=Attributes(broken, owned)))
    assert decision.verdict == "deny"
    assert decision.reasons[0].message_id == "policy.condition_failed"


def test_only_declared_names_may_be_given_to_people() -> None:
    made = policy(rule("it"))
    made.check_attributes(["department", "level"])
    with pytest.raises(BadInput, match="department, level"):
        made.check_attributes(["level", "departement"])


def test_an_attribute_never_says_who_one_is() -> None:
    forged: Mapping[str, Mapping[str, Any]] = {"person:ann": {"id": "person:bob"}}
    made = policy(rule("it", 'person.id == "person:bob"'))
    assert made.decide(request(attributes=forged)).verdict == "deny"
