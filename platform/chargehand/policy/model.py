"""The question put to policy and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

Verdict = Literal["allow", "deny", "ask"]
Effect = Literal["read", "write", "irreversible"]


class History(Protocol):
    """Facts about earlier calls, calls in flight included; a condition that can't be answered denies."""

    def total(self, field: str, *, tool: str, since: datetime, of: Mapping[str, str]) -> float:
        """Sum of an argument over matching calls that are not denied, rejected, expired or failed."""
        ...

    def count(self, *, tool: str, since: datetime, of: Mapping[str, str]) -> int: ...


@dataclass(frozen=True, slots=True)
class Request:
    """May this principal chain use this tool with these arguments, now?

    `chain` runs from the person outward: ("person:amy", "agent:complaint-resolution"). Each link is decided on its
    own and the strictest answer wins, so authority intersects and never grows. `arguments` are frozen all the way down.
    """

    tenant: str
    chain: tuple[str, ...]
    tool: str
    effect: Effect
    arguments: Mapping[str, Any]
    at: datetime
    run: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    risk: float = 0.0
    history: History | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that mattered. `sentence` is for people; `message_id` and `parameters` let the console translate it."""

    rule: str
    principal: str
    verdict: Verdict
    sentence: str
    message_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `approval` names the approval rules to satisfy, all of them, when the verdict is ask."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    policy_revision: str
    approval: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(reason.rule for reason in self.reasons)


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


Decide = Callable[[Request], Decision]
