"""Due times of cron expressions: forwards and backwards agree, the change of the clocks loses and doubles nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.errors import BadInput
from chargehand.runs.triggers.cron import Cron, read, words

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]
MINUTES = st.sampled_from(["0", "30", "*/20", "5,35", "*"])
HOURS = st.sampled_from(["*", "2", "1-3", "*/6", "23", "0"])
DAYS = st.sampled_from(["*", "1", "L", "29"])
EXPRESSIONS = st.tuples(MINUTES, HOURS, DAYS).map(lambda fields: " ".join([*fields, "* *"]))
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 2 * 366 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))


def due_times(cron: Cron, start: datetime) -> list[datetime]:
    def forwards():
        at = start
        while True:
            at = cron.after(at)
            yield at

    return list(islice(forwards(), 30))


@given(EXPRESSIONS, st.sampled_from(ZONES), TIMES)
def test_each_due_time_is_after_the_one_before(expression: str, zone: str, start: datetime) -> None:
    found = due_times(read(expression, zone, NOW), start)
    assert found[0] > start
    assert all(earlier < later for earlier, later in pairwise(found))


@given(EXPRESSIONS, st.sampled_from(ZONES), TIMES, st.integers(0, 29), st.integers(0, 59))
def test_what_is_caught_up_is_the_last_that_was_due(
    expression: str, zone: str, start: datetime, index: int, late: int
) -> None:
    cron = read(expression, zone, NOW)
    found = due_times(cron, start)
    until = found[index] + timedelta(seconds=late)
    last = cron.last(first=found[0], until=until)
    assert found[0] <= last <= until
    assert cron.after(last) > until
    assert last == max(one for one in found if one <= until)


def test_a_time_that_does_not_exist_comes_right_after_the_gap() -> None:
    cron = read("30 2 * * *", "Europe/Berlin", NOW)
    assert cron.after(datetime(2027, 3, 27, 12, tzinfo=UTC)) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_a_time_that_exists_twice_comes_once() -> None:
    cron = read("30 2 * * *", "Europe/Berlin", NOW)
    first = cron.after(datetime(2027, 10, 30, 12, tzinfo=UTC))
    assert cron.after(first) - first > timedelta(hours=23)


def test_words() -> None:
    assert words("0 8 * * MON-FRI") == "At 08:00 on Monday through Friday"


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("0 8 * *", "UTC", "five fields"),
        ("0 0 8 * * *", "UTC", "five fields"),
        ("61 8 * * *", "UTC", "Bad minute"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("0 0 31 2,4 *", "UTC", "cron"),
        ("@daily", "UTC", "five fields"),
        ("0 8 * * *", "Mars/Olympus", "time zone"),
        ("0 8 * * *", "../../etc/passwd", "time zone"),
        ("0," * 100 + "0 8 * * *", "UTC", "five fields"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, zone: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(expression, zone, NOW)


@given(st.lists(st.text("0123456789*/-,LW#SUNMON", min_size=1, max_size=8), min_size=5, max_size=5))
def test_whatever_is_typed_is_read_or_refused(fields: list[str]) -> None:
    try:
        found = read(" ".join(fields), "Europe/Berlin", NOW)
    except BadInput:
        return
    assert found.after(NOW) > NOW


def test_the_next_times_follow_the_zone_through_a_change_of_clocks() -> None:
    before = datetime(2026, 10, 23, 12, tzinfo=UTC)
    found = read("0 8 * * *", "Europe/Berlin", before).next(3, before)
    assert [each.hour for each in found] == [6, 7, 7]  # summer time ends on the 25th
    assert len(read("0 8 29 2 *", "UTC", before).next(2, before)) == 2
