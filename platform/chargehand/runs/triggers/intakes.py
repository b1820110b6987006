"""Intakes: messages that a connector offers (mails, tickets) start one agent, once for each message.

An intake names a read tool whose answer is `{"messages": [{"id", …}], "cursor"}` and which takes the cursor back as
`after`. Reading is a tool call through the gateway, on behalf of the intake's principal: decided and recorded as any
other. The runs of a page and the cursor behind it are one transaction, and a run's request key is the message's id: a
worker that dies in between reads the page again and starts nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
from typing_extensions import TypedDict

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.clock import iso
from chargehand.connectors import schemas
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, ChargehandError, Conflict, Forbidden, NotFound, RuntimeUnavailable
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.identity.model import SignedIn
from chargehand.runs.keys import call_key
from chargehand.runs.model import Intake
from chargehand.runs.service import RunService
from chargehand.runs.starts import may_manage_hooks
from chargehand.runs.triggers import behalf
from chargehand.runs.triggers import intake_store as store
from chargehand.runs.triggers.intake_page import OWN, MessagePage, Moved, page_of, start_messages
from chargehand.runs.triggers.intake_rows import intake_of, record_of
from chargehand.runs.triggers.offers import Offer, offer_of

END = "end"
"""As a cursor: after the newest message. Every tool that offers messages understands it."""
MIN_SECONDS, MAX_SECONDS = 5, 86_400
LOOK_SECONDS = 1.0

logger = logging.getLogger("chargehand.runs.triggers.intakes")


class IntakeChange(TypedDict, total=False):
    """What is named is changed."""

    name: str
    arguments: Mapping[str, Any]
    mapping: Mapping[str, str]
    every_seconds: int


class Intakes:
    """Over the same tables, agents and policy as the RunService; reads through the gateway."""

    def __init__(self, db: Database, runs: RunService, gateway: Gateway) -> None:
        self.db = db
        self.runs = runs
        self.gateway = gateway

    async def create(
        self,
        who: SignedIn,
        agent: str,
        tool: str,
        *,
        name: str,
        arguments: Mapping[str, Any],
        fields: Mapping[str, str],
        every_seconds: int = 60,
        principal: str = "",
        after: str = END,
    ) -> Intake:
        """Read once, to see that it works, and from then on. By default what is there already starts nothing.

        Raises:
            NotFound: no such agent, tool or service principal.
            BadInput: the tool offers no messages, its arguments or the mapping do not fit; or the first read failed.
            Forbidden: policy does not let `who` set it up, or the principal read.
        """
        on_behalf = principal or who.principal.id
        spec = await behalf.may_set_up(self.runs, who, agent, on_behalf, fields)
        self._check_tool(tool, arguments)
        now = clock.now()
        row = store.IntakeRow(
            id=ids.new_id("intake"),
            tenant=who.principal.tenant,
            name=name,
            agent=spec.name,
            principal=on_behalf,
            made_by=who.principal.id,
            tool=tool,
            arguments=orjson.dumps(dict(arguments)).decode(),
            mapping=orjson.dumps(dict(fields)).decode(),
            every_seconds=every_seconds,
            state="active",
            cursor=after,
            next_at=iso(now),
            created_at=iso(now),
        )
        if after == END:
            first = await self._read(row.model_dump())
            row.cursor, row.reads, row.last_at = first.cursor, 1, iso(now)
            row.next_at = iso(now + timedelta(seconds=every_seconds))

        def unit(tx: Transaction) -> None:
            store.insert_intake(tx, row)
            log.append(tx, record_of(row.model_dump(), "intake_created", by=who))

        await self.db.write(unit)
        return intake_of(row.model_dump())

    async def change(self, who: SignedIn, intake: str, change: IntakeChange) -> Intake:
        """Change its name, what it reads, how often, or what it makes of a message; what is not named stays.

        Only its maker may, and policy is asked as for a new one. With other arguments it is read once at this moment,
        to see that it works; that page starts nothing by this. It goes on where it was.

        Raises:
            NotFound, BadInput: as for a new one.
            Forbidden: somebody else made it; or policy does not let its maker set it up, or the principal read.
            Conflict: it is being read or changed at this moment.
        """
        row = await self._managed(who, intake)
        behalf.only_its_maker(who, row)
        fields = change.get("mapping", orjson.loads(row["mapping"]))
        arguments = change.get("arguments", orjson.loads(row["arguments"]))
        await behalf.may_set_up(self.runs, who, row["agent"], row["principal"], fields)
        self._check_tool(row["tool"], arguments)
        columns = {
            "name": change.get("name", row["name"]),
            "arguments": orjson.dumps(dict(arguments)).decode(),
            "mapping": orjson.dumps(dict(fields)).decode(),
            "every_seconds": change.get("every_seconds", row["every_seconds"]),
        }
        if columns["arguments"] != row["arguments"]:
            row = await self._claim(row)
            await self._read({**row, **columns})
        said = behalf.changed(row, columns)

        def unit(tx: Transaction) -> bool:
            done = store.change_intake(tx, row, (*OWN, "reads"), **columns, next_at=iso(clock.now()), last_problem="")
            if done and said:
                log.append(tx, record_of(row, "intake_changed", by=who, **said))
            return done

        if not await self.db.write(unit):
            raise Conflict("It is being read at this moment.", way_out="Try again.")
        return await self.get(who, intake)

    async def list(self, who: SignedIn) -> list[Intake]:
        """Intakes of the tenant that policy lets `who` manage, newest first."""
        found = await self.db.read(lambda connection: store.list_intakes(connection, who.principal.tenant))
        return [intake_of(row) for row in found if self._may(who, row)]

    async def get(self, who: SignedIn, intake: str) -> Intake:
        """Raises NotFound, Forbidden."""
        return intake_of(await self._managed(who, intake))

    def offers(self, tools: Iterable[str]) -> list[Offer]:
        """Those of the tools that offer messages. Raises BadPolicy: nothing is reviewed as the files are."""
        pins = map(self.gateway.desk.pins.get, tools)
        return [offer for pin in pins if pin is not None and (offer := offer_of(pin)) is not None]

    async def pause(self, who: SignedIn, intake: str) -> Intake:
        """Read nothing until it is resumed. What comes meanwhile is read then. Raises NotFound, Forbidden."""
        return await self._turn(who, intake, "paused")

    async def resume(self, who: SignedIn, intake: str, *, after: str | None = None) -> Intake:
        """Go on where it was, or after another cursor; what has started a run already starts no other.

        Raises NotFound, Forbidden.
        """
        return await self._turn(who, intake, "active", after=after)

    async def delete(self, who: SignedIn, intake: str) -> None:
        """Runs that it started are untouched. Raises NotFound, Forbidden."""
        row = await self._managed(who, intake)

        def unit(tx: Transaction) -> None:
            if store.delete_intake(tx, row["tenant"], intake):
                log.append(tx, record_of(row, "intake_deleted", by=who))

        await self.db.write(unit)

    # In the gateway worker

    async def run(self) -> None:
        """Read what is due until cancelled. Several workers may: each read is claimed by one of them."""
        while True:
            try:
                await self.read_due()
            except ChargehandError as error:
                logger.warning("Messages were not read, trying again: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def read_due(self) -> int:
        """Read every intake whose time has come, and write the runs of what came; how many were started."""
        due = await self.db.read(lambda connection: store.due_intakes(connection, clock.now()))
        return sum(await asyncio.gather(*map(self._take, due)))

    async def _take(self, row: dict[str, Any]) -> int:
        try:
            row = await self._claim(row)
        except Conflict:
            return 0  # another worker reads it
        try:
            page = await self._read(row)
        except ChargehandError as error:
            why = str(error)
            await self.db.write(lambda tx: store.change_intake(tx, row, (), last_problem=why))
            return 0
        try:
            started = await self.db.write(lambda tx: start_messages(tx, self.runs, row, page))
        except Moved:
            return 0  # it is read again, by what was set meanwhile
        for run in started:
            with suppress(RuntimeUnavailable):  # written: the outbox begins it as soon as Temporal answers
                await self.runs.begin_written(row["tenant"], run)
        return len(started)

    async def _claim(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with a number for its next read, which nobody else has. Raises Conflict: somebody was faster."""
        now = clock.now()
        later = {"next_at": iso(now + timedelta(seconds=row["every_seconds"])), "reads": row["reads"] + 1}
        was = (*OWN, "next_at", "reads")
        if not await self.db.write(lambda tx: store.change_intake(tx, row, was, **later, last_at=iso(now))):
            raise Conflict("It is being read at this moment.", way_out="Try again.")
        return {**row, **later}

    async def _read(self, row: Mapping[str, Any]) -> MessagePage:
        """One page through the gateway. Raises ChargehandError that says why there is none."""
        call = ToolCall(
            tenant=row["tenant"],
            run=row["id"],
            key=call_key(row["tenant"], row["id"], row["reads"]),
            chain=(row["principal"],),
            tool=row["tool"],
            arguments={**orjson.loads(row["arguments"]), "after": row["cursor"]},
            step="intake",
        )
        answer = await self.gateway.call(call)
        if isinstance(answer, ApprovalNeeded):  # nobody is asked each minute whether mail may be read
            answer = await self.gateway.give_up(call)
        return page_of(answer)

    def _check_tool(self, tool: str, arguments: Mapping[str, Any]) -> None:
        pin = self.gateway.desk.pins.get(tool)
        if pin is None:
            raise NotFound(f"There is no reviewed tool {tool!r}.", way_out="`chargehand connectors tools` lists them.")
        if pin.effect != "read":
            raise BadInput("messages are read, and this tool changes something", field="tool", value=tool)
        if offer_of(pin) is None:
            raise BadInput(
                "this tool offers no messages: it takes no `after`, or its answer has no `messages` and `cursor`",
                field="tool",
                value=tool,
                way_out="e.g. mail.list_new",
            )
        schemas.check(pin.input_schema, {**arguments, "after": ""}, field="arguments")

    async def _turn(self, who: SignedIn, intake: str, state: str, *, after: str | None = None) -> Intake:
        row = await self._managed(who, intake)
        columns: dict[str, Any] = {"state": state, "next_at": iso(clock.now())}
        if after is not None:
            columns |= {"cursor": after, "last_problem": ""}
        event = "intake_paused" if state == "paused" else "intake_resumed"
        more = {} if after is None else {"after": after}

        def unit(tx: Transaction) -> bool:
            done = store.change_intake(tx, row, ("state", "cursor"), **columns)
            if done and (row["state"] != state or after is not None):
                log.append(tx, record_of(row, event, by=who, **more))
            return done

        if not await self.db.write(unit):
            raise Conflict("It is being read at this moment.", way_out="Try again.")
        return await self.get(who, intake)

    def _may(self, who: SignedIn, row: Mapping[str, Any]) -> bool:
        try:
            may_manage_hooks(self.runs.policy, who, {"agent": row["agent"], "principal": row["principal"]})
        except Forbidden:
            return False
        return True

    async def _managed(self, who: SignedIn, intake: str) -> dict[str, Any]:
        """Raises NotFound, Forbidden."""
        row = await self.db.read(lambda connection: store.find_intake(connection, who.principal.tenant, intake))
        if row is None:
            raise NotFound(f"There is no intake {intake!r}.")
        may_manage_hooks(self.runs.policy, who, {"agent": row["agent"], "principal": row["principal"]})
        return row
