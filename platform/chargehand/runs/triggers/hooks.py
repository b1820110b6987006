"""Webhooks: a sender that signs what it sends starts one agent, on behalf of one principal, once for each message.

A hook is made by whom policy lets (`chargehand.manage_hooks`), for themselves or for a service principal, never for
another person. Each delivery asks policy again. Delivery, run and record are one transaction; the run's request key is
the message's id, so a message that comes twice starts nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from typing_extensions import TypedDict

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.clock import iso
from chargehand.database import Database, Transaction
from chargehand.errors import (
    BadInput,
    ChargehandError,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    NotFound,
    NotSignedIn,
    RuntimeUnavailable,
    TooMany,
)
from chargehand.identity.model import SignedIn
from chargehand.runs.model import Delivery, DeliveryOutcome, Hook, HookScheme, HookState
from chargehand.runs.service import RunService
from chargehand.runs.starts import may_manage_hooks, write_start
from chargehand.runs.triggers import behalf, hook_secrets, mapping
from chargehand.runs.triggers import hook_store as store
from chargehand.runs.triggers.hook_rows import delivery_of, hook_of
from chargehand.runs.triggers.records import by_itself, by_person, record

MAX_BODY_BYTES = 256 * 1024
WINDOW = timedelta(minutes=1)
MOST_IN_WINDOW = 120
"""Deliveries of one hook, well signed, in a minute."""
MOST_UNSIGNED_IN_WINDOW = 30
"""Badly signed ones that are kept; more are answered alike and leave no trace, so that nobody floods the log."""
KEEP = timedelta(days=30)
MAX_GRACE = timedelta(days=7)


class HookChange(TypedDict, total=False):
    """What is named is changed."""

    name: str
    mapping: Mapping[str, str]


class Hooks:
    """Over the same tables, agents and policy as the RunService. `key` is what all secrets are made from."""

    def __init__(self, db: Database, runs: RunService, key: bytes) -> None:
        self.db = db
        self.runs = runs
        self._key = key
        self._beginning: set[asyncio.Task[None]] = set()

    # Set up

    async def create(
        self,
        who: SignedIn,
        agent: str,
        *,
        name: str,
        fields: Mapping[str, str],
        scheme: HookScheme = "standard",
        principal: str = "",
    ) -> tuple[Hook, str]:
        """A hook and its secret, which nobody is told again.

        Raises:
            NotFound: no such agent, or no such service principal.
            BadInput: an expression of the mapping can't be used; names the field.
            Forbidden: policy does not let `who`, or the principal is another person.
        """
        on_behalf = principal or who.principal.id
        spec = await behalf.may_set_up(self.runs, who, agent, on_behalf, fields)
        row = store.HookRow(
            id=ids.new_id("hook"),
            tenant=who.principal.tenant,
            name=name,
            agent=spec.name,
            principal=on_behalf,
            made_by=who.principal.id,
            scheme=scheme,
            mapping=orjson.dumps(dict(fields)).decode(),
            state="active",
            secret=1,
            created_at=iso(clock.now()),
        )

        def unit(tx: Transaction) -> None:
            store.insert_hook(tx, row)
            log.append(tx, _record(by_person(who, row.model_dump()), row.model_dump(), "hook_created"))

        await self.db.write(unit)
        return hook_of(row.model_dump()), hook_secrets.secret_of(self._key, row.id, 1)

    async def change(self, who: SignedIn, hook: str, change: HookChange) -> Hook:
        """Change its name, or what it reads in a message; what is not named stays, its secret too.

        Only its maker may, and policy is asked as for a new one. A message that has started a run before the change
        starts no other after it.

        Raises:
            NotFound, BadInput: as for a new one.
            Forbidden: somebody else made it; or policy does not let its maker set it up now.
            Conflict: it is being changed at this moment.
        """
        row = await self._managed(who, hook)
        behalf.only_its_maker(who, row)
        fields = change.get("mapping", orjson.loads(row["mapping"]))
        await behalf.may_set_up(self.runs, who, row["agent"], row["principal"], fields)
        columns = {"name": change.get("name", row["name"]), "mapping": orjson.dumps(dict(fields)).decode()}

        def unit(tx: Transaction) -> bool:
            was = {name: row[name] for name in columns}
            done = store.change_hook(tx, row["tenant"], hook, was, **columns)
            if done and (said := behalf.changed(row, columns)):
                log.append(tx, _record(by_person(who, row), row, "hook_changed", **said))
            return done

        if not await self.db.write(unit):
            raise Conflict("The hook is being changed at this moment.", way_out="Look at it again.")
        return await self.get(who, hook)

    async def list(self, who: SignedIn) -> list[Hook]:
        """Hooks of the tenant that policy lets `who` manage, newest first."""
        found = await self.db.read(lambda connection: store.list_hooks(connection, who.principal.tenant))
        mine: list[Hook] = []
        for row in found:
            with suppress(Forbidden):
                may_manage_hooks(self.runs.policy, who, _facts(row))
                mine.append(hook_of(row))
        return mine

    async def get(self, who: SignedIn, hook: str) -> Hook:
        """Raises NotFound, Forbidden."""
        return hook_of(await self._managed(who, hook))

    async def deliveries(self, who: SignedIn, hook: str, *, limit: int = 50) -> list[Delivery]:
        """The last deliveries, newest first; those of the last 30 days are kept. Raises NotFound, Forbidden."""
        row = await self._managed(who, hook)
        found = await self.db.read(lambda connection: store.list_deliveries(connection, row["tenant"], hook, limit))
        return [delivery_of(one) for one in found]

    async def rotate(self, who: SignedIn, hook: str, *, grace: timedelta = timedelta(0)) -> tuple[Hook, str]:
        """A new secret; the one until now stays good for `grace`, at most seven days.

        Raises NotFound, Forbidden, BadInput, Conflict (somebody else rotated it at this moment).
        """
        if not timedelta(0) <= grace <= MAX_GRACE:
            raise BadInput("the old secret stays good for at most seven days", field="grace_hours", value=str(grace))
        row = await self._managed(who, hook)
        until = iso(clock.now() + grace) if grace else ""
        number = row["secret"] + 1

        def unit(tx: Transaction) -> bool:
            was = {"secret": row["secret"]}
            done = store.change_hook(tx, row["tenant"], hook, was, secret=number, old_until=until)
            if done:
                log.append(tx, _record(by_person(who, row), row, "hook_rotated", secret_number=number, old_until=until))
            return done

        if not await self.db.write(unit):
            raise Conflict("Somebody else rotated the secret at this moment.", way_out="Look at the hook again.")
        return await self.get(who, hook), hook_secrets.secret_of(self._key, hook, number)

    async def turn(self, who: SignedIn, hook: str, state: HookState) -> Hook:
        """Enable or disable it. Raises NotFound, Forbidden."""
        row = await self._managed(who, hook)

        def unit(tx: Transaction) -> None:
            if store.change_hook(tx, row["tenant"], hook, {"state": row["state"]}, state=state) and (
                row["state"] != state
            ):
                log.append(
                    tx, _record(by_person(who, row), row, "hook_enabled" if state == "active" else "hook_disabled")
                )

        await self.db.write(unit)
        return await self.get(who, hook)

    async def preview(self, who: SignedIn, agent: str, fields: Mapping[str, str], message: bytes) -> dict[str, Any]:
        """The input that a message would make, checked as a start's. Raises BadInput, NotFound, Forbidden."""
        may_manage_hooks(self.runs.policy, who, {"agent": agent, "principal": who.principal.id})
        return behalf.input_of(self.runs.agents.find(agent), fields, mapping.read_message(message))

    # The door

    async def deliver(
        self, hook: str, headers: Mapping[str, str], body: bytes, *, address: str = "", too_big: bool = False
    ) -> Delivery:
        """A request from outside. `headers` are lower case; with `too_big` the body was not read to its end.

        Raises:
            NotSignedIn: no such hook, it is disabled, or the signature is not good; says nothing else.
            BadInput: the message does not make an input that the agent takes; names the field.
            Forbidden: policy does not let the hook's principal start the agent.
            Conflict: another message came with this id.
            TooMany: slow down.
        """
        row = await self.db.read(lambda connection: store.find_hook(connection, hook))
        if row is None:
            raise NotSignedIn("The delivery is not accepted.")
        came = _Came(row, address, len(body))
        try:
            if row["state"] != "active" or too_big:
                raise NotSignedIn("The delivery is not accepted.")
            message = hook_secrets.message_of(row["scheme"], self._secrets(row), headers, body)
        except NotSignedIn as error:
            why = "too big" if too_big else "disabled" if row["state"] != "active" else "bad signature"
            await self.db.write(lambda tx: _refuse_unsigned(tx, came, why))
            raise error from None
        try:
            delivery = await self.db.write(lambda tx: self._start(tx, came, message, body))
        except (BadInput, Conflict, Forbidden, NotFound, TooMany) as error:
            await self.db.write(lambda tx, error=error: _refuse(tx, came, message, error))
            raise
        if delivery.outcome == "started":  # the sender need not wait for Temporal: the run is written
            begin = asyncio.create_task(self._begin(row["tenant"], delivery.run))
            self._beginning.add(begin)
            begin.add_done_callback(self._beginning.discard)
        return delivery

    def _start(self, tx: Transaction, came: _Came, message: str, body: bytes) -> Delivery:
        row, since = came.hook, clock.now() - WINDOW
        if store.count_deliveries(tx.connection, row["id"], since, signed=True) >= MOST_IN_WINDOW:
            seconds = int(WINDOW.total_seconds())
            raise TooMany(f"More than {MOST_IN_WINDOW} deliveries in a minute.", retry_after_seconds=seconds)
        key, digest = f"hook:{row['id']}:{message}", sha256(body).hexdigest()
        if (run := store.started_by(tx.connection, row, key, digest)) is not None:
            return self._repeated(tx, came, message, run, digest)
        value = mapping.apply(orjson.loads(row["mapping"]), mapping.read_message(body))
        run = behalf.row_for(
            tx.connection,
            self.runs.agents,
            self.runs.policy,
            how="webhook",
            tenant=row["tenant"],
            principal=row["principal"],
            agent=row["agent"],
            value=value,
            request_key=key,
        )
        found = write_start(tx, run, hook=row["id"], message_id=message)
        if (found["agent"], found["input"]) != (run.agent, run.input):
            raise Conflict(f"Another message came with the id {message!r}.", way_out="Give each message its own id.")
        if found["id"] != run.id:
            return self._repeated(tx, came, message, found["id"], digest)
        kept = came.kept("started", 202, message, run=run.id, digest=digest)
        store.add_delivery(tx, kept, keep_since=clock.now() - KEEP)
        return delivery_of(kept.model_dump())

    def _repeated(self, tx: Transaction, came: _Came, message: str, run: str, digest: str) -> Delivery:
        """It came before, and starts nothing."""
        kept = came.kept("repeated", 200, message, run=run, digest=digest)
        store.add_delivery(tx, kept, keep_since=clock.now() - KEEP)
        record = _record(_self(came.hook), came.hook, "delivery_repeated", message_id=message, delivery=kept.id)
        log.append(tx, record.model_copy(update={"run": run}))
        return delivery_of(kept.model_dump())

    async def _begin(self, tenant: str, run: str) -> None:
        """Have Temporal run it now; where it does not answer, or we are gone by then, the outbox begins it."""
        with suppress(RuntimeUnavailable, DatabaseUnavailable):
            await self.runs.begin_written(tenant, run)

    def _secrets(self, row: Mapping[str, Any]) -> list[str]:
        numbers = [row["secret"]]
        if row["old_until"] > iso(clock.now()):
            numbers.append(row["secret"] - 1)
        return [hook_secrets.secret_of(self._key, row["id"], number) for number in numbers]

    async def _managed(self, who: SignedIn, hook: str) -> dict[str, Any]:
        """Raises NotFound, Forbidden."""
        row = await self.db.read(lambda connection: store.find_hook(connection, hook, who.principal.tenant))
        if row is None:
            raise NotFound(f"There is no hook {hook!r}.")
        may_manage_hooks(self.runs.policy, who, _facts(row))
        return row


class _Came:
    """A request that came to a hook, before it is known what becomes of it."""

    def __init__(self, hook: Mapping[str, Any], address: str, size_bytes: int) -> None:
        self.hook = hook
        self.address = address
        self.size_bytes = size_bytes
        self.at: datetime = clock.now()

    def kept(
        self, outcome: DeliveryOutcome, status: int, message: str, *, run: str = "", why: str = "", digest: str = ""
    ) -> store.HookDeliveryRow:
        return store.HookDeliveryRow(
            id=ids.new_id("del"),
            tenant=self.hook["tenant"],
            hook=self.hook["id"],
            at=iso(self.at),
            outcome=outcome,
            status=status,
            message=message,
            why=why,
            run=run,
            address=self.address,
            size_bytes=self.size_bytes,
            digest=digest,
        )


def _refuse_unsigned(tx: Transaction, came: _Came, why: str) -> None:
    row = came.hook
    if store.count_deliveries(tx.connection, row["id"], came.at - WINDOW, signed=False) >= MOST_UNSIGNED_IN_WINDOW:
        return
    kept = came.kept("refused", NotSignedIn.status, "", why=why)
    store.add_delivery(tx, kept, keep_since=came.at - KEEP)
    # Nobody knows who it was.
    unknown = Who(principal="", agent=row["agent"], signed_in_by="webhook")
    detail = {"delivery": kept.id, "why": why, "address": came.address}
    log.append(tx, _record(unknown, row, "delivery_refused", **detail).model_copy(update={"outcome": "denied"}))


def _refuse(tx: Transaction, came: _Came, message: str, error: ChargehandError) -> None:
    row, limited = came.hook, isinstance(error, TooMany)
    if limited and store.count_deliveries(tx.connection, row["id"], came.at - WINDOW, outcome="limited"):
        return  # one word a minute is enough
    kept = came.kept("limited" if limited else "refused", error.status, message, why=str(error))
    store.add_delivery(tx, kept, keep_since=came.at - KEEP)
    detail = {"delivery": kept.id, "message_id": message, "why": str(error)}
    record = _record(_self(row), row, "delivery_refused", **detail)
    log.append(tx, record.model_copy(update={"outcome": "denied"}))


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    return {"agent": row["agent"], "principal": row["principal"]}


def _self(row: Mapping[str, Any]) -> Who:
    return by_itself(row, "webhook")


def _record(who: Who, row: Mapping[str, Any], event: str, **more: Any) -> Record:
    return record(who, row, {"event": event, "hook": row["id"], **more})
