"""Which runs are held up: looked for by the API, which shows it, also while every worker is down.

A run that waits for people, time or systems is not looked at until that is over, so a thousand of them cost a page of
an index. What is left is asked of Temporal, so many a look; a few of the others too, by chance, lest any is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import asdict, replace

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from chargehand import clock
from chargehand.agents.catalog import AgentCatalog
from chargehand.clock import iso
from chargehand.database import Database
from chargehand.errors import ChargehandError, NotFound, RuntimeUnavailable
from chargehand.runs import held_up_store as store
from chargehand.runs import rows
from chargehand.runs.client import Connect
from chargehand.runs.evidence import QUIET, evidence
from chargehand.runs.held_up import Evidence, found
from chargehand.runs.model import HeldUp
from chargehand.runs.releases import current
from chargehand.runs.rows import dumps
from chargehand.runs.store import Row, read_events
from chargehand.runs.story import OPEN, Story

EVERY_SECONDS = 5.0
MAX_PAUSE_SECONDS = 60.0
ASKED = 25
"""How many runs Temporal is asked about in one look, at most."""
PAGE = 50
IN_TURN = 2
"""How many of a page of those that wait as they should are asked about in one look, by chance."""
AGAIN_SECONDS = 20.0
"""How long a run with which nothing was wrong is left alone."""
FIRST = ("", "")
_SILENT = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
EVENTS = 500

logger = logging.getLogger("chargehand.runs.lookout")


class Lookout:
    """Owned by one API process; `run` until cancelled. Several may look: they find the same."""

    def __init__(self, db: Database, client: Connect, agents: AgentCatalog) -> None:
        self._db = db
        self._client = client
        self._agents = agents
        self._held: dict[str, str] = {}  # run: tenant
        self._asked: dict[str, float] = {}  # run: when Temporal was asked about it
        self._quiet: dict[str, str] = {}  # tenant: the last that was looked at
        self._waiting: dict[str, tuple[str, str]] = {}
        self._release = (0.0, "")
        self._silent_until = 0.0

    async def run(self) -> None:
        """Look for ever. While Temporal or the database does not answer, what was found stays."""
        pause = EVERY_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                await self.look()
                pause = EVERY_SECONDS
            except (ChargehandError, RPCError) as error:
                logger.warning("Nobody looks for runs that are held up: %s", error)
                pause = min(pause * 2, MAX_PAUSE_SECONDS)

    async def look(self) -> int:
        """Look once; how many runs Temporal was asked about.

        Raises RPCError, RuntimeUnavailable, DatabaseUnavailable: what was found stays as it was.
        """
        now = time.monotonic()
        self._asked = {run: at for run, at in self._asked.items() if run in self._held or at > now - AGAIN_SECONDS}
        suspects = await self._suspects()
        due = [row for row in suspects.values() if row["held_up"] or row["id"] not in self._asked]
        due.sort(key=lambda row: self._asked.get(row["id"], 0.0))  # the longest ago first: none is left out
        for row in due[:ASKED]:
            self._asked[row["id"]] = now
            await self._ask(row)
        return len(due[:ASKED])

    # Whom to ask about

    async def _suspects(self) -> dict[str, Row]:
        suspects: dict[str, Row] = {}
        held = sorted(self._held, key=lambda run: self._asked.get(run, 0.0))[:PAGE]
        for tenant in await self._db.read(store.tenants):
            mine = [run for run in held if self._held[run] == tenant]
            still = await self._db.read(lambda connection, of=tenant, runs=mine: store.still_held(connection, of, runs))
            for run in {*mine} - {row["id"] for row in still}:
                del self._held[run]  # it has moved, or was stopped
            for row in (*still, *await self._that_should_move(tenant), *await self._that_waited(tenant)):
                suspects[row["id"]] = row
        return suspects

    async def _that_should_move(self, tenant: str) -> list[Row]:
        before, after = clock.now() - QUIET, self._quiet.get(tenant, "")
        page = await self._db.read(lambda connection: store.quiet(connection, tenant, before, after, PAGE))
        self._quiet[tenant] = page[-1]["id"] if len(page) == PAGE else ""
        return page

    async def _that_waited(self, tenant: str) -> list[Row]:
        """Of a page of those that wait: whose wait is over, who was held up before; and a few others."""
        after = self._waiting.get(tenant, FIRST)
        page = await self._db.read(lambda connection: store.waiting(connection, tenant, after, PAGE))
        if not page:
            self._waiting[tenant] = FIRST
            return []
        before = clock.now() - QUIET
        waits = {row["id"]: rows.summary(row).waiting for row in page}
        ids = [one.id for each in waits.values() for one in each]
        closed = await self._db.read(lambda connection: store.closed(connection, tenant, ids, before))

        def over(row: Row) -> bool:
            return any(one.id in closed or (one.until and one.until < before) for one in waits[row["id"]])

        suspects = [row for row in page if row["held_up"] or over(row)]
        others = [row for row in page if row not in suspects]
        in_turn = [] if self._is_silent else random.sample(others, min(IN_TURN, len(others)))
        self._waiting[tenant] = _place(page[-1]) if len(page) == PAGE else FIRST
        return [*suspects, *in_turn]

    # What is wrong

    async def _ask(self, row: Row) -> None:
        run, tenant = row["id"], row["tenant"]
        seen = await self._seen(row)
        if seen is None:
            if row["held_up"]:
                await self._note(row, None)
            return
        now = rows.held_up(row["held_up"])
        spec = None
        with suppress(NotFound):  # what is wrong can be told without its code
            spec = self._agents.find(row["agent"])
        finding = found(seen, row["agent"], row["agent_version"], spec, now.node if now else await self._node(row))
        self._held[run] = tenant
        if now is None or (now.kind, now.sentence) != (finding.kind, finding.sentence):
            await self._note(row, finding)

    @property
    def _is_silent(self) -> bool:
        """Whether Temporal did not answer just now."""
        return time.monotonic() < self._silent_until

    async def _seen(self, row: Row) -> Evidence | None:
        if self._is_silent:  # don't wait for an answer about each run
            return Evidence("no_temporal", clock.now()) if _should_move(row) else None
        try:
            client = await self._client()
            seen = await evidence(client, row["id"])
        except (RuntimeUnavailable, RPCError) as error:
            if isinstance(error, RPCError) and error.status not in _SILENT:
                raise
            self._silent_until = time.monotonic() + EVERY_SECONDS
            return Evidence("no_temporal", clock.now()) if _should_move(row) else None
        if seen is None and row["state"] == "starting":  # the outbox, which is in the gateway worker, begins it
            return Evidence("call_waits", clock.parse(row["created_at"]), call="its start")
        if seen is not None and seen.what == "step_waits" and not seen.release:
            return replace(seen, release=await self._current(client))
        return seen

    async def _current(self, client: Client) -> str:
        """The release that a run which is on none is given to; empty where there are no releases."""
        until, release = self._release
        if until < time.monotonic():
            with suppress(RuntimeUnavailable):  # Temporal answers that a few times a second
                release = await current(client)
            self._release = (time.monotonic() + AGAIN_SECONDS, release)
        return release

    async def _note(self, row: Row, finding: HeldUp | None) -> None:
        text = dumps({**asdict(finding), "since": iso(finding.since)}) if finding else ""
        await self._db.write(lambda tx: store.note(tx, row, text))
        if finding is None:
            self._held.pop(row["id"], None)
            return
        logger.warning("%s is held up (%s); its page says why.", row["id"], finding.kind)

    async def _node(self, row: Row) -> str:
        """The innermost node that has begun and not ended."""
        story = Story(payloads=False)
        after = 0
        while events := await self._db.read(
            lambda connection, after=after: read_events(connection, row["tenant"], row["id"], after, EVENTS)
        ):
            for event in events:
                story.add(rows.event(event))
            after = events[-1]["seq"]
        going = [path for path, node in story.nodes.items() if node.state in OPEN]
        return max(going, key=lambda path: path.count("/"), default="")


def _should_move(row: Row) -> bool:
    return row["state"] in store.MOVING or bool(row["held_up"])


def _place(row: Row) -> tuple[str, str]:
    return row["created_at"], row["id"]
