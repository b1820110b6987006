"""The files of one tenant's policy, as typed values. Keys that are not listed here are refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chargehand.identity.attributes import NAME, RESERVED
from chargehand.policy.model import Effect, Verdict

_SPAN = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def span(text: Any) -> timedelta:
    """A length of time such as 30m, 4h or 3d. Raises ValueError."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("is not a length of time; write minutes, hours or days, as in 30m, 4h, 3d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError("is not a time zone; write one such as Europe/Berlin or Asia/Shanghai") from None
    return name


def _attribute(name: str) -> str:
    if re.fullmatch(NAME, name) is None or name in RESERVED:
        raise ValueError("is no name of an attribute; use lower-case letters, digits and _; `id` is taken")
    return name


def _flag(text: Any) -> Any:
    if isinstance(text, str) and text not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text == "true" if isinstance(text, str) else text


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
PrincipalId = Annotated[str, StringConstraints(pattern=r"^(person|agent|service):[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$")]
Subject = Annotated[
    str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{0,62}|(person|agent|service):[A-Za-z0-9][A-Za-z0-9._@-]{0,126})$")
]
ToolPattern = Annotated[str, StringConstraints(pattern=r"^([a-z0-9_][a-z0-9_.\-]{0,126}\*?|\*)$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Span = Annotated[timedelta, BeforeValidator(span)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Zone = Annotated[str, AfterValidator(_zone)]
AttributeName = Annotated[str, AfterValidator(_attribute)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Says(_File):
    """One sentence in both languages."""

    en: Sentence
    zh: Sentence


class TenantFile(_File):
    """`attributes` names what conditions may read of people, with words for it."""

    tenant: Name
    time_zone: Zone
    attributes: dict[AttributeName, Says] = Field(default_factory=dict[str, Says])


class RuleEntry(_File):
    id: Name
    subject: Subject = Field(alias="for")
    tool: ToolPattern
    effect: Literal["read", "write", "irreversible", "any"]
    when: str = ""
    then: Verdict
    approval: tuple[Name, ...] = ()
    says: Says


class RoleEntry(_File):
    includes: tuple[Name, ...] = ()
    says: Says


class RolesFile(_File):
    roles: dict[Name, RoleEntry]
    holders: dict[PrincipalId, tuple[Name, ...]]


class QuorumEntry(_File):
    role: Name
    count: Annotated[int, Field(ge=1, le=20)] = 1


class ApprovalEntry(_File):
    quorums: tuple[QuorumEntry, ...] = Field(min_length=1)
    deadline: Span
    remind_after: Span | None = None
    escalate_after: Span | None = None
    escalate_to: Name | Literal[""] = ""
    not_requester: Flag = True
    not_agent_owner: Flag = False
    not_policy_author: Flag = False
    says: Says


class SeparationEntry(_File):
    """Two sides that no one principal may hold: tools (patterns) or roles. `except` maps a principal to the reason."""

    id: Name
    tools: tuple[tuple[ToolPattern, ...], tuple[ToolPattern, ...]] | None = None
    roles: tuple[tuple[Name, ...], tuple[Name, ...]] | None = None
    exceptions: dict[PrincipalId, Sentence] = Field(default_factory=dict[str, str], alias="except")
    says: Says


class PastCall(_File):
    """A call made before, for a case whose rules look at history. `ago` counts back from the case's time."""

    tool: ToolPattern
    ago: Span
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    chain: tuple[PrincipalId, ...]
    run: str = ""


class CaseEntry(_File):
    """An expected decision."""

    case: Sentence
    zh: Sentence
    chain: tuple[PrincipalId, ...]
    tool: ToolPattern
    effect: Effect
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    at: datetime | None = None
    run: str = "run_case"
    risk: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    attributes: dict[PrincipalId, dict[str, str]] = Field(default_factory=dict[str, dict[str, str]])
    history: tuple[PastCall, ...] = ()
    expect: Verdict
    rules: tuple[Name, ...] | None = None
    approval: tuple[Name, ...] | None = None
