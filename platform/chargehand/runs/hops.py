"""How a run waits and asks the gateway: a hop is an activity; stop, pause and leaving are looked at between hops."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from chargehand.agents.ledger import Ledger
from chargehand.errors import BadInput
from chargehand.runs.journal import Journal
from chargehand.runs.model import QUEUE_GATEWAY
from chargehand.runs.payloads import Pause, Reminder, Stop, Telling

Out = TypeVar("Out", bound=BaseModel)

# An activity answers within these, or its worker is taken for dead and it is given to another one.
ACTIVITY_LIMIT = timedelta(minutes=5)
HEARTBEAT = timedelta(seconds=5)
RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


# A run goes on in a new history at the next superstep once Temporal suggests it (or so many events, if configured).
# A node that does not come to an end is parked at its next leaf, long before Temporal's limit of 51,200 events.
CONTINUE_PATCH = "continue-as-new"
PARK_EVENTS = 10_000
PARK_BYTES = 16 * 1024 * 1024
# Temporal refuses a step that would have more than 2,000 activities of one run under way.
ACTIVITIES_AT_ONCE = 500


class Hops:
    """Owned by one workflow. `undoing`: the run is taking back what it did, which a stop does not interrupt.

    `stays` for good when its state can't be taken to another history; `left` once it goes on in one.
    """

    ledger: Ledger

    def __init__(self, journal: Journal, history_events: int = 0, *, bound: bool = False) -> None:
        self.journal = journal
        self.history_events = history_events
        self.bound = bound
        self._asked = 0
        self.stays = False
        self.left = False
        self._busy = 0
        self._room = asyncio.Semaphore(ACTIVITIES_AT_ONCE)  # first come, first served, also under replay
        self._parked = 0
        self.stop: Stop | None = None
        self.pauses = Pause(number=-1, paused=False, by="")
        self.pauses_above = Pause(number=-1, paused=False, by="")
        self.undoing = False
        self.began = workflow.info().start_time
        self.time: timedelta | None = None

    def go_on_for_good(self) -> None:
        """No pause counts any more, said already or told late: the run is being ended."""
        self.pauses = self.pauses_above = Pause(number=sys.maxsize, paused=False, by="")

    @property
    def halted(self) -> Pause | None:
        """The pause that holds now: said of this run, or of the one that handed over to it."""
        return next((one for one in (self.pauses, self.pauses_above) if one.paused), None)

    def leaves(self) -> bool:
        """Whether the graph stops at its next superstep, to go on in another history."""
        if self.stays or self.undoing or self.stop is not None:
            return False
        info = workflow.info()
        length = info.get_current_history_length()
        due = info.is_continue_as_new_suggested() or 0 < self.history_events <= length
        # Asked only when it is due, so that shorter histories, also those from before this existed, hold no marker.
        return due and workflow.patched(CONTINUE_PATCH)

    @property
    def is_parked(self) -> bool:
        """Whether every branch that goes on has stopped before its next leaf, and nothing is under way."""
        return self._parked > 0 and self._busy == 0 and not self.stays

    @contextmanager
    def _working(self) -> Generator[None]:
        """Something is under way whose end must be heard in this history; nothing begins once the run has left it."""
        self._here()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def _here(self) -> None:
        """A branch that wakes up in the moment of leaving goes no further: in the next history it is run again."""
        if self.left:
            raise asyncio.CancelledError("the run goes on in another history")

    async def _begin(self) -> None:
        """A leaf begins only while nobody has stopped the run, or paused it, and it does not leave this history."""
        self._go_on()
        self._in_time()
        await self._park()
        await self._hold()

    @property
    def _ends(self) -> datetime | None:
        """When the run's own time is over. What it did is taken back without a limit."""
        return None if self.time is None or self.undoing else self.began + self.time

    def _in_time(self) -> None:
        """Raises BadInput once the run has taken all the time that its budget gives it."""
        ends = self._ends
        if ends is not None and workflow.now() >= ends:
            raise BadInput(
                f"the run may take {self.time}, and that time is over",
                field="budget.time",
                way_out="Raise the agent's budget.",
            )

    async def _park(self) -> None:
        if self.ledger.answering or not self.leaves():
            return
        info = workflow.info()
        events = 2 * self.history_events or PARK_EVENTS
        if info.get_current_history_length() < events and info.get_current_history_size() < PARK_BYTES:
            return
        self._parked += 1
        try:
            await workflow.wait_condition(lambda: self.stays or self.stop is not None)
        finally:
            self._parked -= 1
        self._go_on()

    async def _hold(self) -> None:
        """While the run is paused, nothing goes out to any system. Costs nothing in a run that never was."""
        halted = self.halted
        if halted is None:
            return
        while halted is not None and self.stop is None:
            sentence = f"Paused: {halted.reason}" if halted.reason else "Paused"
            with self.journal.waiting("pause", f"pause-{self.journal.seq}", sentence, node="", until=None):
                await self._tell()
                await workflow.wait_condition(lambda: self.halted is None or self.stop is not None)
            halted = self.halted
        self._go_on()

    def _go_on(self) -> None:
        if self.stop is not None or self.left:
            raise asyncio.CancelledError("the run is being stopped, or goes on elsewhere")

    async def _until(self, condition: Callable[[], bool], at: datetime | None) -> bool:
        """Wait for the condition until a time; whether it came true.

        Raises:
            CancelledError: the run is stopped.
            BadInput: the run's own time was over before.
        """
        ends = self._ends
        at = at if ends is None else ends if at is None else min(at, ends)
        timeout = None if at is None else max(at - workflow.now(), timedelta(0))
        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(lambda: condition() or self.stop is not None, timeout=timeout)
        if condition():
            return True
        self._go_on()
        self._in_time()
        return False

    async def _pause(self, length: timedelta) -> None:
        await self._tell()
        await self._until(lambda: False, workflow.now() + length)

    async def _tell(self) -> None:
        """Make the events so far durable; with an activity of its own, because nothing else is about to run."""
        await self._gateway("record_events", lambda telling: telling, None)

    def _name(self, asked: Any) -> str:
        """Of an activity: unique in this history, as Temporal wants it, and not the same for something else."""
        self._asked += 1
        exact = orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS)
        return f"{self._asked}-{sha256(exact).hexdigest()[:16]}"

    async def _remind(self, kind: str, of: str) -> None:
        await self._gateway("remind", lambda telling: Reminder(kind=kind, id=of, telling=telling), None)

    async def _gateway(
        self,
        name: str,
        make: Callable[[Telling], Any],
        out: type[Out] | None,
        *,
        summary: str | None = None,
        finish: Callable[[Out], None] | None = None,
        asked: Any = None,
    ) -> Out:
        """One activity on the gateway's queue.

        What is `asked` is part of its name in the history: a node that asks something else under replay is noticed by
        Temporal, instead of being given the answer to another question, and having its own effect twice.

        Only a model is cut short. If this branch is cancelled meanwhile (another one failed, the run is stopped), the
        answer of all else is awaited and given to `finish` before the cancellation goes on.
        """
        queued = self._room.locked()
        async with self._room:
            if queued:
                self._go_on()
            self._here()
            self.journal.activities_running += name not in ("record_events", "remind", "person_task")
            telling = self.journal.take()
            running = workflow.start_activity(
                name,
                make(telling),
                result_type=out,
                task_queue=QUEUE_GATEWAY,
                start_to_close_timeout=ACTIVITY_LIMIT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=RETRY,
                summary=summary,
                activity_id=self._name(asked) if self.bound and asked is not None else None,
            )
            try:
                with self._working():
                    if name == "model_call":
                        return await running
                    try:
                        return await asyncio.shield(running)
                    except asyncio.CancelledError:
                        await settled(running)
                        if finish is not None and not running.cancelled() and running.exception() is None:
                            finish(running.result())
                        raise
            except BaseException:
                self.journal.give_back(telling)
                raise
            finally:
                self.journal.activities_running -= name not in ("record_events", "remind", "person_task")


async def settled(working: asyncio.Future[Any]) -> None:
    """Until it is done, also when this place is cut short meanwhile."""
    while not working.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([working])
