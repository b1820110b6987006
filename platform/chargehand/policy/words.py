"""Rules in words, English and Chinese, made from what is enforced: a reader need not trust the rule's own sentence."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chargehand.policy.snapshot import Rule, TenantPolicy

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """`says` is the author's sentence, `means` is made from the rule itself; both by language."""

    rule: str
    says: Mapping[str, str]
    means: Mapping[str, str]


_VERDICTS = {
    "en": {"allow": "may use {tool}", "ask": "may use {tool} once {approval} agreed", "deny": "may never use {tool}"},
    "zh": {"allow": "可使用 {tool}", "ask": "经 {approval} 同意后可使用 {tool}", "deny": "不得使用 {tool}"},
}
_EFFECTS = {
    "en": {"read": " to read", "write": " to write", "irreversible": " irreversibly", "any": ""},
    "zh": {"read": "（读取）", "write": "（写入）", "irreversible": "（不可撤销）", "any": ""},
}
_COMPARED: dict[Language, dict[type[ast.cmpop], str]] = {
    "en": {
        ast.Lt: "is less than",
        ast.LtE: "is at most",
        ast.Gt: "is more than",
        ast.GtE: "is at least",
        ast.Eq: "is",
        ast.NotEq: "is not",
        ast.In: "is one of",
        ast.NotIn: "is none of",
    },
    "zh": {
        ast.Lt: "小于",
        ast.LtE: "不超过",
        ast.Gt: "大于",
        ast.GtE: "不少于",
        ast.Eq: "为",
        ast.NotEq: "不为",
        ast.In: "属于",
        ast.NotIn: "不属于",
    },
}
_NAMES: dict[Language, dict[str, str]] = {
    "en": {
        "weekday": "the weekday",
        "today": "the date",
        "risk": "the risk",
        "effect": "the effect",
        "tool": "the tool",
    },
    "zh": {"weekday": "星期", "today": "日期", "risk": "风险", "effect": "影响", "tool": "工具"},
}
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "×"}


def rules_in_words(policy: TenantPolicy) -> tuple[RuleInWords, ...]:
    """Every rule, in the order of the file."""
    return tuple(
        RuleInWords(rule.id, rule.sentences, {"en": say(rule, "en"), "zh": say(rule, "zh")}) for rule in policy.rules
    )


def say(rule: Rule, language: Language) -> str:
    """One rule in words."""
    joined = " and " if language == "en" else "、"
    what = _VERDICTS[language][rule.then].format(tool=rule.tool, approval=joined.join(rule.approval))
    effect = _EFFECTS[language][rule.effect]
    tree = rule.condition.tree
    if language == "en":
        return f"{rule.subject} {what}{effect}{'' if tree is None else ' if ' + _en(tree)}."
    return f"{'' if tree is None else '如果' + _zh(tree) + '，'}{rule.subject} {what}{effect}。"


def _en(node: ast.expr) -> str:
    return _Sayer("en").test(node)


def _zh(node: ast.expr) -> str:
    return _Sayer("zh").test(node)


class _Sayer:
    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def pick(self, english: str, chinese: str) -> str:
        return english if self.language == "en" else chinese

    def test(self, node: ast.expr, *, inner: bool = False) -> str:
        match node:
            case ast.BoolOp(op=op, values=values):
                word = self.pick(" and ", "且") if isinstance(op, ast.And) else self.pick(" or ", "或")
                said = word.join(self.test(value, inner=True) for value in values)
                return f"({said})" if inner else said
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.pick("not ", "并非") + self.test(operand, inner=True)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compare(left, ops, others)
            case _:
                return self.value(node)

    def value(self, node: ast.expr) -> str:
        match node:
            case ast.Attribute(value=ast.Name(id="args"), attr=name):
                return name
            case ast.Name(id=name):
                return _NAMES[self.language].get(name, name)
            case ast.BinOp(left=left, op=op, right=right):
                return f"{self.value(left)} {_SIGNS[type(op)]} {self.value(right)}"
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return self.pick(", ", "、").join(self.value(item) for item in items)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
            case _:
                return ast.unparse(node)

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> str:
        parts: list[str] = []
        subject = left
        for op, other in zip(ops, others, strict=True):
            parts.append(f"{self.value(subject)} {_COMPARED[self.language][type(op)]} {self.value(other)}")
            subject = other
        return self.pick(" and ", "且").join(parts)

    def _call(self, name: str, node: ast.Call) -> str:
        given = [self.value(item) for item in node.args if not isinstance(item, ast.GeneratorExp)]
        match name:
            case "has":
                return self.pick(f"{given[0]} is given", f"给出了 {given[0]}")
            case "starts_with":
                return self.pick(f"{given[0]} starts with {given[1]}", f"{given[0]} 以 {given[1]} 开头")
            case "ends_with":
                return self.pick(f"{given[0]} ends with {given[1]}", f"{given[0]} 以 {given[1]} 结尾")
            case "contains":
                return self.pick(f"{given[0]} contains {given[1]}", f"{given[0]} 包含 {given[1]}")
            case "length":
                return self.pick(f"the length of {given[0]}", f"{given[0]} 的长度")
            case "between":
                return self.pick(f"it is from {given[0]} to {given[1]}", f"时间在 {given[0]} 至 {given[1]} 之间")
            case "from_date":
                return self.pick(f"it is {given[0]} or later", f"日期不早于 {given[0]}")
            case "before_date":
                return self.pick(f"it is before {given[0]}", f"日期早于 {given[0]}")
            case "all" | "any":
                return self._quantified(name, node)
            case _:
                return self._past(name, node, given)

    def _quantified(self, name: str, node: ast.Call) -> str:
        loop = node.args[0]
        assert isinstance(loop, ast.GeneratorExp)  # noqa: S101  # nothing else compiles
        source, variable, body = loop.generators[0].iter, ast.unparse(loop.generators[0].target), self.test(loop.elt)
        if name == "all":
            return self.pick(
                f"for every {variable} of {self.value(source)}, {body}",
                f"{self.value(source)} 中的每个 {variable} 都满足 {body}",
            )
        return self.pick(
            f"for some {variable} of {self.value(source)}, {body}", f"{self.value(source)} 中有 {variable} 满足 {body}"
        )

    def _past(self, name: str, node: ast.Call, given: list[str]) -> str:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        within = ast.literal_eval(named["within"])
        span = self.pick("today", "当天") if within == "today" else self.pick(f"in {within}", f"{within} 内")
        tool = ast.literal_eval(named["tool"]) if "tool" in named else self.pick("this tool", "本工具")
        of: list[str] = list(ast.literal_eval(named["of"])) if "of" in named else []
        if name == "first_seen":
            of = [ast.literal_eval(node.args[0]), *of]
        facts = self.pick(" and ", "、").join(of)
        same = self.pick(f" with the same {facts}", f"（相同的 {facts}）") if facts else ""
        match name:
            case "total":
                return self.pick(
                    f"what {tool} had in {given[0]} {span}{same}", f"{span}{tool} 的 {given[0]} 合计{same}"
                )
            case "count":
                return self.pick(f"the number of calls of {tool} {span}{same}", f"{span}{tool} 的调用次数{same}")
            case "first_seen":
                return self.pick(f"there was no call of {tool} {span}{same}", f"{span}没有 {tool} 的调用{same}")
            case _:
                return self.pick(f"{given[0]} was not called {span}{same}", f"{span}未调用 {given[0]}{same}")
