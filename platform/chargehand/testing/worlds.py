"""Everything a run needs, in one process: the real runtime, gateway, approvals, log and database, around fake systems.

A world lasts as long as its block. Time is the test's: `skip` lets days pass at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from chargehand.agents import watching
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.execution import to_json
from chargehand.agents.model import AgentSpec
from chargehand.approvals.model import ApprovalRequest
from chargehand.approvals.service import ApprovalService
from chargehand.audit import log
from chargehand.audit.model import Record
from chargehand.audit.service import AuditService
from chargehand.database import Database
from chargehand.errors import NotFound
from chargehand.gateway.desk import Desk
from chargehand.gateway.gateway import Gateway
from chargehand.identity.model import Principal, SignedIn
from chargehand.runs.activities import GatewayActivities, Models
from chargehand.runs.model import ENDED, PersonTask, RunDetail, RunEvent
from chargehand.runs.moments import Camera
from chargehand.runs.outbox import Outbox
from chargehand.runs.service import RunService, connected
from chargehand.testing.clock import MovingClock
from chargehand.testing.fakes import FakeConnectors
from chargehand.testing.models import Line, ScriptedModel
from chargehand.testing.policies import Policy, allow_everything
from chargehand.testing.run import GovernedRun
from chargehand.worker.local import LocalTemporal, both_workers, local_temporal

TENANT = "demo"
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 1.5
CLOSING_SECONDS = 5.0
CLOSING_PAUSE = 0.02


def _as_json(value: Any) -> Any:
    """What is JSON, or pretends to be, goes as it is: refusing it is the platform's business."""
    if isinstance(value, dict):
        return {name: _as_json(one) for name, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in cast("list[Any]", value)]
    return value if value is None or type(value) in (bool, int, float, str) else to_json(value)


def _differs(trouble: str) -> bool:
    return "nondeterminism" in trouble.lower() or "TMPRL1100" in trouble


def _explained(run: str, trouble: str) -> str:
    """What Temporal says of a step that fails, as a sentence with the way out."""
    if "deadlock" in trouble.lower():
        return (
            f"{run} can't go on: a node computed for more than two seconds without awaiting anything ({trouble}). "
            "Mark what takes so long with @io_node, so that it runs as an activity."
        )
    if _differs(trouble):
        return (
            f"{run} can't go on: when its history was replayed, its nodes did something else than the first time. "
            "What a node does may depend on its state, on `chargehand.now()` and on the answers of calls, never on "
            "chance, the clock, the environment or what another run left in memory. `chargehand agents lint` finds "
            f"most of it. ({trouble})"
        )
    return f"{run} can't go on: {trouble}"


class NoModel:
    """No language model is configured."""

    def tiers(self) -> frozenset[str]:
        return frozenset()

    async def ask(self, request: Any, tell: Any = None) -> Any:
        del tell
        raise AssertionError(f"no model is configured, and {request.step} asked one")


@dataclass
class World:
    """See `world`."""

    db: Database
    temporal: LocalTemporal
    agents: AgentCatalog
    policy: Policy
    connectors: FakeConnectors
    gateway: Gateway
    approvals: ApprovalService
    runs: RunService
    clock: MovingClock
    activities: GatewayActivities
    camera: Camera
    chores: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def person(self, name: str) -> SignedIn:
        """`amy` or `person:amy`, signed in."""
        principal = name if ":" in name else f"person:{name}"
        return SignedIn(Principal(TENANT, principal, principal.partition(":")[2].title()), "local")

    async def start(self, agent: str, value: Mapping[str, Any], *, by: str = "amy", key: str = "") -> RunDetail:
        """Start a run. Python values in the input (messages, dates, Decimals) are sent as the JSON that they are."""
        return await self.runs.start(self.person(by), agent, _as_json(dict(value)), request_key=key)

    async def end(self, run: str) -> RunDetail:
        """The run once it has ended. Fails when it does not within some seconds of real time."""

        async def ended() -> RunDetail | None:
            detail = await self.runs.get(self.person("amy"), run)
            return detail if detail.state in ENDED else None

        return await self.until(ended, f"{run} to end")

    async def approval(self, run: str, *, tool: str = "") -> ApprovalRequest:
        """The next pending approval request of a run, once it is there."""

        async def pending() -> ApprovalRequest | None:
            items = await self.approvals.inbox(self.person("amy"), states=("pending",), run=run, tool=tool)
            waiting = (await self._open(run)).waiting
            known = {one.id for one in waiting}
            return next((item.request for item in items if item.request.id in known), None)

        return await self.until(pending, f"{run} to ask")

    async def verdict(
        self, request: ApprovalRequest, *, by: str, approve: bool = True, comment: str = ""
    ) -> ApprovalRequest:
        return await self.approvals.give_verdict(
            request.id, self.person(by), approve=approve, digest=request.digest, comment=comment
        )

    async def task(self, run: str) -> PersonTask:
        """The next open question of a run, once it is there."""

        async def asked() -> PersonTask | None:
            tasks = await self.runs.tasks(self.person("amy"), run=run)
            waiting = {one.id for one in (await self._open(run)).waiting}
            return next((one for one in tasks if one.id in waiting), None)

        return await self.until(asked, f"{run} to ask a person")

    async def _open(self, run: str) -> RunDetail:
        """The run, which has not ended. Raises AssertionError that says how it did."""
        detail = await self.runs.get(self.person("amy"), run)
        if detail.state in ENDED:
            why = f" ({detail.failure.detail})" if detail.failure else ""
            raise AssertionError(f"{run} has {detail.state}{why}, and asks nobody any more")
        return detail

    async def skip(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass at once, for the platform and for Temporal's timers."""
        length = timedelta(days=days, hours=hours, seconds=seconds)
        self.clock.ahead += length
        await self.temporal.skip(length)

    async def events(self, run: str) -> tuple[RunEvent, ...]:
        return await self.runs.events(self.person("amy"), run, limit=100_000)

    async def governed(self, run: str) -> GovernedRun:
        """The run as it is now."""
        who = self.person("amy")
        states = ("pending", "approved", "rejected", "expired", "withdrawn")
        asked = [item.request for item in await self.approvals.inbox(who, states=states, run=run)]
        detail = await self.runs.get(who, run)
        return GovernedRun(
            detail,
            await self.events(run),
            self.connectors,
            tuple(sorted(asked, key=lambda one: (one.created_at, one.id))),
            await self.log(run),
            self.camera.film(run),
        )

    async def log(self, run: str) -> tuple[Record, ...]:
        """The run's records in the action log, oldest first."""
        service, found = AuditService(self.db), list[Record]()
        after: str | None = None
        while True:
            page = await service.query(TENANT, f"run:{run}", limit=500, after=after, personal=True)
            found += [one.record for one in page.items]
            if (after := page.next) is None:
                return tuple(reversed(found))

    async def _no_trouble(self) -> None:
        """Raises AssertionError for a run that does something else when replayed: trying again won't mend that."""
        for one in await self.open_runs():
            trouble = await self.temporal.trouble(one.id)
            if _differs(trouble):
                raise AssertionError(_explained(one.id, trouble))

    async def open_runs(self) -> list[RunDetail]:
        """The runs of this world that have not ended."""
        seen: list[RunDetail] = []
        for run in self.camera.runs():
            with suppress(NotFound):  # a workflow that a test began by itself has no row
                seen.append(await self.runs.get(self.person("amy"), run))
        return [one for one in seen if one.state not in ENDED]

    async def left_open(self) -> bool:
        """Whether Temporal still has a workflow of this world to end, after a moment for those that just did."""
        until = time.monotonic() + CLOSING_SECONDS
        for run in self.camera.runs():
            while await self.temporal.is_open(run):
                if time.monotonic() > until:
                    return True
                await asyncio.sleep(CLOSING_PAUSE)
        return False

    async def _stands(self) -> str:
        """What the runs that have not ended wait for."""
        waits: list[str] = []
        for one in await self.open_runs():
            trouble = await self.temporal.trouble(one.id)
            stands = "; ".join(waiting.sentence for waiting in one.waiting) or one.state
            waits.append(_explained(one.id, trouble) if trouble else f"{one.id} waits: {stands}")
        return ", ".join(waits) or "no run is open"

    async def until(self, condition: Callable[[], Awaitable[Any]], what: str) -> Any:
        """What the condition gives, once that is something."""
        until = time.monotonic() + PATIENCE_SECONDS
        look = time.monotonic() + LOOK_SECONDS
        while (found := await condition()) is None:
            self.connectors.complain()
            if time.monotonic() > look:
                look += LOOK_SECONDS
                await self._no_trouble()
            for chore in self.chores:
                if chore.done():
                    chore.result()
            if time.monotonic() > until:
                raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s for {what}; {await self._stands()}")
            await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def world(
    folder: Path,
    agents: Iterable[AgentSpec],
    *,
    tools: Mapping[str, Any] | FakeConnectors | None = None,
    policy: Policy | None = None,
    model: Sequence[Line] | Models | None = None,
    temporal: LocalTemporal | None = None,
) -> AsyncGenerator[World]:
    """A world with these agents. `tools` are the fake systems' answers by tool name; no `policy` allows everything.

    `model` is a scripted model's lines; without one the recording's models answer, or no language model is configured.
    """
    catalog = AgentCatalog(agents)
    if isinstance(tools, FakeConnectors):
        connectors = tools
    else:
        connectors = FakeConnectors(
            tools or {}, {tool.name: tool for spec in catalog.values() for tool in spec.tools}.values()
        )
    moving = MovingClock()
    database = Database(f"sqlite:///{folder / 'world.db'}")
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        stack.enter_context(moving.in_force())
        database.create_schema()
        log.initialise(database)
        server = temporal or await stack.enter_async_context(local_temporal())
        moving.ahead = max(moving.ahead, await server.now() - moving.now())  # a server that others used has skipped on
        asked = connectors.model if model is None else model
        made = _world(database, server, catalog, connectors, policy, asked, moving)
        yield await stack.enter_async_context(made)


async def governed(
    agent: AgentSpec,
    value: Mapping[str, Any],
    *,
    folder: Path | None = None,
    tools: Mapping[str, Any] | FakeConnectors | None = None,
    policy: Policy | None = None,
    model: Sequence[Line] | Models | None = None,
    by: str = "amy",
    others: Iterable[AgentSpec] = (),
    meanwhile: Callable[[World, RunDetail], Awaitable[None]] | None = None,
    temporal: LocalTemporal | None = None,
) -> GovernedRun:
    """Run an agent to its end. `meanwhile` plays the people: it may approve, answer, and let time pass.

    Without a `folder` the database is a temporary one; without a `temporal` a server is started for this run alone.
    """
    async with AsyncExitStack() as stack:
        folder = folder or Path(stack.enter_context(TemporaryDirectory()))
        made = world(folder, [agent, *others], tools=tools, policy=policy, model=model, temporal=temporal)
        here = await stack.enter_async_context(made)
        began = time.monotonic()
        run = await here.start(agent.name, value, by=by)
        if meanwhile is not None:
            await meanwhile(here, run)
        await here.end(run.id)
        seconds = time.monotonic() - began
        done = await here.governed(run.id)
        done.seconds = seconds
        return done


@asynccontextmanager
async def _world(
    database: Database,
    temporal: LocalTemporal,
    catalog: AgentCatalog,
    connectors: FakeConnectors,
    policy: Policy | None,
    model: Sequence[Line] | Models | None,
    moving: MovingClock,
) -> AsyncGenerator[World]:
    deciding = policy or allow_everything()
    approvals = ApprovalService(database, deciding)
    gateway = Gateway(database, Desk(deciding, _Pins(connectors), connectors, "test", amounts_of=catalog.amounts_of))
    runs = RunService(database, connected(temporal.client), catalog, deciding)
    activities = GatewayActivities(database, gateway, _models(model), approvals, runs)
    camera = Camera()
    here = World(
        database, temporal, catalog, deciding, connectors, gateway, approvals, runs, moving, activities, camera
    )
    with watching.watch(camera):
        async with both_workers(temporal, catalog, activities):
            here.chores.append(asyncio.create_task(Outbox(database, runs, approvals).run()))
            try:
                yield here
            finally:
                for chore in here.chores:
                    chore.cancel()
                await asyncio.gather(*here.chores, return_exceptions=True)
                await gateway.drain()
                temporal.spoiled = temporal.spoiled or await here.left_open()


class _Pins:
    def __init__(self, connectors: FakeConnectors) -> None:
        self._pins = connectors.pins()

    def get(self, tool: str) -> Any:
        return self._pins.get(tool)


def _models(model: Sequence[Line] | Models | None) -> Models:
    if model is None:
        return NoModel()
    return ScriptedModel(model) if isinstance(model, Sequence) else model
