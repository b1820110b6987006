"""What lint says of useless rules is true: without such a rule, nothing that can be decided is decided otherwise."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from chargehand.policy.compiling import build
from chargehand.policy.conditions import compile_condition
from chargehand.policy.covering import find_shadows, implies, never_true
from chargehand.policy.facts import Facts
from chargehand.policy.reading import read_documents
from chargehand.policy.snapshot import TenantPolicy
from fixtures.policy import MODEL, policy, request
from fixtures.policy_oracle import random_arguments, random_condition, random_policy, random_request

ZONE = policy().zone


def without(made: TenantPolicy, rule: str) -> TenantPolicy:
    read = read_documents("acme", made.documents, "")
    read.rules = [one for one in read.rules if one.id != rule]
    return build("acme", read, made.documents, MODEL)


def complete(rng: random.Random) -> dict[str, object]:
    """Arguments of which none is missing, so that every condition has an answer."""
    while True:
        arguments = random_arguments(rng)
        if len(arguments) == 4:
            return arguments


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_a_rule_that_never_matters_can_go(seed: int) -> None:
    rng = random.Random(seed)
    made = random_policy(rng)
    subjects = {one: frozenset(made.enforcer.roles(one, "acme")) for one in (*made.holders, *made.roles)}
    for shadowed, _ in list(find_shadows(made.rules, subjects))[:3]:
        thinner = without(made, shadowed.id)
        for _ in range(25):
            asked = replace(random_request(rng), arguments=complete(rng))
            now, then = made.decide(asked), thinner.decide(asked)
            assert (now.verdict, set(now.approval)) == (then.verdict, set(then.approval)), shadowed


def test_shadows_are_found_at_all() -> None:
    found = 0
    for seed in range(20):
        made = random_policy(random.Random(seed))
        subjects = {one: frozenset(made.enforcer.roles(one, "acme")) for one in (*made.holders, *made.roles)}
        found += len(list(find_shadows(made.rules, subjects)))
    assert found > 10


@given(st.integers(0, 10**9))
def test_what_can_never_apply_never_does(seed: int) -> None:
    rng = random.Random(seed)
    condition = compile_condition(" and ".join(random_condition(rng, 0) for _ in range(rng.choice([1, 2, 3, 4]))))
    if never_true(condition):
        for _ in range(20):
            assert not condition.test(Facts(request(complete(rng)), "agent:bot", ZONE))


@given(st.integers(0, 10**9))
def test_what_is_implied_holds(seed: int) -> None:
    rng = random.Random(seed)

    def conjunction() -> str:
        return " and ".join(random_condition(rng, 0) for _ in range(rng.choice([1, 2, 3])))

    left, right = compile_condition(conjunction()), compile_condition(conjunction())
    if implies(left, right):
        for _ in range(20):
            facts = Facts(request(complete(rng)), "agent:bot", ZONE)
            assert right.test(facts) or not left.test(facts)
