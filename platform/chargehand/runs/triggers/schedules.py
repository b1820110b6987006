"""Schedules: an agent is started at a time or by cron, on behalf of whoever made the schedule.

Claiming a due time and writing its run is one transaction, so each due time gives one run whatever crashes and however
many workers look; the run's request key names both. What was missed while nothing was up is caught up once: the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from typing_extensions import TypedDict

from chargehand import clock, ids
from chargehand.agents.forms import check
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound
from chargehand.identity.model import SignedIn
from chargehand.runs.model import Overlap, Schedule, ScheduleState
from chargehand.runs.rows import loads
from chargehand.runs.service import RunService
from chargehand.runs.starts import may_start, may_steer, may_use, write_start
from chargehand.runs.triggers import behalf, schedule_terms
from chargehand.runs.triggers import cron as crons
from chargehand.runs.triggers import schedule_store as store
from chargehand.runs.triggers.records import by_itself, by_person, record
from chargehand.runs.triggers.schedule_terms import Terms

MOST_TRIES = 5
"""How often a change is tried again because the schedule was due at that moment."""


class ScheduleChange(TypedDict, total=False):
    """What is named is changed. None for `ends_at` or `max_runs` lifts the limit."""

    input: Mapping[str, Any]
    cron: str
    at: datetime | None
    time_zone: str
    ends_at: datetime | None
    max_runs: int | None
    overlap: Overlap


class Schedules:
    """Over the same tables, agents and policy as the RunService."""

    def __init__(self, db: Database, runs: RunService) -> None:
        self.db = db
        self.runs = runs

    async def create(
        self, who: SignedIn, agent: str, value: Mapping[str, Any], terms: Terms, *, request_key: str = ""
    ) -> Schedule:
        """Start an agent at a time or by cron. The same request key makes one schedule.

        Raises:
            NotFound: no such agent.
            BadInput: neither or both of `cron` and `at`, or one that never comes; the input does not fit.
            Forbidden: policy does not let this person start the agent now.
            Conflict: the request key was used for another schedule.
        """
        now = clock.now()
        columns = self._checked(who, agent, value) | terms.columns(now)
        schedule = ids.new_id("sch")
        row = store.ScheduleRow(
            id=schedule,
            tenant=who.principal.tenant,
            request_key=request_key or schedule,
            principal=who.principal.id,
            state="active",
            created_at=iso(now),
            **columns,
        )

        def unit(tx: Transaction) -> dict[str, Any]:
            kept = store.insert_schedule(tx, row)
            if kept["id"] == row.id:
                log.append(tx, _record(by_person(who, kept), kept, "schedule_created"))
            return kept

        kept = await self.db.write(unit)
        same = ("agent", "input", "cron", "at", "time_zone", "principal", "ends_at", "max_runs", "overlap")
        if any(kept[name] != getattr(row, name) for name in same):
            raise Conflict(
                f"The key {request_key!r} was used for another schedule ({kept['id']}).", way_out="Use a fresh key."
            )
        return shown(kept)

    async def change(self, who: SignedIn, schedule: str, change: ScheduleChange) -> Schedule:
        """Change what it starts, or when; what is not named stays. Policy is asked as for a new one.

        Only its maker may: it acts on the maker's behalf, so nobody else decides what it does.

        Raises:
            NotFound, BadInput (as for a new one), Conflict (it has ended).
            Forbidden: it is somebody else's; or policy does not let its maker start the agent now.
        """
        for _ in range(MOST_TRIES):
            row = await self._row(who, schedule)
            if row["principal"] != who.principal.id:
                raise Forbidden(
                    f"{schedule} acts on behalf of {row['principal']}, who alone may change it.",
                    way_out="Pause or delete it, and make one of your own.",
                )
            if row["state"] == "ended":
                raise Conflict("The schedule has ended.", way_out="Make a new one.")
            value: Mapping[str, Any] = change.get("input", loads(row["input"]))
            columns = self._checked(who, row["agent"], value) | _changed(row, change)
            if columns["max_runs"] and columns["max_runs"] <= row["runs"]:
                raise BadInput(f"it has started {row['runs']} already", field="max_runs", value=columns["max_runs"])

            def unit(tx: Transaction, row: Mapping[str, Any] = row, columns: dict[str, Any] = columns) -> bool:
                done = store.change_schedule(tx, row, **columns)
                if done:
                    said = {name: columns[name] for name in columns if name not in ("input", "next_at")}
                    detail = {**said, "changed": sorted(change)}
                    log.append(tx, _record(by_person(who, row), row, "schedule_changed", **detail))
                return done

            if await self.db.write(unit):
                return await self.get(who, schedule)
        raise Conflict("The schedule is changing at this moment.", way_out="Try again.")

    def _checked(self, who: SignedIn, agent: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """The columns `agent` and `input`, if `who` may start that now. Raises as `create`."""
        spec = self.runs.agents.find(agent)
        may_use(who, spec)
        check(dict(value), spec.input_schema, field="input")
        may_start(self.runs.policy, who.principal.tenant, (who.principal.id,), spec, value)
        text = orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS, default=str).decode()
        return {"agent": spec.name, "input": text}

    async def list(self, who: SignedIn, *, principal: str = "") -> list[Schedule]:
        """Schedules of the tenant, newest first; of one principal if named."""
        tenant = who.principal.tenant
        found = await self.db.read(lambda connection: store.list_schedules(connection, tenant, principal=principal))
        return [shown(row) for row in found]

    async def get(self, who: SignedIn, schedule: str) -> Schedule:
        """Raises NotFound."""
        return shown(await self._row(who, schedule))

    async def pause(self, who: SignedIn, schedule: str) -> Schedule:
        """Nothing is started until it is resumed. Raises NotFound, Forbidden, Conflict (it has ended)."""
        return await self._turn(who, schedule, "paused", of="active")

    async def resume(self, who: SignedIn, schedule: str) -> Schedule:
        """Go on with the next due time; those that passed meanwhile start nothing.

        Raises NotFound, Forbidden, Conflict (it has ended, or its one time is over).
        """
        return await self._turn(who, schedule, "active", of="paused")

    async def delete(self, who: SignedIn, schedule: str) -> None:
        """Runs that it started are untouched. Raises NotFound, Forbidden."""
        row = await self._mine(who, schedule)

        def unit(tx: Transaction) -> None:
            if store.delete_schedule(tx, row["tenant"], schedule):
                log.append(tx, _record(by_person(who, row), row, "schedule_deleted"))

        await self.db.write(unit)

    async def start_due(self) -> list[Mapping[str, Any]]:
        """Write the runs of all schedules whose time has come: rows of `run` that have not begun. For the outbox."""
        now = clock.now()
        due = await self.db.read(lambda connection: store.due_schedules(connection, now))
        written = [await self.db.write(lambda tx, row=row: self._claim(tx, row, now)) for row in due]
        return [run for run in written if run is not None and run["state"] == "starting"]

    def _claim(self, tx: Transaction, row: Mapping[str, Any], now: datetime) -> Mapping[str, Any] | None:
        """Move a schedule on and write the run of its due time, or why there is none; None if another worker did."""
        try:
            due, next_at = schedule_terms.due_times(row, now)
        except BadInput as error:  # a time zone that is no more: it waits for a person instead of holding up others
            if store.move_on(tx, row, state="paused", last_problem=str(error)):
                log.append(tx, _record(by_itself(row), row, "schedule_paused", why=str(error)))
            return None
        columns = {"last_due": iso(due), "next_at": iso(next_at) if next_at else ""}
        if not store.move_on(tx, row, **columns, state="active" if next_at else "ended"):
            return None
        detail = {"due": iso(due), **({"missed_since": row["next_at"]} if row["next_at"] != iso(due) else {})}
        if row["overlap"] == "skip" and (going := store.run_that_goes_on(tx.connection, row["tenant"], row["id"])):
            why = f"{going} still went on."
            store.note_run(tx, row["id"], last_problem=why, last_run="")
            log.append(tx, _record(by_itself(row), row, "start_skipped", **detail, why=why))
            return None
        try:
            run = behalf.row_for(
                tx.connection,
                self.runs.agents,
                self.runs.policy,
                how="schedule",
                tenant=row["tenant"],
                principal=row["principal"],
                agent=row["agent"],
                value=loads(row["input"]),
                request_key=store.request_key(row["id"], iso(due)),
            )
        except (BadInput, Forbidden, NotFound) as error:  # policy, person or agent changed meanwhile
            store.note_run(tx, row["id"], last_problem=str(error), last_run="")
            record = _record(by_itself(row), row, "start_refused", **detail, why=str(error))
            log.append(tx, record.model_copy(update={"outcome": "denied"}))
            return None
        found = write_start(tx, run, schedule=row["id"], **detail)
        runs = row["runs"] + 1
        over = {"state": "ended", "next_at": ""} if schedule_terms.after_start(row, runs) == "ended" else {}
        store.note_run(tx, row["id"], last_problem="", last_run=found["id"], runs=runs, **over)
        return found

    async def _turn(self, who: SignedIn, schedule: str, state: ScheduleState, *, of: ScheduleState) -> Schedule:
        row = await self._mine(who, schedule)
        columns: dict[str, Any] = {}
        if state == "active" and row["state"] == of:
            now = clock.now()
            if row["cron"]:
                next_at = crons.read(row["cron"], row["time_zone"], now).after(now)
                if schedule_terms.within(row, next_at) is None:
                    raise Conflict("Its end passed while it was paused.", way_out="Change its end, or make a new one.")
                columns["next_at"] = iso(next_at)
            elif row["at"] <= iso(now):
                raise Conflict("Its time passed while it was paused.", way_out="Make a new schedule.")

        def unit(tx: Transaction) -> bool:
            done = store.set_schedule_state(tx, row["tenant"], schedule, state, of=of, **columns)
            if done:
                event = "schedule_paused" if state == "paused" else "schedule_resumed"
                log.append(tx, _record(by_person(who, row), row, event))
            return done

        done = await self.db.write(unit)
        found = await self.get(who, schedule)
        if not done and found.state != state:
            raise Conflict(f"The schedule has {found.state}.")
        return found

    async def _row(self, who: SignedIn, schedule: str) -> dict[str, Any]:
        found = await self.db.read(lambda connection: store.find_schedule(connection, who.principal.tenant, schedule))
        if found is None:
            raise NotFound(f"There is no schedule {schedule!r}.")
        return found

    async def _mine(self, who: SignedIn, schedule: str) -> dict[str, Any]:
        row = await self._row(who, schedule)
        may_steer(self.runs.policy, who, row["principal"], schedule, {"schedule": schedule, "agent": row["agent"]})
        return row


def _changed(row: Mapping[str, Any], change: ScheduleChange) -> dict[str, Any]:
    """The columns of a schedule after a change. A time instead of a cron expression, or the reverse, replaces it."""
    terms, now = schedule_terms.of(row), clock.now()
    if change.get("cron"):
        terms = replace(terms, at=None)
    elif change.get("at"):
        terms = replace(terms, cron="", ends_at=None, max_runs=0)
    elif "time_zone" not in change:  # the time that comes next stays, also when it is due at this moment
        now = min(now, clock.parse(row["next_at"]) - timedelta(seconds=1))
    given: dict[str, Any] = {name: value for name, value in change.items() if name != "input"}
    if "max_runs" in given:
        given["max_runs"] = given["max_runs"] or 0
    return replace(terms, **given).columns(now)


def shown(row: Mapping[str, Any]) -> Schedule:
    """A row as others see it."""
    return Schedule(
        id=row["id"],
        tenant=row["tenant"],
        agent=row["agent"],
        input=loads(row["input"]),
        cron=row["cron"],
        at=clock.parse(row["at"]) if row["at"] else None,
        time_zone=row["time_zone"],
        words=crons.words(row["cron"]) if row["cron"] else "Once",
        principal=row["principal"],
        state=row["state"],
        next_at=clock.parse(row["next_at"]) if row["next_at"] and row["state"] == "active" else None,
        last_due=clock.parse(row["last_due"]) if row["last_due"] else None,
        last_run=row["last_run"],
        last_problem=row["last_problem"],
        created_at=clock.parse(row["created_at"]),
        ends_at=clock.parse(row["ends_at"]) if row["ends_at"] else None,
        max_runs=row["max_runs"] or None,
        runs=row["runs"],
        overlap=row["overlap"],
    )


def _record(who: Who, row: Mapping[str, Any], event: str, **more: Any) -> Record:
    when = {name: row[name] for name in ("cron", "at", "time_zone") if row[name]}
    return record(who, row, {"event": event, "schedule": row["id"], **when, **more})
