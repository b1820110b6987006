"""An approval request, verdicts on it, and the grant that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True)
class Grant:
    """Single-use, expiring authority to dispatch exactly the call with this digest."""

    id: str
    approval: str
    call_key: str
    digest: str
    expires_at: datetime
