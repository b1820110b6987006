"""The planned enforcer answers as stock Casbin does, decision by decision.

`make` runs a part of it; the whole, 24,000 decisions, is marked slow.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from fixtures.policy_oracle import Oracle, random_policy, random_request


def compare(seed: int, policies: int, requests: int) -> Counter[str]:
    """Decide random requests both ways. The counts of verdicts; raises AssertionError at the first mismatch."""
    rng = random.Random(seed)
    verdicts: Counter[str] = Counter()
    for number in range(policies):
        policy = random_policy(rng)
        oracle = Oracle(policy)
        for _ in range(requests):
            request = random_request(rng)
            got, wanted = policy.decide(request), oracle.verdict(request)
            assert got.verdict == wanted, (seed, number, request, got, policy.documents["rules.yaml"])
            verdicts[wanted] += 1
    return verdicts


def test_it_decides_as_stock_casbin_does() -> None:
    verdicts = compare(seed=7, policies=50, requests=40)
    assert verdicts.total() == 2_000
    assert min(verdicts["allow"], verdicts["ask"], verdicts["deny"]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_it_decides_as_stock_casbin_does_at_length(seed: int) -> None:
    verdicts = compare(seed=1000 + seed, policies=50, requests=40)
    assert verdicts.total() == 2_000


def test_the_oracle_itself_tells_three_outcomes_apart() -> None:
    rng = random.Random(1)
    seen: set[str] = set()
    while seen != {"allow", "ask", "deny"}:
        policy = random_policy(rng)
        seen |= {Oracle(policy).verdict(random_request(rng)) for _ in range(20)}
