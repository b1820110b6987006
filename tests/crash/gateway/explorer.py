"""Exhaustive, deterministic exploration of the real gateway: every schedule up to a number of deviations.

The gateway's own code runs; only what it awaits is ours: commits, and a network with a system behind it. At each await
it parks, and a script decides what happens next: go on, kill the process, lose a commit, lose its acknowledgement,
drop, duplicate or hold a message, refuse, time out, let hours pass, or start a second attempt. Choice 0 is progress; a
schedule is the list of its other choices. `explore` runs all schedules with at most `budget` of those.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chargehand.connectors.model import ToolResult
from chargehand.database import Database
from chargehand.errors import Ambiguous, ChargehandError, Conflict, ConnectorUnavailable, DatabaseUnavailable
from chargehand.gateway import gateway as gateway_module
from chargehand.gateway import store
from chargehand.gateway.desk import MESSAGE_LIFE, Desk
from chargehand.gateway.model import ApprovalNeeded, StoredCall, ToolCall
from chargehand.gateway.service import CallService
from chargehand.identity.model import Principal, SignedIn
from chargehand.outcome import Failure, Outcome
from fixtures.gateway import ScriptedPins, ScriptedPolicy, tool_call

KEY_LIFETIME = timedelta(hours=24)
"""How long the simulated keyed system remembers a key."""

MAX_STEPS = 500
_attempt: ContextVar[Attempt]


class ViolationError(AssertionError):
    """The protocol broke a promise; the message is the kind, `trace` the schedule."""


class KilledError(BaseException):
    """The process is gone: nothing of it runs any further."""


@dataclass(eq=False)
class Attempt:
    """One `gateway.call` of one process, and where it is parked."""

    process: Process
    task: asyncio.Task[Any] | None = None
    gate: asyncio.Future[str] | None = None
    point: str = ""
    message: Message | None = None

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done() and self.process.alive

    @property
    def parked(self) -> bool:
        return self.gate is not None and not self.gate.done()


_attempt = ContextVar("attempt")


@dataclass(eq=False)
class Message:
    """A request on its way, until it is dead: `dies` is the assumption that the gateway makes."""

    key: str
    tool: str
    arguments: dict[str, Any]
    deadline: datetime
    dies: datetime
    reply: Attempt | None
    state: str = "in_flight"  # in_flight, answered, gone
    answer: ToolResult | None = None
    held: bool = False
    twin_of: Message | None = None


@dataclass(eq=False)
class Process:
    sim: Simulation
    holder: str
    alive: bool = True
    gateway: gateway_module.Gateway = field(init=False)

    def __post_init__(self) -> None:
        desk = Desk(
            policy=self.sim.policy,
            pins=self.sim.pins,
            connectors=_Network(self),
            holder=self.holder,
            call_time=timedelta(seconds=30),
        )
        self.gateway = _Gateway(_Commits(self), desk)  # pyright: ignore[reportArgumentType]


class _Gateway(gateway_module.Gateway):
    def _later(self, work: Any) -> None:
        work.close()  # reading back after the answer is no part of the protocol


@dataclass
class _Commits:
    """`Database.write`, with a gate before the commit and one after it."""

    process: Process

    async def write(self, unit: Callable[[Any], Any]) -> Any:
        sim = self.process.sim
        fate = await sim.park("commit")
        if fate == "lost":
            if "commit_errors_ignored" in sim.mutations:
                return sim.db.write_now(lambda tx: _undone(tx, unit))
            raise DatabaseUnavailable("the commit was lost")
        result = sim.db.write_now(unit)
        if fate == "kept":
            raise DatabaseUnavailable("committed, but the acknowledgement was lost")
        await sim.park("committed")
        return result


def _undone(tx: Any, unit: Callable[[Any], Any]) -> Any:
    tx.connection.exec_driver_sql("SAVEPOINT lost")
    result = unit(tx)
    tx.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT lost")
    tx.deferred.clear()
    return result


@dataclass
class _Network:
    process: Process

    async def call(self, tool: str, arguments: dict[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        sim = self.process.sim
        if await sim.park("send") == "refused":
            raise ConnectorUnavailable("connection refused")
        attempt = _attempt.get()
        dies = max(deadline + MESSAGE_LIFE, sim.at + timedelta(seconds=1))
        message = Message(key, tool, arguments, deadline, dies, attempt)
        attempt.message = message
        sim.messages.append(message)
        if await sim.park("reply") == "timeout":
            message.reply = None
            raise Ambiguous("no answer in time")
        attempt.message = None
        assert message.answer is not None
        return message.answer


class Simulation:
    """One schedule: `script` says which choice is taken at each step; 0 beyond its end."""

    def __init__(self, db: Database, number: int, tool: str, script: list[int], *, ask: bool = False) -> None:
        self.db = db
        self.script = script
        self.options: list[int] = []
        self.trace: list[str] = []
        self.at = datetime(2026, 11, 24, 9, tzinfo=UTC)
        self.tenant = f"t{number}"
        self.policy = ScriptedPolicy(tenants=(self.tenant,))
        self.pins = ScriptedPins()
        pin = self.pins.get(tool)
        assert pin is not None
        self.pin = pin
        self.call: ToolCall = tool_call(tool, tenant=self.tenant)
        self.ledger: list[tuple[str, datetime]] = []
        self.dedup: dict[str, datetime] = {}
        self.messages: list[Message] = []
        self.attempts: list[Attempt] = []
        self.processes: list[Process] = []
        self.outcome: Outcome | None = None
        self.last_error: ChargehandError | None = None
        self.tries = 0
        self.reconciled = False
        self.key_effects = 0

    # ---- what the gateway awaits

    async def park(self, point: str) -> str:
        attempt = _attempt.get()
        if not attempt.process.alive:
            raise KilledError
        attempt.gate = asyncio.get_running_loop().create_future()
        attempt.point = point
        fate = await attempt.gate
        attempt.gate = None
        if not attempt.process.alive:
            raise KilledError
        return fate

    # ---- the system behind

    def deliver(self, message: Message) -> None:
        """The message arrives: the effect and, for a keyed system, its key, in one step."""
        if message.tool == "erp.find_by_key":
            found = any(key == message.arguments["key"] for key, _ in self.ledger)
            message.answer = ToolResult(message.tool, value={"found": found, "finished": found})
        elif self.pin.delivery == "keyed":
            self._deliver_keyed(message)
        else:
            if self.pin.effect != "read":
                self._effect(message)
            message.answer = ToolResult(message.tool, value={"document": "D-1"})
        message.state = "answered"
        if message.reply is None:
            message.state = "gone"

    def _deliver_keyed(self, message: Message) -> None:
        self.dedup = {key: at for key, at in self.dedup.items() if self.at < at + KEY_LIFETIME}
        if message.key not in self.dedup:
            if self.at >= message.deadline and "no_deadline" not in self.mutations:
                message.answer = ToolResult(message.tool, failure=Failure(kind="retryable", detail="too late"))
                return
            self.dedup[message.key] = self.at
            self._effect(message)
        message.answer = ToolResult(message.tool, value={"document": "D-1"})

    mutations: frozenset[str] = frozenset()

    def _effect(self, message: Message) -> None:
        stored = self.stored()
        if stored is None or stored.state == "proposed" or (stored.attempts < 1 and not self.reconciled):
            raise ViolationError("EFFECT WITHOUT A DURABLE INTENT")
        self.ledger.append((self.call.key, self.at))

    def refuse(self, message: Message) -> None:
        """The system says a clear no to this message, and does nothing.

        Assumption: copies that a network made of one message get the same no. Without it no refusal could be believed.
        """
        for twin in self.messages:
            if twin.twin_of is message:
                twin.state = "gone"
        message.answer = ToolResult(message.tool, failure=Failure(kind="conflict", detail="locked by another user"))
        message.state = "answered" if message.reply is not None else "gone"

    def copy_arrived(self, message: Message) -> bool:
        """A keyed system gives the answer it gave; another one is assumed not to say no to what it has just done."""
        if self.pin.delivery == "keyed":
            return message.key in self.dedup
        return any(twin.twin_of is message and twin.state != "in_flight" for twin in self.messages)

    # ---- the world around

    def stored(self) -> StoredCall | None:
        return self.db.read_now(lambda connection: store.get(connection, self.tenant, self.call.key))

    def advance(self, seconds: float) -> None:
        """Time passes; a message that would die meanwhile arrives at its last moment, which is the worst one."""
        until = self.at + timedelta(seconds=seconds)
        for message in self.messages:
            if message.state == "in_flight" and message.dies < until:
                self.at = max(self.at, message.dies)
                self.deliver(message)
                if message.reply is not None and not message.reply.running:
                    message.state = "gone"
        self.at = max(self.at, until)

    def process(self) -> Process:
        if not self.processes or not self.processes[-1].alive:
            self.processes.append(Process(self, f"gateway-{len(self.processes) + 1}"))
        return self.processes[-1]

    def start(self, *, give_up: bool = False, elsewhere: bool = False) -> None:
        self.tries += 1
        process = self.process()
        if elsewhere:
            process = Process(self, f"gateway-{len(self.processes) + 1}")
            self.processes.append(process)
        attempt = Attempt(process)
        self.attempts.append(attempt)

        async def run() -> None:
            _attempt.set(attempt)
            gateway = process.gateway
            try:
                answer = await (gateway.give_up(self.call) if give_up else gateway.call(self.call))
            except ChargehandError as error:
                self.last_error = error
                return
            except KilledError:
                return
            if isinstance(answer, ApprovalNeeded):
                raise ViolationError("ASKED AGAIN")
            self.answered(answer)

        attempt.task = asyncio.get_running_loop().create_task(run())

    def answered(self, outcome: Outcome) -> None:
        """What the run is told is final, except that a call in doubt may be settled later."""
        final = self.outcome is not None and self.outcome.state != "in_doubt"
        if final and outcome.state == "in_doubt":
            return  # it was in doubt when that attempt looked; a person was faster than its answer
        if self.outcome is not None and final and self.outcome.state != outcome.state:
            raise ViolationError(f"TWO ANSWERS {self.outcome.state} {outcome.state}")
        if self.outcome is None or self.outcome.state == "in_doubt":
            self.outcome = outcome

    def kill(self, process: Process) -> None:
        process.alive = False
        for message in self.messages:
            if message.reply is not None and message.reply.process is process:
                message.reply = None
                message.state = "gone" if message.state == "answered" else message.state

    # ---- the scheduler

    async def run(self) -> None:
        try:
            for _ in range(MAX_STEPS):
                await self.quiet()
                actions = list(self.actions())
                if not actions:
                    break
                self.options.append(len(actions))
                number = len(self.options) - 1
                chosen = self.script[number] if number < len(self.script) else 0
                name, action = actions[chosen]
                self.trace.append(name)
                action()
                self.advance(0.1)
            else:
                raise ViolationError("LIVELOCK")
            self.check()
        finally:
            await self.bury()

    async def quiet(self) -> None:
        """Until every attempt is parked or over."""
        while any(attempt.running and not attempt.parked for attempt in self.attempts):  # noqa: ASYNC110  # no clock
            await asyncio.sleep(0)
        for attempt in self.attempts:
            if attempt.task is not None and attempt.task.done() and not attempt.task.cancelled():
                error = attempt.task.exception()
                if error is not None:
                    raise error

    async def bury(self) -> None:
        for process in self.processes:
            process.alive = False
        for attempt in self.attempts:
            if attempt.parked and attempt.gate is not None:
                attempt.gate.set_result("dead")
            if attempt.task is not None:
                await asyncio.gather(attempt.task, return_exceptions=True)

    def actions(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What may happen now; the first is progress."""
        live = [attempt for attempt in self.attempts if attempt.running]
        over = self.outcome is not None and self.outcome.state != "in_doubt"
        if self.outcome is not None and not over and all(attempt.point != "send" for attempt in live):
            yield "reconcile", self.reconcile  # a person acts, however long a process sleeps
        for attempt in reversed(live):
            if attempt.point != "reply":
                yield f"go {attempt.point}", lambda attempt=attempt: self.release(attempt, "ok")
        moving = [message for message in self.messages if message.state == "in_flight" and not message.held]
        for message in reversed(moving):
            yield "deliver", lambda message=message: self.deliver(message)
        for message in self.messages:
            if message.state == "answered" and message.reply is not None:
                yield "reply", lambda message=message: self.answer(message)
        if not over and not live:
            yield from self.next_try()
        if over:
            # The answer is out: what is still under way lands, and then the books must agree.
            for message in self.messages:
                if message.held and message.state == "in_flight":
                    yield "late deliver", lambda message=message: self.deliver(message)
            return
        yield from self.faults(live, moving)

    def next_try(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if self.outcome is not None:
            return
        if self.tries > 40:
            raise ViolationError("NO ANSWER AFTER 40 TRIES")

        def again() -> None:
            if self.tries:
                self.advance(31)
            self.start()

        yield "try", again
        if self.tries:
            yield "give up", lambda: self.start(give_up=True)

    def faults(self, live: list[Attempt], moving: list[Message]) -> Iterator[tuple[str, Callable[[], None]]]:
        for process in {attempt.process.holder: attempt.process for attempt in live}.values():
            yield f"kill {process.holder}", lambda process=process: self.kill(process)
        for attempt in live:
            if attempt.point == "commit":
                yield "commit lost", lambda attempt=attempt: self.release(attempt, "lost")
                yield "commit kept, error", lambda attempt=attempt: self.release(attempt, "kept")
            if attempt.point == "send":
                yield "connection refused", lambda attempt=attempt: self.release(attempt, "refused")
            if attempt.point == "reply":
                yield "time-out", lambda attempt=attempt: self.release(attempt, "timeout")
        for message in moving:
            yield "hold", lambda message=message: setattr(message, "held", True)
            yield "drop", lambda message=message: self.drop(message)
            if self.pin.effect != "read" and not self.copy_arrived(message):
                yield "refuse", lambda message=message: self.refuse(message)
            if self.pin.delivery != "once":
                yield "duplicate", lambda message=message: self.duplicate(message)
        held = [message for message in self.messages if message.held and message.state == "in_flight"]
        for message in held:
            yield "held arrives", lambda message=message: self.deliver(message)
        if live:
            yield "40 s pass", lambda: self.advance(40)
            # The gateway's assumption: between its last look at the clock and the first byte lies no message's life.
            if all(attempt.point != "send" for attempt in live):
                yield "2 min pass", lambda: self.advance(120)
            if self.pin.delivery == "keyed":
                yield "25 h pass", lambda: self.advance(25 * 3600)
            if len(self.attempts) < 4:
                yield "second try", lambda: self.start()
                yield "second try elsewhere", lambda: self.start(elsewhere=True)

    def release(self, attempt: Attempt, fate: str) -> None:
        assert attempt.gate is not None
        attempt.gate.set_result(fate)

    def answer(self, message: Message) -> None:
        message.state = "gone"
        if message.reply is not None:
            self.release(message.reply, "ok")

    def drop(self, message: Message) -> None:
        message.state = "gone"
        if message.reply is not None and message.reply.running:
            self.release(message.reply, "timeout")

    def duplicate(self, message: Message) -> None:
        twin = Message(message.key, message.tool, message.arguments, message.deadline, message.dies, None)
        twin.twin_of = message
        self.messages.append(twin)

    def reconcile(self) -> None:
        """A person looks in the system's books and says what is there, as soon as the gateway lets them."""
        service = CallService(self.db, self.process().gateway)
        who = SignedIn(Principal(self.tenant, "person:root", "Root"), "password")
        happened = bool(self.ledger)
        self.reconciled = True
        try:
            settled = _now(self.db, service, self.call.key, who, happened)
        except Conflict:
            if self.tries > 40:
                raise ViolationError("NEVER RECONCILED") from None
            self.tries += 1
            self.advance(31)
            return
        self.answered(settled.as_outcome())

    def check(self) -> None:
        count, stored = len(self.ledger), self.stored()
        if self.outcome is None or stored is None:
            raise ViolationError("NO OUTCOME")
        if stored.state != "done":
            raise ViolationError(f"LEFT {stored.state}")
        if stored.outcome != self.outcome.state:
            raise ViolationError(f"TOLD {self.outcome.state}, RECORDED {stored.outcome}")
        if self.pin.delivery in ("keyed", "once") and count > 1:
            raise ViolationError("DOUBLED")
        if self.outcome.state == "succeeded" and count == 0 and self.pin.effect != "read":
            raise ViolationError("LOST")
        if self.outcome.state != "succeeded" and count:
            raise ViolationError(f"PHANTOM ({self.outcome.state}, but it happened)")


def _now(db: Database, service: CallService, key: str, who: SignedIn, happened: bool) -> StoredCall:
    """`reconcile` in one step: its only await is the commit."""

    class Direct:
        async def write(self, unit: Callable[[Any], Any]) -> Any:
            return db.write_now(unit)

    service.db = Direct()  # pyright: ignore[reportAttributeAccessIssue]
    coroutine = service.reconcile(key, who, happened=happened, evidence="the system's own books")
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("reconcile awaited something else")


@dataclass
class Report:
    schedules: int = 0
    violations: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    outcomes: Counter[str] = field(default_factory=Counter[str])


_numbers = iter(range(10**9))


def explore(
    db: Database,
    tool: str,
    budget: int,
    *,
    patch_clock: Callable[[Callable[[], datetime]], None],
    limit: int = 10**9,
    stop_at_violation: bool = False,
    mutations: frozenset[str] = frozenset(),
) -> Report:
    """Run every schedule of one call of `tool` with at most `budget` deviations, fewest deviations first."""
    report = Report()

    async def all_of_them() -> None:
        level: list[tuple[int, ...]] = [()]
        for used in range(budget + 1):
            following: list[tuple[int, ...]] = []
            for script in level:
                if report.schedules >= limit:
                    return
                sim = Simulation(db, next(_numbers), tool, list(script))
                sim.mutations = mutations
                patch_clock(lambda sim=sim: sim.at)
                report.schedules += 1
                try:
                    await sim.run()
                except ViolationError as violation:
                    report.violations[str(violation)] += 1
                    report.examples.setdefault(str(violation), sim.trace)
                    if stop_at_violation:
                        return
                else:
                    assert sim.outcome is not None
                    report.outcomes[f"{sim.outcome.state}/{len(sim.ledger)}"] += 1
                if used < budget:
                    following += [
                        (*script, *(0,) * (index - len(script)), choice)
                        for index in range(len(script), len(sim.options))
                        for choice in range(1, sim.options[index])
                    ]
            level = following

    asyncio.run(all_of_them())
    return report
