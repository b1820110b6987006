"""The question put to policy and its answer, and what policy needs to know about the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, Protocol

from chargehand.policy.frozen import freeze_mapping

Verdict = Literal["allow", "deny", "ask"]
Effect = Literal["read", "write", "irreversible"]


NO_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
"""A request that brings none; the policy service then reads what it knows."""


class History(Protocol):
    """Facts about earlier tool calls of the request's tenant. The gateway implements it over its call table.

    What counts: every call that is waiting for people, sent, in flight, in doubt or succeeded, whoever caused it; never
    one that was denied, rejected, expired, or failed with a clear answer; never the call that is being decided (its
    own key is left out, so that a re-check at dispatch gives the same answer).

    `tool` is a tool's name, or a prefix that ends in `*`. `since` is inclusive, aware, and compares with the time the
    call was proposed. `of` narrows to calls that share these facts, all of them:

    * `person`: the first link of the call's chain, `agent`: its last link that is an agent, `run`: its run,
    * `args.<path>`: the argument at that path as text (`args.customer`, `args.lines.0.item`): strings as they are,
      integers in decimal, `true` and `false`; a call without that argument does not match.

    No race: build it on the transaction's own connection and decide inside the unit that records the intent, so that
    a call in flight is either seen or not yet decided. An implementation that can't answer raises; that denies.
    """

    def total(self, field: str, *, tool: str, since: datetime, of: Mapping[str, str]) -> Decimal | int:
        """Exact sum of the argument `field` (a path without `args.`). Raises where one is no decimal number."""
        ...

    def count(self, *, tool: str, since: datetime, of: Mapping[str, str]) -> int:
        """How many calls match."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """May this principal chain use this tool with these arguments, now?

    `chain` runs from the person outward: ("person:amy", "agent:complaint-resolution"). Each link is decided on its
    own and the strictest answer wins, so authority intersects and never grows. `arguments` are frozen all the way
    down (copied; mappings refuse change, lists become tuples). `attributes` are by principal: {"person:amy": {…}}.
    `risk` is 0 (none) to 1.

    Raises:
        BadInput: an argument is not JSON, or nested deeper than 32.
    """

    tenant: str
    chain: tuple[str, ...]
    tool: str
    effect: Effect
    arguments: Mapping[str, Any]
    at: datetime
    run: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: NO_ATTRIBUTES)
    risk: float = 0.0
    history: History | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", freeze_mapping(self.arguments))


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that mattered, or why none did (`rule` is then empty).

    `sentence` is English; `sentences` has it by language ("en", "zh"). `message_id` is `rule.<id>` for the rule's own
    sentence, or one of policy's messages (`policy.no_rule`, …) which `parameters` fill.
    """

    rule: str
    principal: str
    verdict: Verdict
    sentence: str
    message_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sentences: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `approval` names the approval rules to satisfy, all of them, when the verdict is ask."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    policy_revision: str
    approval: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that decided, each once, in order."""
        return tuple(dict.fromkeys(reason.rule for reason in self.reasons if reason.rule))


@dataclass(frozen=True, slots=True)
class RoleQuorum:
    """`count` different people who hold `role`."""

    role: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who must agree, and within what time. All quorums must be met, by different people."""

    name: str
    quorums: tuple[RoleQuorum, ...]
    deadline: timedelta
    remind_after: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: str = ""
    not_requester: bool = True
    not_agent_owner: bool = False
    not_policy_author: bool = False
    title: str = ""
    titles: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class KnownTool:
    """What lint knows about a tool: plain data, made by the caller from pins or declarations."""

    name: str
    effect: Effect
    input_schema: Mapping[str, Any]

    @property
    def arguments(self) -> frozenset[str]:
        return frozenset(self.input_schema.get("properties", {}))

    @property
    def required(self) -> frozenset[str]:
        return frozenset(self.input_schema.get("required", ()))


Catalogue = Mapping[str, KnownTool]
"""Known tools by name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that lint found. An `error` refuses the policy; a `warning` is shown."""

    file: str
    line: int
    detail: str
    way_out: str = ""
    rule: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}" + (f" {self.way_out}" if self.way_out else "")


Decide = Callable[[Request], Decision]
