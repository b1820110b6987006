"""What HTTP shows and takes of freezes and alerts."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from chargehand.identity.views import Request
from chargehand.risk.alerts import AlertLevel, AlertState
from chargehand.risk.model import FreezeScope


class NewFreeze(Request):
    scope: FreezeScope
    name: str = Field("", description="Agent, tool or connector; empty for the tenant")
    reason: str = Field(min_length=1, max_length=500)


class LiftFreeze(Request):
    reason: str = Field(min_length=1, max_length=500)


class FreezeView(BaseModel):
    id: str
    scope: FreezeScope
    name: str
    reason: str
    frozen_by: str
    frozen_at: datetime
    lifted_by: str
    lifted_at: datetime | None


class AlertView(BaseModel):
    id: str
    level: AlertLevel
    detector: str
    sentence: str
    message_id: str = Field(description="For translation, with `parameters`")
    parameters: dict[str, str]
    agent: str
    tool: str
    principal: str
    run: str
    records: list[int] = Field(description="Sequence numbers that it was drawn from")
    raised_at: datetime
    state: AlertState
    handled_by: str
    comment: str


class HandleAlert(Request):
    dismiss: bool = False
    comment: str = Field("", max_length=2000)
