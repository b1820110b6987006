"""What one policy decision costs at 10,000 rules: ours, stock pycasbin and cedarpy on the same rules and questions.

    python benchmarks/policy_decision.py [--rules 10000] [--json benchmarks/results/policy_decision.json]

Every engine answers the same questions about the same rules (roles in one tenant, exact tools and prefixes, a condition
on the amount in half of them), and the answers are compared before anything is timed. Ours is timed as the platform
calls it: the whole `decide`, for one principal and for a person with an agent, with reasons, and with a fresh `Request`
made each time (that is where arguments are copied). Times are wall time of single calls, in microseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import casbin
import cedarpy

from chargehand.policy.compiling import build
from chargehand.policy.enforcer import RowsAdapter
from chargehand.policy.model import Request
from chargehand.policy.reading import read_documents
from chargehand.policy.snapshot import Snapshot, TenantPolicy

ROOT = Path(__file__).parents[1]
MODEL = (ROOT / "policies" / "model.conf").read_text(encoding="utf-8")
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
BAR_MICROSECONDS = 20.0
ROLES, SYSTEMS, VERBS = 200, 50, 40
Row = tuple[str, str, str, str]


def make_rules(count: int, rng: random.Random) -> list[Row]:
    """(role, tool pattern, condition, verdict): half with a condition, a tenth with a prefix, a tenth that deny."""
    rules: list[Row] = []
    for _ in range(count):
        system = f"s{rng.randrange(SYSTEMS)}"
        tool = f"{system}.*" if rng.random() < 0.1 else f"{system}.v{rng.randrange(VERBS)}"
        condition = f"args.amount <= {rng.choice([50, 500, 5000])}" if rng.random() < 0.5 else ""
        rules.append((f"r{rng.randrange(ROLES)}", tool, condition, "deny" if rng.random() < 0.1 else "allow"))
    return rules


def ours(rules: Sequence[Row], holders: dict[str, list[str]]) -> tuple[TenantPolicy, float]:
    says = "says: {en: A rule., zh: 规则。}"
    text = "".join(
        f"- id: n{number}\n  for: {role}\n  tool: {tool}\n  effect: any\n  when: '{when}'\n  then: {then}\n  {says}\n"
        for number, (role, tool, when, then) in enumerate(rules)
    )
    roles = "roles:\n" + "".join(f"  r{number}: {{{says}}}\n" for number in range(ROLES))
    roles += "holders:\n" + "".join(f"  {who}: [{', '.join(held)}]\n" for who, held in holders.items())
    documents = {
        "tenant.yaml": "tenant: acme\ntime_zone: UTC\n",
        "rules.yaml": text,
        "roles.yaml": roles,
        "approvals.yaml": "",
    }
    start = time.perf_counter()
    read = read_documents("acme", documents, "")
    assert not read.problems, read.problems[:3]
    # Random rules shadow each other, which lint refuses; it is not what is timed.
    policy = build("acme", read, documents, MODEL)
    return policy, time.perf_counter() - start


def stock(rules: Sequence[Row], holders: dict[str, list[str]]) -> casbin.Enforcer:
    rows = [
        (role, "acme", tool, "*", when.replace("args.", "r.facts.") or "True", then, f"n{number}")
        for number, (role, tool, when, then) in enumerate(rules)
    ]
    links = [(who, role, "acme") for who, held in holders.items() for role in held]
    return casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL), RowsAdapter(rows, links))


def cedar(rules: Sequence[Row], holders: dict[str, list[str]]) -> tuple[str, list[dict[str, Any]]]:
    """Cedar policies and entities. Amounts are cents, as Cedar's decimals have four places and no order with longs."""
    texts: list[str] = []
    for role, tool, when, then in rules:
        action = f'action in Action::"{tool[:-2]}"' if tool.endswith("*") else f'action == Action::"{tool}"'
        limit = when.rpartition(" ")[2]
        condition = f" when {{ context.cents <= {int(limit) * 100} }}" if when else ""
        effect = "forbid" if then == "deny" else "permit"
        texts.append(f'{effect} (principal in Role::"{role}", {action}, resource){condition};')
    entities = [
        {"uid": {"type": "User", "id": who}, "attrs": {}, "parents": [{"type": "Role", "id": role} for role in held]}
        for who, held in holders.items()
    ]
    for system in range(SYSTEMS):
        group = {"type": "Action", "id": f"s{system}"}
        entities.append({"uid": group, "attrs": {}, "parents": []})
        for verb in range(VERBS):
            uid = {"type": "Action", "id": f"s{system}.v{verb}"}
            entities.append({"uid": uid, "attrs": {}, "parents": [group]})
    return "\n".join(texts), entities


def timed(call: Callable[[Any], Any], questions: Sequence[Any], seconds: float) -> list[float]:
    """Microseconds of single calls, over and over the questions for about so long."""
    clock, times, end = time.perf_counter, [], time.perf_counter() + seconds
    while True:
        for question in questions:
            start = clock()
            call(question)
            now = clock()
            times.append((now - start) * 1e6)
            if now > end:
                return times


def summary(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "calls": len(ordered),
        "median_us": statistics.median(ordered),
        "p99_us": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "mean_us": statistics.fmean(ordered),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each arm of ours")
    parser.add_argument("--slow-seconds", type=float, default=20.0, help="for each of the others")
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "policy_decision.json")
    given = parser.parse_args()
    rng = random.Random(11)
    rules = make_rules(given.rules, rng)
    people = [f"person:p{number}" for number in range(100)]
    holders = {who: [f"r{number}" for number in rng.sample(range(ROLES), 3)] for who in (*people, "agent:bot")}
    policy, load_seconds = ours(rules, holders)
    snapshot = Snapshot({"acme": policy}, MODEL)
    questions = [
        (
            rng.choice(people),
            f"s{rng.randrange(SYSTEMS)}.v{rng.randrange(VERBS)}",
            rng.choice(["20.00", "300.00", "9000"]),
        )
        for _ in range(2_000)
    ]
    # Half of the questions are asked where some rule matches, so that conditions are evaluated and reasons made.
    hits = [
        (who, tool, amount) for who, tool, amount in questions if policy.enforcer.candidates(who, "acme", tool, "write")
    ]
    while len(hits) < 1_000:
        who, (_, tool, _, _) = rng.choice(people), rng.choice(rules)
        exact = tool.replace("*", f"v{rng.randrange(VERBS)}")
        if policy.enforcer.candidates(who, "acme", exact, "write"):
            hits.append((who, exact, rng.choice(["20.00", "300.00", "9000"])))
    questions = [pair for both in zip(questions[:1_000], hits[:1_000], strict=True) for pair in both]

    def request(question: tuple[str, str, str], *more: str) -> Request:
        who, tool, amount = question
        arguments = {"amount": amount, "customer": "C-1", "order": "SO-1042", "currency": "EUR"}
        return Request("acme", (who, *more), tool, "write", arguments, AT)

    enforcer = stock(rules, holders)
    cedar_text, listed = cedar(rules, holders)
    # Parsed once, as ours are: from text, every call would parse ten thousand policies.
    policies, entities = cedarpy.PolicySet.from_str(cedar_text), cedarpy.Entities.from_json_str(json.dumps(listed))

    def ask_stock(question: tuple[str, str, str]) -> bool:
        who, tool, amount = question
        return enforcer.enforce(who, "acme", tool, "write", {"amount": Decimal(amount)}) is True

    def ask_cedar(question: tuple[str, str, str]) -> bool:
        who, tool, amount = question
        asked = {
            "principal": f'User::"{who}"',
            "action": f'Action::"{tool}"',
            "resource": 'Tenant::"acme"',
            "context": {"cents": int(Decimal(amount) * 100)},
        }
        return cedarpy.is_authorized(asked, policies, entities).decision == cedarpy.Decision.Allow

    agreed = 0
    for question in questions[:40]:
        answers = {policy.decide(request(question)).verdict == "allow", ask_stock(question), ask_cedar(question)}
        if len(answers) != 1:
            print(f"the engines differ on {question}: {answers}", file=sys.stderr)
            return 2
        agreed += 1
    print(f"{len(rules):,} rules, {agreed} questions answered alike by all three; load and plan {load_seconds:.2f} s")

    made = [request(question) for question in questions]
    chained = [request(question, "agent:bot") for question in questions]
    arms = {
        "ours: decide": timed(snapshot.decide, made, given.seconds),
        "ours: decide, person and agent": timed(snapshot.decide, chained, given.seconds),
        "ours: make the request and decide": timed(lambda one: snapshot.decide(request(one)), questions, given.seconds),
        "ours: decide, rules that match": timed(snapshot.decide, [request(one) for one in hits], given.seconds),
        "cedarpy, parsed once": timed(ask_cedar, questions, given.slow_seconds),
        "stock pycasbin": timed(ask_stock, questions, given.slow_seconds),
    }
    results = {name: summary(times) for name, times in arms.items()}
    base = results["ours: decide"]["median_us"]
    for name, found in results.items():
        ratio = found["median_us"] / base
        print(f"{name:36s} median {found['median_us']:12,.1f} µs   p99 {found['p99_us']:12,.1f} µs   × {ratio:,.1f}")
    met = all(found["median_us"] <= BAR_MICROSECONDS for name, found in results.items() if name.startswith("ours"))
    print(f"bar: median ≤ {BAR_MICROSECONDS:.0f} µs at 10,000 rules: {'met' if met else 'MISSED'}")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "versions": {name: version(name) for name in ("pycasbin", "cedarpy")},
        "rules": len(rules),
        "load_and_plan_seconds": load_seconds,
        "results": results,
        "ratio_to_ours": {name: found["median_us"] / base for name, found in results.items()},
        "raw_us": {name: [round(one, 2) for one in times[:2_000]] for name, times in arms.items()},
    }
    given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"raw data: {given.json}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
