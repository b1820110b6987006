"""Lint: every mistake is refused with file, line and way out; attacks of a rule's author among them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from chargehand.errors import BadPolicy
from chargehand.policy.compiling import compile_policy, content_hash, load_policies
from chargehand.policy.model import Problem
from fixtures.policy import APPROVALS, CATALOGUE, MODEL, ROLES, files, policy, rule


def problems(*rules: str, **more: str) -> list[Problem]:
    """What lint finds, errors and warnings, but that the small world has one lead only."""
    try:
        found = policy(*rules, catalogue=CATALOGUE, **more).warnings
    except BadPolicy as error:
        found = error.problems
    assert all(problem.file and problem.line >= 1 for problem in found)
    return [problem for problem in found if "approval rule 'two-leads' needs 2" not in problem.detail]


def only(found: list[Problem], *, severity: str = "error") -> str:
    chosen = [problem for problem in found if problem.severity == severity]
    assert len(chosen) == 1, found
    return str(chosen[0])


def test_a_good_policy_has_nothing_to_say() -> None:
    assert problems(rule("small", "args.amount <= 500", effect="irreversible")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule("r1", tool="pay.refnd"), "rules.yaml:1: rule 'r1' is on 'pay.refnd', which matches no known tool."),
        (rule("r1", who="stuff"), "rule 'r1' is for 'stuff', which is no role. Known: lead, staff."),
        (rule("r1", tool="pay.refund", effect="read"), "is on effect 'read', but pay.refund is: irreversible"),
        (rule("r1", "args.amont <= 5"), "reads args.amont, which pay.refund does not have. It has: amount,"),
        (rule("r1", "args.urgent <= 5"), "reads args.urgent of pay.refund as a number; it is boolean"),
        (rule("r1", 'has(args.nte) and args.note == "x"'), "reads args.nte"),
        (rule("r1", 'count(tool="pay.refnd", within="1d") < 3'), "looks for earlier calls of 'pay.refnd'"),
        (rule("r1", then="ask"), "says ask with approval []"),
        (rule("r1", approval=["one-lead"]), "says allow with approval ['one-lead']"),
        (rule("r1", then="ask", approval=["nobody"]), "asks by 'nobody', which is no approval rule. Known: one-lead"),
        (rule("r1", tool="chargehand.give_verdct"), "matches no known tool"),
        (rule("r1", "args.amount > 5 and args.amount < 5"), "can never apply: no args.amount is within its bounds"),
        (rule("r1", 'currency == "EUR" and args.currency == "CNY"'), "can never apply"),
        (rule("r1", "args.urgent and not args.urgent"), "can never apply"),
        (rule("r1", "args.amount <= 1e400"), "is refused"),
        (rule("r1", "args.amount <="), "the condition of rule 'r1' is refused: it is not an expression"),
        (rule("r1", "False) or (True"), "is refused"),
        (rule("r1", "args.update({}) == 1"), "is refused"),
        (
            rule("r1").replace("then: allow", "then: Deny"),
            "then: Input should be 'allow', 'deny' or 'ask'; found 'Deny'",
        ),
        (rule("r1").replace("then: allow", "then: dney"), "then: Input should be"),
        (rule("r1").replace("then: allow", "then: approve"), "then: Input should be"),
        (rule("r1").replace("effect: any", "effect: Read"), "effect: Input should be"),
        (rule("r1").replace("then: allow", "then: [allow, deny]"), "then: Input should be"),
        (rule("r1").replace("  then: allow\n", ""), "then: is missing. Known keys: id, for, tool"),
        (rule("r1").replace("  when:", "  whem:"), "whem: unknown key. Known keys:"),
        (rule("r1") + "  priority: 1\n", "priority: unknown key"),
        (rule("r1") + "  then: deny\n", "has the key 'then' twice"),
        (rule("r1").replace("'pay.refund'", "pay.*.x"), "tool:"),
        (rule("r1").replace("'pay.refund'", "'pay/refund'"), "tool:"),
        (rule("r1").replace("for: staff", "for: 'staff, lead'"), "for:"),
        (rule("r1").replace("for: staff", "for: group:staff"), "for:"),
        (rule("r1").replace("id: r1", "id: R 1"), "id:"),
        (rule("r1").replace("zh: 'r1。'", "fr: 'r1'"), "says.fr: unknown key"),
        ("just text", "is not a list"),
        ("- just text", "valid dictionary"),
        ("- [a, b]\n", "valid dictionary"),
        ("- id: &x r1\n  for: *x\n", "anchor or alias"),
        ("- id: !!python/name:os.system r1\n", "a tag"),
        ("- id: [\n", "is not YAML"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_mistake_in_a_rule_is_refused_with_its_place(text: str, said: str) -> None:
    found = [str(problem) for problem in problems(text) if problem.severity == "error"]
    assert any(said in one for one in found), found
    assert all(one.startswith("rules.yaml:") for one in found)


def test_every_problem_is_listed_at_once_with_its_line() -> None:
    found = problems(rule("r1", "args.amount <="), rule("r2", who="nobody"), rule("r3", tool="x.y"))
    assert [(problem.line, problem.rule) for problem in found] == [(5, "r1"), (9, "r2"), (17, "r3")]


def test_two_rules_of_one_id_are_refused() -> None:
    assert "rule 'r1' is also on line 1" in only(problems(rule("r1"), rule("r1", "args.amount < 5")))


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (ROLES.replace("includes: [staff]", "includes: [stuff]"), "role 'lead' includes 'stuff', which is no role"),
        (ROLES.replace("person:bob: [lead]", "person:bob: [led]"), "person:bob holds 'led', which is no role"),
        (ROLES.replace("person:bob: [lead]", "person:bob: lead"), "holders.person:bob"),
        (ROLES.replace("person:bob: [lead]", "person:bob: [lead, lead]"), "holds a role twice"),
        (ROLES.replace("person:bob", "bob"), "holders.bob"),
        (ROLES.replace("staff: {says", "staff: {includes: [lead], says"), "nested deeper than 8, or in a circle"),
        (ROLES.replace("holders:", "holdrs:"), "holdrs: unknown key"),
        (ROLES + "  person:bob: [staff]\n", "has the key 'person:bob' twice"),
    ],
)
def test_a_mistake_in_roles_is_refused(roles: str, said: str) -> None:
    found = [str(problem) for problem in problems(rule("r1"), roles=roles)]
    assert any(said in one and one.startswith("roles.yaml:") for one in found), found


def test_roles_nest_eight_deep_and_no_deeper() -> None:
    def nested(depth: int) -> str:
        says = "says: {en: x., zh: x。}"
        names = ["lead", *(f"n{number}" for number in range(depth - 2)), "staff"]
        lines = [f"  {a}: {{includes: [{b}], {says}}}\n" for a, b in pairwise(names)]
        return f"roles:\n{''.join(lines)}  staff: {{{says}}}\nholders:\n  person:bob: [lead]\n  agent:bot: [staff]\n"

    made = policy(rule("r1"), roles=nested(8))
    assert "staff" in made.enforcer.roles("person:bob", "acme")
    assert "nested deeper than 8" in problems(rule("r1"), roles=nested(9))[0].detail


@pytest.mark.parametrize(
    ("approvals", "said"),
    [
        (APPROVALS.replace("role: lead}", "role: led}"), "asks 'led', which is no role"),
        (APPROVALS.replace("deadline: 1d", "deadline: 1w"), "is not a length of time"),
        (APPROVALS.replace("deadline: 1d", "deadline: 24:00"), "is not a length of time"),
        (APPROVALS.replace('count: "2"', 'count: "0"'), "greater than or equal to 1"),
        (APPROVALS.replace("quorums: [{role: lead}]", "quorums: []"), "quorums"),
        (APPROVALS.replace("deadline: 1d", "deadline: 1d\n  not_requester: yes"), "is neither true nor false"),
        (APPROVALS.replace("deadline: 1d", "deadline: 1d\n  not_requestr: true"), "unknown key"),
        (
            APPROVALS.replace("deadline: 1d", "deadline: 1d\n  remind_after: 2d"),
            "remind_after is not before the deadline",
        ),
        (
            APPROVALS.replace("deadline: 1d", "deadline: 1d\n  escalate_to: lead"),
            "one of escalate_after and escalate_to",
        ),
        (
            APPROVALS.replace("deadline: 1d", "deadline: 1d\n  escalate_after: 2h\n  escalate_to: boss"),
            "escalates to 'boss'",
        ),
    ],
)
def test_a_mistake_in_approval_rules_is_refused(approvals: str, said: str) -> None:
    found = [str(problem) for problem in problems(rule("r1"), approvals=approvals) if problem.severity == "error"]
    assert any(said in one for one in found), found


def test_a_quorum_that_nobody_can_meet_is_pointed_out() -> None:
    assert "needs 2 of 'lead'; 1 hold it" in only(list(policy(rule("r1")).warnings), severity="warning")


@pytest.mark.parametrize(
    ("wide", "narrow", "severity"),
    [
        (rule("wide", then="deny"), rule("narrow", "args.amount < 5"), "error"),
        (rule("wide", "args.amount < 10", then="deny"), rule("narrow", "args.amount < 5"), "error"),
        (rule("wide", "args.amount <= 5", then="deny"), rule("narrow", "args.amount == 5"), "error"),
        (rule("wide", tool="pay.*", then="deny"), rule("narrow"), "error"),
        (rule("wide", who="staff", then="deny"), rule("narrow", who="lead"), "error"),
        (rule("wide", then="ask", approval=["one-lead"]), rule("narrow", who="person:ann"), "error"),
        (rule("wide", then="deny"), rule("narrow", 'args.currency == "EUR"', effect="irreversible"), "error"),
        (rule("wide"), rule("narrow", "args.amount < 5"), "warning"),
        (rule("wide", "args.amount < 5"), rule("narrow", "amount < 5"), "warning"),
    ],
)
def test_a_rule_that_never_matters_is_found(wide: str, narrow: str, severity: str) -> None:
    for order in ((wide, narrow), (narrow, wide)):
        found = [one for one in problems(*order) if "never matters" in one.detail]
        assert [one.severity for one in found] == [severity]
        if severity == "error":
            assert (found[0].rule, "'wide'" in found[0].detail) == ("narrow", True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rule("a", "args.amount < 5", then="deny"), rule("b", "args.amount <= 5")),
        (rule("a", "args.amount < 5", then="deny"), rule("b")),
        (rule("a", who="lead", then="deny"), rule("b", who="staff")),
        (rule("a", then="ask", approval=["one-lead"]), rule("b", then="ask", approval=["two-leads"])),
        (rule("a", tool="pay.balance", then="deny"), rule("b", tool="pay.*")),
        (rule("a", 'args.currency == "EUR"', then="deny"), rule("b", 'args.currency == "CNY"')),
        (rule("a", effect="read", tool="pay.*", then="deny"), rule("b", tool="pay.*")),
    ],
)
def test_a_rule_that_matters_is_not_reported(one: str, other: str) -> None:
    assert not [problem for problem in problems(one, other) if "never matters" in problem.detail]


def test_an_optional_argument_without_a_guard_is_pointed_out() -> None:
    found = problems(rule("r1", 'args.note == "x"'))
    assert "may be absent in pay.refund; that denies. Guard it with has(args.note)" in only(found, severity="warning")
    assert problems(rule("r1", 'has(args.note) and args.note == "x"')) == []


def test_a_role_that_nobody_holds_is_pointed_out() -> None:
    roles = ROLES.replace("person:bob: [lead]", "person:bob: [staff]")
    found = problems(rule("r1", who="lead"), roles=roles)
    assert any("which nobody holds" in problem.detail and problem.severity == "warning" for problem in found)


SEPARATION = """
- id: pay-and-look
  tools: [[pay.refund], [pay.balance]]
  says: {en: whoever pays does not look, zh: 付款者不得查看}
"""


def test_a_conflict_of_duties_is_refused_and_may_be_accepted_with_a_reason() -> None:
    rules = (rule("pays", who="lead"), rule("looks", who="staff", tool="pay.balance"))
    found = problems(*rules, separation=SEPARATION)
    assert "person:bob holds both sides of 'pay-and-look'" in only(found)
    accepted = SEPARATION + "  except: {person:bob: Only until the second lead is hired.}\n"
    assert problems(*rules, separation=accepted) == []
    denied = (rule("pays", who="lead"), rule("looks", who="staff", tool="pay.balance", then="deny"))
    assert problems(*denied, separation=SEPARATION) == []


def test_a_conflict_of_roles_is_refused() -> None:
    text = "- id: both\n  roles: [[lead], [staff]]\n  says: {en: not both, zh: 不得兼任}\n"
    assert "roles lead and staff" in only(problems(rule("r1"), separation=text))


def test_a_missing_file_and_a_strange_one_are_refused() -> None:
    documents = files(rule("r1"))
    del documents["approvals.yaml"]
    documents["rules.yml"] = ""
    with pytest.raises(BadPolicy) as refused:
        compile_policy("acme", documents, MODEL)
    assert str(refused.value.problems[0]).startswith("approvals.yaml:1: is missing.")
    assert "rules.yml:1: is no file of a policy" in str(refused.value)


def test_a_folder_can_not_hold_another_tenants_policy() -> None:
    with pytest.raises(BadPolicy, match="names tenant 'acme' in the folder of 'other'"):
        compile_policy("other", files(rule("r1"), tenant="acme"), MODEL)


@pytest.mark.parametrize(
    "model",
    [
        "",
        "[matchers]\nm = true",
        MODEL.replace("r.dom == p.dom && ", ""),
        MODEL.replace("r.dom == p.dom && ", "r.act == p.act && "),
        MODEL.replace("g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)"),
        MODEL.replace("keyMatch(r.act, p.act)", "regexMatch(r.act, p.act)"),
        MODEL.replace(" && eval(p.cond)", ""),
        MODEL.replace(" && eval(p.cond)", " || eval(p.cond)"),
        MODEL.replace("p = sub, dom, tool, act, cond, eft, id", "p = sub, dom, tool, act, cond, id"),
        MODEL.replace("some(where (p.eft == allow)) && !some(where (p.eft == deny))", "!some(where (p.eft == deny))"),
        MODEL.replace("some(where (p.eft == allow)) && !some(where (p.eft == deny))", "some(where (p.eft == allow))"),
        MODEL.replace("some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny"),
    ],
)
def test_a_model_that_does_not_isolate_or_can_not_be_planned_is_refused(model: str) -> None:
    with pytest.raises(BadPolicy, match=r"model\.conf:1"):
        compile_policy("acme", files(rule("r1")), model)


def test_a_folder_lists_the_problems_of_all_its_tenants(tmp_path: Path) -> None:
    (tmp_path / "model.conf").write_text(MODEL)
    for tenant in ("one", "two"):
        (tmp_path / tenant).mkdir()
        for name, text in files(rule("r1", who="nobody"), tenant=tenant).items():
            (tmp_path / tenant / name).write_text(text)
    (tmp_path / "pins").mkdir()
    (tmp_path / "stray.csv").write_text("p, alice")
    with pytest.raises(BadPolicy) as refused:
        load_policies(tmp_path)
    assert [Path(problem.file).relative_to(tmp_path).as_posix() for problem in refused.value.problems] == [
        "one/rules.yaml",
        "stray.csv",
        "two/rules.yaml",
    ]
    assert refused.value.problem()["errors"][0]["field"].endswith("one/rules.yaml:1")


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"model\.conf:1: is missing"):
        load_policies(tmp_path)
    with pytest.raises(BadPolicy):
        load_policies(tmp_path / "nowhere")


def test_the_hash_covers_what_decides_and_nothing_else() -> None:
    documents = files(rule("r1"))
    made = compile_policy("acme", documents, MODEL)
    with_cases = compile_policy("acme", {**documents, "cases/x.yaml": ""}, MODEL)
    dos = compile_policy("acme", {name: text.replace("\n", "\r\n") for name, text in documents.items()}, MODEL)
    assert made.revision == with_cases.revision == dos.revision
    for name, text in documents.items():
        assert compile_policy("acme", {**documents, name: text + "# more\n"}, MODEL).revision != made.revision
    assert compile_policy("acme", documents, MODEL + "# more\n").revision != made.revision
    assert content_hash({"a": "x\u2028"}) != content_hash({"a": "x\n"})
