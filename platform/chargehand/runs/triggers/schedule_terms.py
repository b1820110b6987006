"""When a schedule is due: once at a time, or by cron until an end or a number of runs. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargehand import clock
from chargehand.clock import iso
from chargehand.errors import BadInput
from chargehand.runs.model import Overlap, ScheduleState
from chargehand.runs.triggers import cron as crons


@dataclass(frozen=True, slots=True)
class Terms:
    """Exactly one of `cron` and `at` is given. `max_runs` 0 and `ends_at` None set no limit; both are for cron."""

    cron: str = ""
    at: datetime | None = None
    time_zone: str = "UTC"
    ends_at: datetime | None = None
    max_runs: int = 0
    overlap: Overlap = "start"

    def columns(self, now: datetime) -> dict[str, Any]:
        """The schedule's columns, with the first due time after `now`. Raises BadInput that names the field."""
        if bool(self.cron) == (self.at is not None):
            raise BadInput("say either a time or a cron expression", field="at", way_out="Leave one of the two out.")
        if self.at is not None:
            self._refuse_limits_of_once()
            if self.at <= now:
                raise BadInput(
                    "this time is over", field="at", value=iso(self.at), way_out="Start it now, or name another."
                )
            crons.read_zone(self.time_zone)
            expression, next_at = "", self.at
        else:
            found = crons.read(self.cron, self.time_zone, now)
            expression, next_at = found.expression, found.after(now)
            if self.ends_at is not None and next_at > self.ends_at:
                raise BadInput(
                    f"nothing is due before it: the first time would be {iso(next_at)}",
                    field="ends_at",
                    value=iso(self.ends_at),
                )
        return {
            "cron": expression,
            "at": iso(self.at) if self.at else "",
            "time_zone": self.time_zone,
            "ends_at": iso(self.ends_at) if self.ends_at else "",
            "max_runs": self.max_runs,
            "overlap": self.overlap,
            "next_at": iso(next_at),
        }

    def _refuse_limits_of_once(self) -> None:
        for field, given in (("ends_at", self.ends_at), ("max_runs", self.max_runs)):
            if given:
                raise BadInput("a schedule of one time has no other end", field=field, way_out="Leave it out.")


def of(row: Mapping[str, Any]) -> Terms:
    """The terms that a row holds."""
    return Terms(
        cron=row["cron"],
        at=clock.parse(row["at"]) if row["at"] else None,
        time_zone=row["time_zone"],
        ends_at=clock.parse(row["ends_at"]) if row["ends_at"] else None,
        max_runs=row["max_runs"],
        overlap=row["overlap"],
    )


def due_times(row: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime | None]:
    """The due time to start for, the last one up to now, and the one after it. Raises BadInput (its zone is no more).

    None: none comes after it.
    """
    first = clock.parse(row["next_at"])
    if not row["cron"]:
        return first, None
    cron = crons.read(row["cron"], row["time_zone"], now)
    last = min(now, clock.parse(row["ends_at"])) if row["ends_at"] else now
    due = cron.last(first=first, until=last)
    return due, within(row, cron.after(due))


def within(row: Mapping[str, Any], next_at: datetime) -> datetime | None:
    """The time, unless the schedule has ended by then."""
    return None if row["ends_at"] and iso(next_at) > row["ends_at"] else next_at


def after_start(row: Mapping[str, Any], runs: int) -> ScheduleState:
    """What the schedule is when so many runs have been started."""
    return "ended" if row["max_runs"] and runs >= row["max_runs"] else "active"
