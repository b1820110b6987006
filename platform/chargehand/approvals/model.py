"""An approval request, verdicts on it, and the grant that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

ApprovalState = Literal["pending", "approved", "rejected", "expired", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person's answer. `digest` is what the person saw; a stale one is refused with a conflict."""

    id: str
    approval: str
    person: str
    approve: bool
    digest: str
    comment: str
    signed_in_by: str
    at: datetime
    seconds_taken: float | None = None
    on_behalf_of: str = ""
    """Whose authority it used, when that person is away or handed the request over."""
    instead: dict[str, Any] | None = None
    """With a no: other arguments that the person suggests. They authorise nothing: a call with them is a new one."""

    @property
    def authority(self) -> str:
        return self.on_behalf_of or self.person


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """Exactly what will run, who may answer, until when."""

    id: str
    tenant: str
    run: str
    call_key: str
    digest: str
    tool: str
    arguments: dict[str, Any]
    sentence: str
    requester: str
    agent: str
    rules: tuple[str, ...]
    quorums: tuple[tuple[str, int], ...]
    policy_revision: str
    created_at: datetime
    expires_at: datetime
    state: ApprovalState
    verdicts: tuple[Verdict, ...] = ()
    why: tuple[dict[str, Any], ...] = ()
    detail: dict[str, Any] = field(default_factory=dict[str, Any])
    """What else an approver is shown: `exact`, `pin`, `effect`, `signals`, `earlier`, `on_approve`, `on_deny`."""
    excluded: tuple[str, ...] = ()
    """Principals and groups that may not answer, as the rules said when it was opened."""
    risk: float = 0.0
    batch: str = ""
    """Requests with the same non-empty value may be answered together."""
    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    escalate_to: str = ""
    escalated: bool = False
    handed_over: tuple[tuple[str, str], ...] = ()
    """(from, to): `to` may answer with the authority of `from`, this request only."""
    closed_at: datetime | None = None


class Definitions(Protocol):
    """The reviewed definitions of tools, as far as an approver's page needs them."""

    def input_schema(self, tool: str) -> dict[str, Any] | None:
        """JSON Schema of the arguments; None for a tool that is not pinned."""
        ...

    def says(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """By language, the sentence of a call with these arguments; empty for a tool that is not pinned."""
        ...

    def check(self, tool: str, arguments: dict[str, Any], *, field: str) -> None:
        """Raises BadInput that names the path below `field`, also when the tool is not pinned."""
        ...


@dataclass(frozen=True, slots=True)
class Absence:
    """While `person` is away, `to` answers with that person's authority. `since` inclusive, `until` exclusive."""

    id: str
    tenant: str
    person: str
    to: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A run that must hear that its request is closed. It stays pending until it is marked as delivered.

    With the state `reconciled`, `approval` is the key of a call that was in doubt and is now settled.
    """

    id: str
    tenant: str
    run: str
    approval: str
    state: ApprovalState | Literal["reconciled"]
    at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """Single-use, expiring authority to dispatch exactly the call with this digest."""

    id: str
    approval: str
    call_key: str
    digest: str
    expires_at: datetime
