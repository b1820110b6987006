"""What a filter may name: fields, their kinds, the values they take, and the labels people know them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from chargehand.audit.model import RecordKind

FieldKind = Literal["word", "principal", "time", "text"]


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field of the filter language. `aliases` hold other spellings, localised ones included."""

    name: str
    kind: FieldKind
    about: str
    aliases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


FIELDS: tuple[FilterField, ...] = (
    FilterField("at", "time", "when it was recorded", ("time", "date", "时间")),
    FilterField("kind", "word", "what sort of fact", ("类型",), get_args(RecordKind)),
    FilterField("principal", "principal", "on whose authority", ("who", "person", "人员", "主体")),
    FilterField("agent", "principal", "the agent that acted", ("智能体", "数字员工")),
    FilterField("agent_version", "word", "the agent's build", ("version", "版本")),
    FilterField("signed_in_by", "word", "how the person signed in", ("登录方式",)),
    FilterField("tool", "word", "connector.operation; `erp.*` for a whole connector", ("工具",)),
    FilterField("effect", "word", "what the tool does to the world", ("影响",), ("read", "write", "irreversible")),
    FilterField("decision", "word", "what policy said", ("决定", "决策"), ("allow", "deny", "ask")),
    FilterField(
        "outcome",
        "word",
        "how the call ended",
        ("status", "结果"),
        ("succeeded", "failed", "denied", "rejected", "expired", "in_doubt"),
    ),
    FilterField("rule", "word", "a policy rule that decided", ("rules", "规则")),
    FilterField("run", "word", "the run", ("运行",)),
    FilterField("step", "word", "the step in the run", ("步骤",)),
    FilterField("call", "word", "the tool call's key", ("call_key", "调用")),
    FilterField("approval", "word", "the approval request", ("审批",)),
    FilterField("business_key", "word", "the business object, such as the order number", ("key", "order", "单号")),
    FilterField("pin", "word", "the reviewed definition of the tool"),
    FilterField("digest", "word", "fingerprint of the exact call"),
    FilterField("result_digest", "word", "fingerprint of the answer"),
    FilterField("policy_revision", "word", "the policy in force", ("revision",)),
    FilterField("trace", "word", "the OpenTelemetry trace", ("trace_id",)),
    FilterField("id", "word", "the record's own id", ("record",)),
)

PATHS = ("arguments", "detail", "who")
"""Roots of the fields inside a record that can be compared as well: `arguments.amount > 500`."""

COLUMNS = {"call": "call_key", "trace": "trace_id", "rule": "rules"}
"""Where a field's column is named otherwise."""

LABELS: dict[str, tuple[str, ...]] = {
    "allow": ("allowed", "允许", "已允许"),
    "deny": ("denied", "refused", "拒绝", "已拒绝"),
    "ask": ("approval needed", "需要审批", "待审批"),
    "succeeded": ("success", "done", "成功"),
    "failed": ("failure", "error", "失败"),
    "denied": ("deny", "拒绝", "已拒绝"),
    "rejected": ("reject", "驳回", "已驳回"),
    "expired": ("timeout", "过期", "已过期"),
    "in_doubt": ("in doubt", "unknown", "存疑"),
    "read": ("读取", "只读"),
    "write": ("写入",),
    "irreversible": ("不可逆",),
    "intent": ("意图",),
    "decision": ("决策",),
    "verdict": ("裁决", "审批意见"),
    "approval_requested": ("审批请求", "请求审批"),
    "approval_closed": ("审批结束",),
    "freeze": ("frozen", "冻结"),
    "sign_in": ("login", "登录"),
    "policy_change": ("策略变更",),
    "agent_review": ("review", "审查"),
    "release_change": ("release", "发布", "发布变更"),
    "access": ("访问", "导出"),
}
"""A value and the words that people use for it; each finds the other in free text and in comparisons."""

BY_NAME: dict[str, FilterField] = {name: field for field in FIELDS for name in (field.name, *field.aliases)}


def value_of(field: FilterField, given: str) -> str:
    """The stored value for what a person wrote: `denied` or `已拒绝` for a decision is `deny`."""
    if not field.values or given in field.values:
        return given
    lowered = given.casefold()
    for value in field.values:
        if lowered == value or lowered in (label.casefold() for label in LABELS.get(value, ())):
            return value
    return given
