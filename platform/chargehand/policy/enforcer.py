"""A casbin.Enforcer that is planned once and never changes: pure Casbin model and rows, answers in microseconds.

Stock Casbin interprets the matcher for every row at every decision. Here `load_policy` sorts the rows into a hash index
by tenant, subject and tool, with each distinct condition compiled once; `enforce` asks only rows that can match.
Answers are the same as stock Casbin's, with three outcomes instead of two (see `tests/unit/policy/test_oracle.py`).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import casbin
from casbin.persist import Adapter

from chargehand.policy.conditions import Condition
from chargehand.policy.facts import ConditionFailed, Facts
from chargehand.policy.model import Verdict
from chargehand.policy.plan import Bucket, PlannedRule, UnplannableModel, matches, read_shape

EFFECT = "some(where (p_eft == allow)) && !some(where (p_eft == deny))"
SEVERITY: Mapping[Verdict, int] = {"allow": 0, "ask": 1, "deny": 2}
Row = tuple[str, ...]


class RowsAdapter(Adapter):
    """Rows that were linted before, as Casbin's source of policy. It never writes."""

    def __init__(self, rules: Sequence[Row], links: Sequence[Row]) -> None:
        self.rules = rules
        self.links = links

    def load_policy(self, model: Any) -> None:
        model.model["p"]["p"].policy = [list(row) for row in self.rules]
        model.model["g"]["g"].policy = [list(row) for row in self.links]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say to one principal. `rules` decided; `failed` if a condition had no answer, which denies."""

    verdict: Verdict
    rules: tuple[PlannedRule, ...]
    considered: int
    failed: ConditionFailed | None = None


# At INFO it writes every rule and role of every tenant into the process log.
logging.getLogger("casbin").setLevel(logging.WARNING)


class PlannedEnforcer(casbin.Enforcer):
    """`judge` for the platform; `enforce` and `enforce_ex` as Casbin documents them, true for allow alone."""

    def __init__(
        self,
        model_text: str,
        rules: Sequence[Row],
        links: Sequence[Row],
        compile_rule: Callable[[str], Condition],
    ) -> None:
        self._compile = compile_rule
        super().__init__(casbin.Enforcer.new_model(text=model_text), RowsAdapter(rules, links))

    def load_policy(self) -> None:
        """Load the rows and plan them. Raises UnplannableModel, ConditionRefused."""
        super().load_policy()
        sections = cast("Any", self.model)
        if sections["e"]["e"].value != EFFECT:
            raise UnplannableModel(f"the effect must be {EFFECT.replace('p_', 'p.')}")
        tokens = _names(sections["r"]["r"].tokens)
        fields = _names(sections["p"]["p"].tokens)
        self._shape = shape = read_shape(sections["m"]["m"].value, tokens, fields)
        self._key = shape.key
        self._index: dict[Any, dict[str, Bucket]] = {}
        conditions: dict[str, Condition] = {}
        for position, fields_of in enumerate(sections["p"]["p"].policy):
            row = cast("Row", tuple(fields_of))
            text = row[shape.condition]
            if text not in conditions:
                conditions[text] = self._compile("" if text == "True" else text)
            others = tuple((at, row[of]) for at, of in shape.patterns if row[of] != "*")
            verdict = cast("Verdict", row[shape.effect])
            rule = PlannedRule(position, row[shape.id], row, verdict, others, conditions[text])
            self._file(rule, row[shape.subject[1]], row[shape.tool[1]])
        self._subjects = _closures(sections["g"]["g"].policy)

    def judge(self, sub: str, dom: str, tool: str, act: str, facts: Facts) -> Judgement:
        """The most restrictive matching rule wins; no match denies; a condition without an answer denies."""
        candidates = self.candidates(sub, dom, tool, act)
        strictest = -1
        verdict: Verdict = "deny"
        hits: list[PlannedRule] = []
        for rule in candidates:
            condition = rule.condition
            try:
                if condition.tree is not None and condition.test(facts) is not True:
                    continue
            except ConditionFailed as failure:
                return Judgement("deny", (rule,), len(candidates), failure)
            except Exception as error:  # whatever goes wrong in a condition denies, and says so
                failure = ConditionFailed("condition.internal", why=type(error).__name__)
                return Judgement("deny", (rule,), len(candidates), failure)
            severity = SEVERITY[rule.verdict]
            if severity > strictest:
                strictest, verdict, hits = severity, rule.verdict, [rule]
            elif severity == strictest:
                hits.append(rule)
        return Judgement(verdict, tuple(hits), len(candidates))

    def candidates(self, sub: str, dom: str, tool: str, act: str) -> list[PlannedRule]:
        """Rules whose subject, tenant, tool and effect match, in the order of the file; conditions not yet asked."""
        request = (sub, dom, tool, act)
        of_tenant = self._index.get(self._key(request))
        if of_tenant is None:
            return []
        found: list[PlannedRule] = []
        for subject in self._subjects.get((sub, dom), (sub,)):
            bucket = of_tenant.get(subject)
            if bucket is None:
                continue
            exact = bucket.exact.get(tool)
            if exact is not None:
                found += exact
            for length, rules in bucket.prefixes.items():
                prefixed = rules.get(tool[:length])
                if prefixed is not None:
                    found += prefixed
        if any(rule.others for rule in found):
            found = [rule for rule in found if all(matches(request[at], pattern) for at, pattern in rule.others)]
        if len(found) > 1:
            found.sort(key=_position)
        return found

    def roles(self, sub: str, dom: str) -> tuple[str, ...]:
        """The roles that `sub` holds in the tenant, direct and through others."""
        return self._subjects.get((sub, dom), (sub,))[1:]

    def enforce(self, *rvals: Any) -> bool:
        return self.enforce_ex(*rvals)[0]

    def enforce_ex(self, *rvals: Any) -> tuple[bool, list[str]]:
        judgement = self.judge(*rvals)
        row = list(judgement.rules[0].row) if judgement.rules else []
        return judgement.verdict == "allow", row

    def _file(self, rule: PlannedRule, subject: str, pattern: str) -> None:
        buckets = self._index.setdefault(self._shape.row_key(rule.row), {})
        bucket = buckets.setdefault(subject, Bucket({}, {}))
        if pattern.endswith("*"):
            prefix = pattern[:-1]
            bucket.prefixes.setdefault(len(prefix), {}).setdefault(prefix, []).append(rule)
        else:
            bucket.exact.setdefault(pattern, []).append(rule)

    def _frozen(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a planned policy does not change; compile a new one")

    # Every management call of Casbin ends in one of these.
    _add_policy = _add_policies = _update_policy = _update_policies = _update_filtered_policies = _frozen
    _remove_policy = _remove_policies = _remove_filtered_policy = _remove_filtered_policy_returns_effects = _frozen
    clear_policy = set_model = load_model = _frozen


def _names(tokens: Sequence[str]) -> list[str]:
    """Casbin's tokens `r_sub`, `p_sub` as field names."""
    return [token.partition("_")[2] for token in tokens]


def _position(rule: PlannedRule) -> int:
    return rule.position


def _closures(links: Sequence[Sequence[str]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """For each (subject, tenant) with a role: itself and all its roles, nearest first. Only known subjects are kept."""
    direct: dict[tuple[str, str], list[str]] = {}
    for subject, role, domain in links:
        direct.setdefault((subject, domain), []).append(role)
    closures: dict[tuple[str, str], tuple[str, ...]] = {}
    for subject, domain in direct:
        seen = {subject: None}
        level = [subject]
        while level:
            reached = itertools.chain.from_iterable(direct.get((one, domain), ()) for one in level)
            level = [role for role in dict.fromkeys(reached) if role not in seen]
            seen |= dict.fromkeys(level)
        closures[subject, domain] = tuple(seen)
    return closures
