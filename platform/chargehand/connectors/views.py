"""What HTTP shows and takes of connectors, tools and pins."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chargehand.connectors.model import Delivery
from chargehand.identity.views import Request
from chargehand.policy.model import Effect

PinStatus = Literal["pinned", "changed", "unpinned", "missing"]


class ConnectorSummary(BaseModel):
    name: str
    title: str
    tools: int
    quarantined: int = Field(description="Tools without a matching pin: they can't be called")
    health: Literal["up", "down", "unknown"]
    checked_at: datetime | None
    frozen: bool


class ToolView(BaseModel):
    name: str
    description: str
    says: str
    effect: Effect
    delivery: Delivery
    status: PinStatus
    pinned_digest: str
    offered_digest: str
    lookup: str
    compensated_by: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    frozen: bool


class ConnectorView(ConnectorSummary):
    module: str
    version: str = ""
    credentials: list[str] = Field(description="Names of the variables its process is given, never their values")
    tool_list: list[ToolView]
    detail: str = Field("", description="What the last check found")


class ConnectorHealth(BaseModel):
    name: str
    up: bool
    detail: str
    milliseconds: int
    checked_at: datetime


class DefinitionChange(BaseModel):
    """One difference between the reviewed definition and the one on offer."""

    path: str = Field(description="e.g. `input_schema.properties.amount.type`")
    before: Any
    after: Any
    risk: Literal["low", "medium", "high"]
    sentence: str


class Quarantined(BaseModel):
    tool: str
    status: PinStatus
    renamed_from: str = ""
    pinned_digest: str
    offered_digest: str
    changes: list[DefinitionChange]
    offered: dict[str, Any]


class AcceptPin(Request):
    digest: str = Field(description="Of the definition that you reviewed; another one is refused with 409")
    effect: Effect
    delivery: Delivery
    comment: str = Field("", max_length=2000)
