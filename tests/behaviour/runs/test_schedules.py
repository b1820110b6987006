"""Schedules: each due time starts one run, policy is asked again each time, what was missed is caught up once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chargehand import clock
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.identity import store as people
from chargehand.identity.service import new_user
from chargehand.runs import store
from chargehand.runs.outbox import Outbox
from chargehand.runs.triggers.schedule_store import SCHEDULE
from chargehand.runs.triggers.schedule_terms import Terms
from chargehand.runs.triggers.schedules import ScheduleChange, Schedules
from chargehand.testing import world
from fixtures.starting import AMY, EVE, HOURLY, REPORT, STRANGER, House, clerk, house

__all__ = ["house"]


async def test_each_due_time_starts_one_run_on_behalf_of_who_made_it(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    assert await house.schedules.start_due() == []
    dues: list[Any] = []
    for _ in range(3):
        found = await house.schedules.get(AMY, made.id)
        dues.append(found.next_at)
        await house.until_due(found)
        assert len(await house.schedules.start_due()) == 1
        assert await house.schedules.start_due() == []
    runs = house.started()
    assert [run["request_key"] for run in reversed(runs)] == [f"schedule:{made.id}:{clock.iso(due)}" for due in dues]
    assert {(run["principal"], run["chain"], run["signed_in_by"], run["state"]) for run in runs} == {
        ("person:amy", '["person:amy","agent:clerk"]', "schedule", "starting")
    }
    found = await house.schedules.get(AMY, made.id)
    assert (found.last_run, found.last_due, found.last_problem) == (runs[0]["id"], dues[-1], "")
    told = [one for one in await house.records() if one.get("event") == "started"]
    assert {one["schedule"] for one in told} == {made.id}
    assert {one["due"] for one in told} == {clock.iso(due) for due in dues}


async def test_many_workers_at_once_start_one_run(house: House) -> None:
    made = [await house.schedules.create(AMY, "clerk", {"what": f"w{n}"}, Terms(cron=HOURLY)) for n in range(5)]
    workers = [house.schedules, *(house.worker() for _ in range(3))]
    for round_ in range(1, 4):
        await house.until_due(await house.schedules.get(AMY, made[0].id))
        written = await asyncio.gather(*(one.start_due() for one in workers for _ in range(3)))
        assert sum(map(len, written)) == len(made)
        assert len(house.started()) == round_ * len(made)


async def test_what_was_missed_is_caught_up_once_and_said(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    first = made.next_at
    assert first is not None
    await house.until_due(made, after=timedelta(days=3, minutes=30))
    (run,) = await house.schedules.start_due()
    last = first + timedelta(days=3)
    assert run["request_key"].endswith(clock.iso(last))
    assert await house.schedules.start_due() == []
    assert (await house.schedules.get(AMY, made.id)).next_at == last + timedelta(hours=1)
    (started,) = [one for one in await house.records() if one.get("event") == "started"]
    assert (started["due"], started["missed_since"]) == (clock.iso(last), clock.iso(first))


async def test_once_is_once_also_when_it_is_late(house: House) -> None:
    at = clock.now() + timedelta(hours=1)
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(at=at, time_zone="Europe/Berlin"))
    assert (made.words, made.next_at) == ("Once", clock.parse(clock.iso(at)))
    house.clock.ahead += timedelta(days=2)
    assert len(await house.schedules.start_due()) == 1
    found = await house.schedules.get(AMY, made.id)
    assert (found.state, found.next_at) == ("ended", None)
    house.clock.ahead += timedelta(days=2)
    assert await house.schedules.start_due() == []
    for turn in (house.schedules.pause, house.schedules.resume):
        with pytest.raises(Conflict, match="ended"):
            await turn(AMY, made.id)


async def test_policy_is_asked_again_at_each_start_and_a_refusal_is_recorded(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    house.denied.add(("person:amy", "agent.clerk"))
    await house.until_due(made)
    assert await house.schedules.start_due() == []
    assert house.started() == []
    refused = await house.schedules.get(AMY, made.id)
    assert "may not start" in refused.last_problem
    (record,) = [one for one in await house.records() if one.get("event") == "start_refused"]
    assert (record["schedule"], record["due"]) == (made.id, clock.iso(made.next_at or clock.now()))
    assert "why" in record  # sealed: it may name what the input says

    house.denied.discard(("person:amy", "agent.clerk"))
    await house.until_due(refused)
    assert len(await house.schedules.start_due()) == 1
    assert (await house.schedules.get(AMY, made.id)).last_problem == ""


async def test_who_was_shut_out_starts_nothing_any_more(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    house.db.write_now(lambda tx: people.change_user(tx.connection, "demo", "person:amy", {"active": False}))
    await house.until_due(made)
    assert await house.schedules.start_due() == []
    assert "can't sign in" in (await house.schedules.get(AMY, made.id)).last_problem


async def test_paused_it_starts_nothing_and_does_not_make_up_for_it(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    assert (await house.schedules.pause(AMY, made.id)).next_at is None
    assert (await house.schedules.pause(AMY, made.id)).state == "paused"
    house.clock.ahead += timedelta(hours=5)
    assert await house.schedules.start_due() == []
    resumed = await house.schedules.resume(AMY, made.id)
    assert resumed.next_at is not None
    assert resumed.next_at > clock.now()
    assert await house.schedules.start_due() == []
    await house.until_due(resumed)
    assert len(await house.schedules.start_due()) == 1
    events = [one["event"] for one in await house.records()]
    assert [events.count(one) for one in ("schedule_paused", "schedule_resumed")] == [1, 1]


async def test_one_time_that_passed_while_paused_is_over(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(at=clock.now() + timedelta(hours=1)))
    await house.schedules.pause(AMY, made.id)
    house.clock.ahead += timedelta(hours=2)
    with pytest.raises(Conflict, match="passed"):
        await house.schedules.resume(AMY, made.id)


async def test_it_ends_after_its_end_and_after_its_number_of_runs(house: House) -> None:
    now = clock.now()
    ends = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY, ends_at=now + timedelta(hours=2)))
    twice = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY, max_runs=2))
    for _ in range(5):
        house.clock.ahead += timedelta(hours=1)
        await house.schedules.start_due()
    for one in (ends, twice):
        found = await house.schedules.get(AMY, one.id)
        assert (found.state, found.next_at, found.runs) == ("ended", None, 2)
    assert len(house.started()) == 4


async def test_the_end_also_ends_what_is_caught_up(house: House) -> None:
    made = await house.schedules.create(
        AMY, "clerk", REPORT, Terms(cron=HOURLY, ends_at=clock.now() + timedelta(hours=3))
    )
    house.clock.ahead += timedelta(days=2)
    (run,) = await house.schedules.start_due()
    due = clock.parse(run["request_key"].partition(made.id + ":")[2])
    assert made.ends_at is not None
    assert made.ends_at - timedelta(hours=1) < due <= made.ends_at
    assert (await house.schedules.get(AMY, made.id)).state == "ended"


async def test_while_a_run_goes_on_nothing_is_started_if_so_asked(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY, overlap="skip"))
    await house.until_due(made)
    (first,) = await house.schedules.start_due()
    for _ in range(2):  # the second looks past the due time that started nothing
        await house.until_due(await house.schedules.get(AMY, made.id))
        assert await house.schedules.start_due() == []
        assert first["id"] in (await house.schedules.get(AMY, made.id)).last_problem
    assert [one["event"] for one in await house.records()].count("start_skipped") == 2
    await house.db.write(lambda tx: store.set_state(tx, first["id"], "failed", of=("starting",)))
    await house.until_due(await house.schedules.get(AMY, made.id))
    assert len(await house.schedules.start_due()) == 1


async def test_what_it_starts_and_when_can_be_changed(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    changed = await house.schedules.change(AMY, made.id, {"input": {"what": "list"}, "max_runs": 9})
    assert (changed.input, changed.max_runs, changed.next_at) == ({"what": "list"}, 9, made.next_at)
    changed = await house.schedules.change(AMY, made.id, {"cron": "30 8 * * *", "time_zone": "Europe/Berlin"})
    assert changed.words == "At 08:30 every day"
    assert (changed.max_runs, changed.time_zone) == (9, "Europe/Berlin")
    assert (await house.schedules.change(AMY, made.id, {"max_runs": None, "overlap": "skip"})).max_runs is None
    at = clock.parse(clock.iso(clock.now() + timedelta(hours=5)))
    changed = await house.schedules.change(AMY, made.id, {"at": at})
    assert (changed.cron, changed.at, changed.next_at, changed.input) == ("", at, at, {"what": "list"})
    house.clock.ahead += timedelta(hours=6)
    assert len(await house.schedules.start_due()) == 1
    with pytest.raises(Conflict, match="ended"):
        await house.schedules.change(AMY, made.id, {"at": at + timedelta(days=1)})
    (said, *_) = [one for one in await house.records() if one["event"] == "schedule_changed"]
    assert said["changed"] == ["at"]


async def test_a_change_does_not_lose_a_time_that_is_due_at_that_moment(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    await house.until_due(made)
    await house.schedules.change(AMY, made.id, {"input": {"what": "late"}})
    (run,) = await house.schedules.start_due()
    assert run["input"] == '{"what":"late"}'
    assert run["request_key"].endswith(clock.iso(made.next_at or clock.now()))


async def test_only_its_maker_changes_what_it_starts_and_only_to_what_policy_lets_them(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    house.denied.clear()  # Eve may steer it now: pause it, delete it
    with pytest.raises(Forbidden, match="person:amy"):
        await house.schedules.change(EVE, made.id, {"input": {"what": "mine"}})
    with pytest.raises(NotFound):
        await house.schedules.change(STRANGER, made.id, {"overlap": "skip"})
    bad: list[tuple[ScheduleChange, str]] = [
        ({"input": {"what": ""}}, "what"),
        ({"cron": "often"}, "cron"),
        ({"ends_at": clock.now()}, "ends_at"),
        ({"cron": ""}, "either"),
    ]
    for change, said in bad:
        with pytest.raises(BadInput, match=said):
            await house.schedules.change(AMY, made.id, change)
    house.denied.add(("person:amy", "agent.clerk"))
    with pytest.raises(Forbidden, match="start"):
        await house.schedules.change(AMY, made.id, {"overlap": "skip"})
    assert await house.schedules.get(AMY, made.id) == made


async def test_deleted_it_is_gone_and_its_runs_stay(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    await house.until_due(made)
    await house.schedules.start_due()
    await house.schedules.delete(AMY, made.id)
    house.clock.ahead += timedelta(hours=2)
    assert await house.schedules.start_due() == []
    assert len(house.started()) == 1
    assert await house.schedules.list(AMY) == []
    with pytest.raises(NotFound):
        await house.schedules.get(AMY, made.id)
    assert [one["event"] for one in await house.records()].count("schedule_deleted") == 1


async def test_only_its_maker_and_whom_policy_lets_may_change_it(house: House) -> None:
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    for act in (house.schedules.pause, house.schedules.resume, house.schedules.delete):
        with pytest.raises(Forbidden, match="steer"):
            await act(EVE, made.id)
        with pytest.raises(NotFound):
            await act(STRANGER, made.id)
    assert await house.schedules.list(STRANGER) == []
    house.denied.clear()
    assert (await house.schedules.pause(EVE, made.id)).state == "paused"


async def test_the_same_key_makes_one_schedule(house: House) -> None:
    first = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY), request_key="k")
    again = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY), request_key="k")
    assert first.id == again.id
    with pytest.raises(Conflict, match="another schedule"):
        await house.schedules.create(AMY, "clerk", REPORT, Terms(cron="1 * * * *"), request_key="k")


async def test_what_can_not_be_scheduled_is_refused_before_it_is_kept(house: House) -> None:
    soon = clock.now() + timedelta(hours=1)
    bad: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"what": ""}, {"cron": HOURLY}, "what"),
        (REPORT, {}, "either"),
        (REPORT, {"cron": HOURLY, "at": soon}, "either"),
        (REPORT, {"at": clock.now() - timedelta(seconds=1)}, "over"),
        (REPORT, {"cron": "often"}, "cron"),
        (REPORT, {"cron": HOURLY, "time_zone": "Moon"}, "time zone"),
        (REPORT, {"cron": HOURLY, "ends_at": clock.now()}, "ends_at"),
        (REPORT, {"at": soon, "ends_at": soon}, "ends_at"),
        (REPORT, {"at": soon, "max_runs": 2}, "max_runs"),
    ]
    for value, when, said in bad:
        with pytest.raises(BadInput, match=said):
            await house.schedules.create(AMY, "clerk", value, Terms(**when))
    house.denied.add(("person:amy", "agent.clerk"))
    with pytest.raises(Forbidden):
        await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    with pytest.raises(NotFound):
        await house.schedules.create(AMY, "nobody", REPORT, Terms(cron=HOURLY))
    assert await house.schedules.list(AMY) == []


async def test_a_time_zone_that_is_no_more_pauses_one_schedule_and_holds_up_no_other(house: House) -> None:
    broken = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    sound = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    change = SCHEDULE.update().where(SCHEDULE.c.id == broken.id).values(time_zone="Asia/Atlantis")
    house.db.write_now(lambda tx: tx.connection.execute(change))
    await house.until_due(sound)
    assert len(await house.schedules.start_due()) == 1
    found = await house.schedules.get(AMY, broken.id)
    assert (found.state, "time zone" in found.last_problem) == ("paused", True)
    with pytest.raises(BadInput, match="time zone"):
        await house.schedules.resume(AMY, broken.id)


async def test_what_was_written_and_not_begun_is_in_the_outbox(house: House) -> None:
    """Claim and run are one transaction: there is no moment at which only one of them is there."""
    made = await house.schedules.create(AMY, "clerk", REPORT, Terms(cron=HOURLY))
    await house.until_due(made)
    with pytest.raises(RuntimeUnavailable):
        await Outbox(house.db, house.runs, None).start_due()  # pyright: ignore[reportArgumentType]  # not asked here
    (run,) = house.started()
    assert run["state"] == "starting"
    query = select(SCHEDULE.c.last_run)
    assert house.db.read_now(lambda connection: connection.execute(query).scalar_one()) == run["id"]


async def test_the_gateway_worker_begins_what_is_due(tmp_path: Path) -> None:
    async with world(tmp_path, [clerk]) as here:
        user = new_user("demo", "amy", "Amy", "person", clock.now())
        await here.db.write(lambda tx: people.add_user(tx.connection, user, "no hash"))
        schedules = Schedules(here.db, here.runs)
        made = await schedules.create(
            here.person("amy"), "clerk", REPORT, Terms(cron="0 8 * * *", time_zone="Europe/Berlin")
        )
        await here.skip(days=1)

        async def started() -> str | None:
            return (await schedules.get(here.person("amy"), made.id)).last_run or None

        run = await here.end(await here.until(started, "the schedule to start"))
        assert (run.state, run.result) == ("succeeded", {"what": "REPORT"})
        assert len((await here.runs.list(here.person("amy"))).items) == 1
