"""Schedules: an agent is started at a time or by cron, on behalf of whoever made the schedule.

Claiming a due time and writing its run is one transaction, so each due time gives one run whatever crashes and however
many workers look; the run's request key names both. What was missed while nothing was up is caught up once: the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from chargehand import clock, ids
from chargehand.agents.forms import check
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, Forbidden, NotFound
from chargehand.identity import store as people
from chargehand.identity.model import SignedIn
from chargehand.runs import cron as crons
from chargehand.runs import schedule_store as store
from chargehand.runs.model import Schedule, ScheduleState
from chargehand.runs.rows import loads
from chargehand.runs.service import RunService
from chargehand.runs.starts import may_start, may_steer, new_row, write_start
from chargehand.runs.store import RunRow

SIGNED_IN_BY = "schedule"
"""What a scheduled run says of its sign-in: nobody was there."""


class Schedules:
    """Over the same tables, agents and policy as the RunService."""

    def __init__(self, db: Database, runs: RunService) -> None:
        self.db = db
        self.runs = runs

    async def create(
        self,
        who: SignedIn,
        agent: str,
        value: Mapping[str, Any],
        *,
        cron: str = "",
        at: datetime | None = None,
        time_zone: str = "UTC",
        request_key: str = "",
    ) -> Schedule:
        """Start an agent at a time (`at`, aware) or by cron in a time zone. The same request key makes one schedule.

        Raises:
            NotFound: no such agent.
            BadInput: neither or both of `cron` and `at`, or one that never comes; the input does not fit.
            Forbidden: policy does not let this person start the agent now.
            Conflict: the request key was used for another schedule.
        """
        spec = self.runs.agents.find(agent)
        check(dict(value), spec.input_schema, field="input")
        now = clock.now()
        if bool(cron) == (at is not None):
            raise BadInput("say either a time or a cron expression", field="at", way_out="Leave one of the two out.")
        if at is not None:
            if at <= now:
                raise BadInput("this time is over", field="at", value=iso(at), way_out="Start it now, or name another.")
            crons.read_zone(time_zone)
            expression, next_at = "", at
        else:
            found = crons.read(cron, time_zone, now)
            expression, next_at = found.expression, found.after(now)
        tenant, person = who.principal.tenant, who.principal.id
        may_start(self.runs.policy, tenant, (person,), spec, value)
        schedule = ids.new_id("sch")
        row = store.ScheduleRow(
            id=schedule,
            tenant=tenant,
            request_key=request_key or schedule,
            agent=spec.name,
            input=orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS, default=str).decode(),
            cron=expression,
            at=iso(at) if at else "",
            time_zone=time_zone,
            principal=person,
            state="active",
            next_at=iso(next_at),
            created_at=iso(now),
        )

        def unit(tx: Transaction) -> dict[str, Any]:
            kept = store.insert_schedule(tx, row)
            if kept["id"] == row.id:
                log.append(tx, _record(_who(who, kept), kept, "schedule_created"))
            return kept

        kept = await self.db.write(unit)
        same = ("agent", "input", "cron", "at", "time_zone", "principal")
        if any(kept[name] != getattr(row, name) for name in same):
            raise Conflict(
                f"The key {request_key!r} was used for another schedule ({kept['id']}).", way_out="Use a fresh key."
            )
        return shown(kept)

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
                log.append(tx, _record(_who(who, row), row, "schedule_deleted"))

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
            due, next_at = _times(row, now)
        except BadInput as error:  # a time zone that is no more: it waits for a person instead of holding up others
            if store.move_on(tx, row, state="paused", last_problem=str(error)):
                who = Who(principal=row["principal"], chain=(row["principal"],), agent=row["agent"])
                log.append(tx, _record(who, row, "schedule_paused", why=str(error)))
            return None
        columns = {"last_due": iso(due), "next_at": iso(next_at) if next_at else ""}
        if not store.move_on(tx, row, **columns, state="active" if next_at else "ended"):
            return None
        detail = {"due": iso(due), **({"missed_since": row["next_at"]} if row["next_at"] != iso(due) else {})}
        try:
            run = self._run(tx.connection, row, due)
        except (
            BadInput,
            Forbidden,
            NotFound,
        ) as error:  # policy, person or agent changed meanwhile
            store.note_run(tx, row["id"], last_problem=str(error), last_run="")
            who = Who(principal=row["principal"], chain=(row["principal"],), agent=row["agent"])
            record = _record(who, row, "start_refused", **detail, why=str(error))
            log.append(tx, record.model_copy(update={"outcome": "denied"}))
            return None
        found = write_start(tx, run, schedule=row["id"], **detail)
        store.note_run(tx, row["id"], last_problem="", last_run=found["id"])
        return found

    def _run(self, connection: Connection, row: Mapping[str, Any], due: datetime) -> RunRow:
        """Raises what a start by the person would raise now."""
        tenant, person, value = row["tenant"], row["principal"], loads(row["input"])
        user = people.find_user(connection, tenant, person)
        if user is None or not user.active:
            raise Forbidden(f"{person} can't sign in any more.", way_out="Somebody else makes the schedule anew.")
        spec = self.runs.agents.find(row["agent"])
        check(value, spec.input_schema, field="input")
        may_start(self.runs.policy, tenant, (person,), spec, value)
        return new_row(
            spec,
            value,
            tenant=tenant,
            chain=(person, spec.principal),
            principal=person,
            signed_in_by=SIGNED_IN_BY,
            request_key=f"schedule:{row['id']}:{iso(due)}",
        )

    async def _turn(self, who: SignedIn, schedule: str, state: ScheduleState, *, of: ScheduleState) -> Schedule:
        row = await self._mine(who, schedule)
        columns: dict[str, Any] = {}
        if state == "active" and row["state"] == of:
            now = clock.now()
            if row["cron"]:
                columns["next_at"] = iso(crons.read(row["cron"], row["time_zone"], now).after(now))
            elif row["at"] <= iso(now):
                raise Conflict("Its time passed while it was paused.", way_out="Make a new schedule.")

        def unit(tx: Transaction) -> bool:
            done = store.set_schedule_state(tx, row["tenant"], schedule, state, of=of, **columns)
            if done:
                event = "schedule_paused" if state == "paused" else "schedule_resumed"
                log.append(tx, _record(_who(who, row), row, event))
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


def _times(row: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime | None]:
    """The due time to start for, the last one up to now, and the one after it."""
    first = clock.parse(row["next_at"])
    if not row["cron"]:
        return first, None
    cron = crons.read(row["cron"], row["time_zone"], now)
    due = cron.last(first=first, until=now)
    return due, cron.after(due)


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
    )


def _who(who: SignedIn, row: Mapping[str, Any]) -> Who:
    return Who(principal=who.principal.id, chain=(who.principal.id,), agent=row["agent"], signed_in_by=who.method)


def _record(who: Who, row: Mapping[str, Any], event: str, **more: Any) -> Record:
    when = {name: row[name] for name in ("cron", "at", "time_zone") if row[name]}
    return Record(
        id=ids.new_id("rec"),
        at=iso(clock.now()),
        tenant=row["tenant"],
        kind="run",
        who=who,
        arguments=None,
        detail={"event": event, "schedule": row["id"], "agent": row["agent"], "for": row["principal"], **when, **more},
    )
