"""What HTTP shows and takes of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from chargehand.identity.views import Request
from chargehand.runs.model import ScheduleState


class NewSchedule(Request):
    """Either `at` or `cron`."""

    agent: str = Field(examples=["complaint-resolution"])
    input: dict[str, Any] = Field(description="Checked against the agent's input schema, now and at each start")
    at: AwareDatetime | None = Field(None, description="Once, at this time")
    cron: str = Field("", max_length=100, description="Five fields", examples=["0 8 * * MON-FRI"])
    time_zone: str = Field("UTC", max_length=64, description="Of the cron expression", examples=["Europe/Berlin"])
    key: str = Field("", max_length=100, description="The same key makes the same schedule")


class DueTimes(BaseModel):
    """What a cron expression means."""

    cron: str
    time_zone: str
    words: str = Field(description="When, in English; in the time zone", examples=["At 08:00 on Monday through Friday"])
    next: list[datetime] = Field(description="The next times that it is due")


class ScheduleView(BaseModel):
    id: str
    agent: str
    input: dict[str, Any] = Field(description="Empty for those who may not see it")
    at: datetime | None
    cron: str
    time_zone: str
    words: str = Field(description="When, in English; in the time zone", examples=["At 08:00 on Monday through Friday"])
    principal: str = Field(description="Who made it, and on whose behalf it starts")
    principal_name: str
    state: ScheduleState = Field(description="`ended`: its one time is over")
    next_at: datetime | None = Field(description="When it starts next; null while paused")
    last_due: datetime | None
    last_run: str = Field(description="Run id of the last due time; empty where nothing was started")
    last_problem: str = Field(description="Why the last due time started nothing")
    created_at: datetime
    i_may_change: bool
