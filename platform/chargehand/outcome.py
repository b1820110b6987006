"""How a tool call ended: the one answer that gateway, runs, agents and console share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

OutcomeState = Literal["succeeded", "failed", "denied", "rejected", "expired", "in_doubt"]

FailureKind = Literal[
    "not_found", "conflict", "duplicate", "forbidden", "invalid", "retryable", "policy", "people", "unknown"
]


class Failure(BaseModel):
    """Why a call has no result. `kind` is for programs, `detail` for people and models."""

    model_config = ConfigDict(frozen=True)

    kind: FailureKind
    detail: str
    way_out: str = ""
    instead: dict[str, Any] | None = None
    """Other arguments that the person who said no suggests; using them is a new call, decided afresh."""


class Outcome(BaseModel):
    """The end of one tool call. Exactly one of `value` (succeeded) and `failure` (all else) says more."""

    model_config = ConfigDict(frozen=True)

    state: OutcomeState
    tool: str
    call_key: str
    value: Any = None
    failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"
