"""What HTTP shows and takes of single tool calls: in flight, in doubt, tried by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from chargehand.connectors.model import Delivery
from chargehand.gateway.model import CallState
from chargehand.identity.views import Request
from chargehand.outcome import Outcome
from chargehand.policy.model import Effect


class CallView(BaseModel):
    key: str
    run: str
    agent: str
    principal: str
    tool: str
    effect: Effect
    delivery: Delivery
    sentence: str
    state: CallState
    outcome: str
    detail: str
    finding: str = Field(description="What reading the effect back found; empty: not read back")
    arguments: dict[str, Any] | None = Field(description="Null for viewers who may not see payloads")
    digest: str
    rules: list[str]
    approval: str
    mandate: str
    business_key: str
    attempts: int = Field(description="Messages that may have reached the system")
    proposed_at: datetime
    dispatched_at: datetime | None
    settled_at: datetime | None
    may_arrive_until: datetime | None = Field(description="Until then a message may still arrive; reconcile after")


class CallPage(BaseModel):
    items: list[CallView]
    next: str | None


class TryTool(Request):
    arguments: dict[str, Any]


class Tried(BaseModel):
    outcome: Outcome
    milliseconds: int


class Reconcile(Request):
    """What a person found out about a call whose answer never came."""

    happened: bool
    evidence: str = Field(min_length=1, max_length=4000, description="How you know, e.g. a document number")
    comment: str = Field("", max_length=2000)
    result: Any = Field(None, description="The result, where it happened and the run needs it")
