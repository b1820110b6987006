"""What HTTP shows and takes of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from chargehand.identity.views import Request
from chargehand.runs.model import Overlap, ScheduleState


class NewSchedule(Request):
    """Either `at` or `cron`."""

    agent: str = Field(examples=["complaint-resolution"])
    input: dict[str, Any] = Field(description="Checked against the agent's input schema, now and at each start")
    at: AwareDatetime | None = Field(None, description="Once, at this time")
    cron: str = Field("", max_length=100, description="Five fields", examples=["0 8 * * MON-FRI"])
    time_zone: str = Field("UTC", max_length=64, description="Of the cron expression", examples=["Europe/Berlin"])
    ends_at: AwareDatetime | None = Field(None, description="With `cron`: nothing is due after this")
    max_runs: int | None = Field(None, ge=1, le=1_000_000, description="With `cron`: how many it starts at most")
    overlap: Overlap = Field("start", description="`skip`: nothing is started while a run of it still goes on")
    key: str = Field("", max_length=100, description="The same key makes the same schedule")


class ChangeSchedule(Request):
    """What is left out stays."""

    input: dict[str, Any] = Field(default_factory=dict[str, Any])
    at: AwareDatetime | None = Field(None, description="Once, instead of a cron expression")
    cron: str = Field("", max_length=100, description="Again and again, instead of one time")
    time_zone: str = Field("UTC", max_length=64)
    ends_at: AwareDatetime | None = Field(None, description="null: it has no end")
    max_runs: int | None = Field(None, ge=1, le=1_000_000, description="null: it has no limit")
    overlap: Overlap = "start"


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
    ends_at: datetime | None = Field(description="Nothing is due after this")
    max_runs: int | None = Field(description="How many it starts at most")
    runs: int = Field(description="How many it has started")
    overlap: Overlap = Field(description="What a due time does while a run of it still goes on")
    i_may_change: bool = Field(description="Pause, resume, delete")
    i_may_edit: bool = Field(description="Change what it starts and when")
