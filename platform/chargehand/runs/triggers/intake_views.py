"""What HTTP shows and takes of intakes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from chargehand.identity.views import Request
from chargehand.runs.model import IntakeState
from chargehand.runs.triggers.hook_views import MAPPING, Mapping
from chargehand.runs.triggers.intakes import END, MAX_SECONDS, MIN_SECONDS


class NewIntake(Request):
    name: str = Field(min_length=1, max_length=100, examples=["Complaints by mail"])
    agent: str = Field(examples=["complaint-resolution"])
    tool: str = Field(description="A reviewed read tool that offers messages", examples=["mail.list_new"])
    arguments: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Of the tool, without `after`", examples=[{"to": "c@example.com"}]
    )
    mapping: Mapping = Field(description=MAPPING, examples=[{"text": "text", "order_number": "references[0]"}])
    every_seconds: int = Field(60, ge=MIN_SECONDS, le=MAX_SECONDS)
    principal: str = Field("", description="On whose behalf: mine if left out, or a service principal")
    after: str = Field(END, max_length=500, description="`end`: what comes from now on; empty: all that is there")


class ChangeIntake(Request):
    """What is left out stays."""

    name: str = Field("", min_length=1, max_length=100)
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any], description="Of the tool, without `after`")
    mapping: Mapping = Field(default_factory=dict[str, str], description=MAPPING)
    every_seconds: int = Field(60, ge=MIN_SECONDS, le=MAX_SECONDS)


class ResumeIntake(Request):
    after: str | None = Field(None, max_length=500, description="Go on after this cursor instead; `end`: the newest")


class IntakeTool(BaseModel):
    """A reviewed tool that offers messages."""

    name: str = Field(examples=["mail.list_new"])
    description: str
    input_schema: dict[str, Any] = Field(description="Of its arguments, without `after`, which is the intake's own")
    message_fields: list[str] = Field(description="What a message holds, as far as the tool's definition says so")


class IntakeView(BaseModel):
    id: str
    name: str
    agent: str
    principal: str = Field(description="On whose behalf it reads and starts")
    principal_name: str
    made_by: str
    tool: str
    arguments: dict[str, Any]
    mapping: dict[str, str]
    every_seconds: int
    state: IntakeState
    cursor: str = Field(description="How far was read, in the tool's own words")
    started: int = Field(description="How many runs it has started")
    next_at: datetime | None
    last_at: datetime | None
    last_run: str
    last_problem: str = Field(description="Why the last read, or a message of it, started nothing")
    created_at: datetime
    i_may_edit: bool = Field(description="Change its name, arguments, mapping and how often it is read: I made it")
