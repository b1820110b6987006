"""What a cron expression means, over HTTP, before a schedule is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from fixtures.api import Connect, sign_in


async def test_the_next_times_are_told_before_anything_is_planned(connect: Connect) -> None:
    amy = await sign_in(connect(), "amy")
    answer = await amy.get("/api/schedules/due", params={"cron": "30 7 * * MON-FRI", "time_zone": "Asia/Shanghai"})
    assert answer.status_code == 200, answer.text
    times = [datetime.fromisoformat(each) for each in answer.json()["next"]]
    assert len(times) == 5
    assert all((each + timedelta(hours=8)).strftime("%H:%M") == "07:30" for each in times)
    assert "07:30" in answer.json()["words"]
    assert (await amy.get("/api/schedules")).json() == []


async def test_what_is_no_cron_expression_is_refused_by_its_field(connect: Connect) -> None:
    amy = await sign_in(connect(), "amy")
    for cron, zone, field in (
        ("61 * * * *", "UTC", "cron"),
        ("* * *", "UTC", "cron"),
        ("0 8 * * *", "Mars", "time_zone"),
    ):
        answer = await amy.get("/api/schedules/due", params={"cron": cron, "time_zone": zone})
        assert answer.status_code == 422, answer.text
        assert field in answer.text
