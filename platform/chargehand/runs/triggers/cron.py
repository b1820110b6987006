"""When a schedule is due: a cron expression in a named time zone. cronsim reads it; its rules are Debian cron's.

Where the clocks go forward, a time that does not exist that day comes right after the gap; where they go back, a time
that exists twice comes once, but `*` in minute or hour counts on in real time (cron(8), Debian).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from chargehand import clock
from chargehand.errors import BadInput

FIELDS = 5
MAX_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was checked by `read`."""

    expression: str
    zone: ZoneInfo

    def after(self, at: datetime) -> datetime:
        """The first due time after `at`, in UTC."""
        return next(CronSim(self.expression, at.astimezone(self.zone))).astimezone(UTC)

    def next(self, count: int, after: datetime) -> list[datetime]:
        """The next due times after `after`, in UTC; fewer where there are no more."""
        found = CronSim(self.expression, after.astimezone(self.zone))
        return [due.astimezone(UTC) for due in islice(found, count)]

    def last(self, *, first: datetime, until: datetime) -> datetime:
        """The last due time up to `until`, where `first` is one. Both inclusive; in UTC."""
        back = CronSim(self.expression, (until + timedelta(seconds=1)).astimezone(self.zone), reverse=True)
        for found in back:
            due = found.astimezone(UTC)
            if due <= until:
                return max(due, first)
        return first


def read(expression: str, zone: str, now: datetime) -> Cron:
    """Check an expression of five fields. Raises BadInput that names the field."""
    tidy = " ".join(expression.split())
    cron = Cron(tidy, read_zone(zone))
    way_out = "Five fields: minute, hour, day of month, month, day of week; e.g. 0 8 * * MON-FRI."
    if len(tidy) > MAX_LENGTH or len(tidy.split()) != FIELDS:
        raise BadInput("this is no cron expression of five fields", field="cron", value=expression, way_out=way_out)
    try:
        cron.after(now)
    except CronSimError as error:
        raise BadInput(
            f"this is no cron expression: {error}", field="cron", value=expression, way_out=way_out
        ) from None
    except StopIteration:
        raise BadInput("this never comes", field="cron", value=expression, way_out=way_out) from None
    return cron


def words(expression: str) -> str:
    """A checked expression as an English sentence, e.g. `At 08:00 on Monday through Friday`."""
    return CronSim(expression, clock.now()).explain()


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its name in the tz database. Raises BadInput."""
    if name not in _zones():
        raise BadInput("there is no such time zone", field="time_zone", value=name, way_out="e.g. Europe/Berlin or UTC")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
