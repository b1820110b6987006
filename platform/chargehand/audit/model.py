"""What the action log records. One record is one immutable fact; `schema` says how to read it, for ever."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RecordKind = Literal[
    "decision",  # policy decided on a call (deny and ask; an allow is part of its intent)
    "intent",  # durable before anything leaves
    "outcome",  # how the call ended
    "lookup",  # the effect was read back
    "approval_requested",
    "verdict",
    "approval_closed",
    "grant",
    "mandate",
    "reconciliation",
    "run",  # started, finished, stopped
    "model_call",
    "person_task",
    "policy_change",
    "pin_change",
    "agent_review",  # a person looked at a version of an agent
    "release_change",  # which release of the agents new runs begin on
    "freeze",
    "sign_in",
    "access",  # somebody exported or erased
    "checkpoint_key",
]


class Who(BaseModel):
    """On whose authority. `chain` runs from the person outward to the agent that acted last."""

    model_config = ConfigDict(frozen=True)

    principal: str
    chain: tuple[str, ...] = ()
    agent: str = ""
    agent_version: str = ""
    signed_in_by: str = ""


class Record(BaseModel):
    """One fact. Everything that a later reader filters by is a field; the rest is in `detail`, plain JSON."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    id: str
    at: str = Field(description="RFC 3339, UTC, microseconds")
    tenant: str
    kind: RecordKind
    who: Who
    run: str = ""
    step: str = ""
    call_key: str = ""
    tool: str = ""
    pin: str = ""
    effect: str = ""
    arguments: dict[str, Any] | None = Field(
        default=None, description="canonical arguments, or null where only the digest is kept"
    )
    digest: str = ""
    decision: str = ""
    rules: tuple[str, ...] = ()
    policy_revision: str = ""
    approval: str = ""
    outcome: str = ""
    result_digest: str = ""
    business_key: str = Field(default="", description="e.g. the order number")
    trace_id: str = ""
    detail: dict[str, Any] = Field(default_factory=dict)
