"""What HTTP shows and takes of connectors, tools and pins."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chargehand.connectors.model import Delivery
from chargehand.identity.views import Request
from chargehand.policy.model import Effect

PinStatus = Literal["pinned", "quarantined", "not pinned"]
HealthState = Literal["up", "quarantined", "down"]


class ConnectorSummary(BaseModel):
    name: str
    title: str
    description: str
    ours: bool = Field(description="Delivered with Chargehand, or a foreign MCP server")
    tools: int
    blocked: int = Field(description="Tools that can't be called: quarantined or never pinned")


class ToolView(BaseModel):
    name: str
    connector: str
    description: str
    says: str = Field(description="Sentence template that approvers see")
    says_zh: str
    effect: Effect
    delivery: Delivery
    pin: PinStatus
    digest: str = Field(description="Of the pinned definition; empty without a pin")
    lookup: str
    compensated_by: str
    input_schema: dict[str, Any]


class ConnectorView(ConnectorSummary):
    credentials: list[str] = Field(description="Names of the variables its process is given, never their values")
    tool_list: list[ToolView]


class ConnectorHealth(BaseModel):
    connector: str
    state: HealthState
    detail: str
    tools: int
    milliseconds: int | None
    checked_at: datetime


class QuarantinedTool(BaseModel):
    """A tool whose live definition is not the reviewed one."""

    tool: str
    connector: str
    kind: str = Field(description="changed, renamed, missing, new or unusable")
    lines: list[str] = Field(description="What differs, one thing a line")
    pinned_digest: str
    live_digest: str
    live: dict[str, Any] | None
    first_seen: datetime


class AcceptPin(Request):
    digest: str = Field(description="Of the definition that you reviewed; another one is refused with 409")
