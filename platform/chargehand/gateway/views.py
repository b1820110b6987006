"""What HTTP shows and takes of single tool calls: in flight, in doubt, tried by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chargehand.identity.views import Request
from chargehand.outcome import Outcome
from chargehand.policy.model import Effect

CallState = Literal["proposed", "waiting", "approved", "dispatched", "in_doubt", "done"]


class CallView(BaseModel):
    key: str
    run: str
    agent: str
    principal: str
    tool: str
    effect: Effect
    sentence: str
    state: CallState
    outcome: str
    arguments: dict[str, Any] | None
    digest: str
    approval: str
    business_key: str
    proposed_at: datetime
    dispatched_at: datetime | None
    settled_at: datetime | None
    lease_until: datetime | None


class CallPage(BaseModel):
    items: list[CallView]
    next: str | None


class TryTool(Request):
    arguments: dict[str, Any]


class Tried(BaseModel):
    outcome: Outcome
    milliseconds: int
    record: int | None = None


class Reconcile(Request):
    """What a person found out about a call whose answer never came."""

    happened: bool
    evidence: str = Field(min_length=1, max_length=4000, description="How you know, e.g. a document number")
    result: Any = Field(None, description="The result, where it happened and the run needs it")
