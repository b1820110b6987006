"""Policy's own sentences, in English and Chinese, by message id. A rule's sentence comes from its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from chargehand.policy.model import Reason

MESSAGES: Mapping[str, tuple[str, str]] = {
    "policy.no_policy": (
        "Tenant {tenant} has no policy in force, so nothing is allowed.",
        "租户 {tenant} 没有生效的策略，因此一切操作均被拒绝。",
    ),
    "policy.broken": (
        "The policy of tenant {tenant} can't be used, so nothing is allowed: {why}",
        "租户 {tenant} 的策略无法使用，因此一切操作均被拒绝：{why}",
    ),
    "policy.no_chain": ("The request names nobody who acts.", "该请求没有指明操作者。"),
    "policy.unknown_principal": (
        "{principal} is not known to this tenant's policy.",
        "本租户的策略中没有 {principal}。",
    ),
    "policy.no_rule": (
        "No rule lets {principal} use {tool} ({effect}).",
        "没有规则允许 {principal} 使用 {tool}（{effect}）。",
    ),
    "policy.no_condition_met": (
        "Rules on {tool} exist for {principal}, but the condition of none is met.",
        "{principal} 有关于 {tool} 的规则，但没有一条的条件得到满足。",
    ),
    "policy.condition_failed": (
        "Rule {rule} could not be decided, which denies: {why}",
        "规则 {rule} 无法判定，因此拒绝：{why}",
    ),
    "policy.bad_request": (
        "The request could not be decided, which denies: {why}",
        "该请求无法判定，因此拒绝：{why}",
    ),
    "condition.missing": ("{path} is missing.", "缺少 {path}。"),
    "condition.not_a_number": (
        "{path} is {kind}, not a plain decimal number.",
        "{path} 的类型是 {kind}，不是普通的十进制数。",
    ),
    "condition.not_finite": ("{path} is not a finite number.", "{path} 不是有限数。"),
    "condition.not_text": ("{path} is {kind}, not text.", "{path} 的类型是 {kind}，不是文本。"),
    "condition.not_a_list": ("{path} is {kind}, not a list.", "{path} 的类型是 {kind}，不是列表。"),
    "condition.not_a_truth": ("{path} is {kind}, not true or false.", "{path} 的类型是 {kind}，不是真或假。"),
    "condition.not_comparable": (
        "{path} is {kind} and can't be compared with {other}.",
        "{path} 的类型是 {kind}，无法与 {other} 比较。",
    ),
    "condition.empty_list": ("{path} is an empty list, so `all` says nothing.", "{path} 是空列表，`all` 无法判定。"),
    "condition.not_exact": ("The numbers are too long to add exactly.", "数字过长，无法精确计算。"),
    "condition.no_history": (
        "The condition needs earlier calls, and none can be read.",
        "该条件需要历史调用，但无法读取历史。",
    ),
    "condition.history_failed": ("Earlier calls could not be read: {why}.", "无法读取历史调用：{why}。"),
    "condition.internal": ("The condition failed: {why}.", "条件出错：{why}。"),
}


def fill(message_id: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The message in each language. A parameter that is a message itself, `(id, parameters)`, is filled first."""
    texts: dict[str, str] = {}
    for index, language in enumerate(("en", "zh")):
        values = {name: _value(value, language) for name, value in parameters.items()}
        texts[language] = MESSAGES[message_id][index].format(**values)
    return texts


def reason(message_id: str, *, principal: str, rule: str = "", **parameters: Any) -> Reason:
    """A denying Reason that says `message_id`."""
    named = {"principal": principal, "rule": rule, **parameters}
    sentences = fill(message_id, named)
    return Reason(rule, principal, "deny", sentences["en"], message_id, named, sentences)


def _value(value: Any, language: str) -> str:
    if isinstance(value, tuple):
        message_id, parameters = cast("tuple[str, Mapping[str, Any]]", value)
        return fill(message_id, parameters)[language]
    return str(value)
