"""Tool calls of a run: asked until they are settled, waiting for people and systems, and taken back at the end.

The gateway is the only door; what happens here is in which order it is asked, and how long a run waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from chargehand.agents.ledger import Ledger
from chargehand.agents.model import AgentSpec, Undo
from chargehand.clock import parse
from chargehand.errors import BadInput
from chargehand.outcome import Failure, Outcome
from chargehand.runs.failure import describe
from chargehand.runs.hops import Hops
from chargehand.runs.journal import Journal
from chargehand.runs.keys import what_of
from chargehand.runs.payloads import Approval, Done, Earlier, Retried, RunInput, ToolCallIn, ToolCallOut
from chargehand.runs.sizes import WAY_OUT, refuse_large

# A connector that does not answer clearly is tried again after so many seconds each, the last ones over and over,
# as long as the author's patience allows.
CONNECTOR_RETRIES = (1, 2, 5, 10, 20, 60)
UNDO_PATIENCE = timedelta(days=1)
IN_DOUBT_RECHECK = timedelta(hours=1)
IN_DOUBT_LIMIT = timedelta(days=30)
APPROVAL_GRACE = timedelta(seconds=5)


class Calls(Hops):
    """Owned by one workflow. `closed`: approvals and calls in doubt of which people have said how they end."""

    def __init__(self, spec: AgentSpec, run: RunInput, journal: Journal, ledger: Ledger) -> None:
        super().__init__(journal, run.history_events, bound=run.bound)
        self.spec = spec
        self.run = run
        self.ledger = ledger
        self.closed: set[str] = set()
        self.calls = 0
        self.done: list[Done] = []
        self.standing: list[str] = []
        """What was not taken back at the end, each with why."""
        self.doubts: dict[str, str] = {}
        """Tools of calls of which nobody knows whether they were done, by key."""
        self.retried: Retried | None = None
        self.open: dict[str, dict[str, Any]] = {}
        """What has begun and waits, by position or by what it is: what must stay as it was in the next history."""

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], *, step: str, position: int, patience: timedelta
    ) -> Outcome:
        await self._begin()
        if tool not in self.spec.tool_names():
            raise BadInput(
                f"the agent {self.spec.name!r} uses it without having declared it",
                field="tool",
                value=tool,
                way_out="Add it to agent(…, tools=[…]).",
            )
        refuse_large(f"What {tool} is given", tool, arguments)
        if earlier := self._earlier(tool, arguments):
            return self._reuse(earlier, tool, arguments, step, position)
        if str(position) not in self.open:
            limit = self.spec.budget.tool_calls
            if limit is not None and self.calls >= limit:
                detail = f"This run may make {limit} tool calls, and it has made them."
                failure = Failure(kind="policy", detail=detail, way_out="Raise the budget of the agent.")
                return Outcome(state="denied", tool=tool, call_key="", failure=failure)
            self.calls += 1
            self.journal.add("call.proposed", {"tool": tool, "arguments": arguments, "position": position}, step=step)
        with self._opened(position) as opened:
            outcome = await self._call_until_settled(tool, arguments, step, position, patience, opened)
        data = {"tool": tool, "position": position, **outcome.model_dump(mode="json")}
        self.journal.add("call.settled", data, step=step)
        if outcome.succeeded:
            self._did(tool, arguments, outcome, position)
        return outcome

    async def _call_until_settled(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        step: str,
        position: int,
        patience: timedelta,
        opened: dict[str, Any],
    ) -> Outcome:
        unavailable = 0
        give_up = False
        give_up_at = kept(opened, "give_up_at", workflow.now() + patience)
        while True:
            await self._hold()  # what was approved or put off meanwhile is not sent while the run is paused
            answer = await self._gateway(
                "tool_call",
                lambda telling, give_up=give_up: ToolCallIn(
                    tool=tool,
                    arguments=dict(arguments),
                    position=position,
                    step=step,
                    telling=telling,
                    give_up=give_up,
                ),
                ToolCallOut,
                summary=tool,
                asked=[tool, arguments],
                finish=lambda late: self._settled_late(tool, arguments, step, position, late),
            )
            if answer.approval is None and "asked" in opened:  # it was closed while the run went from one history on
                self._closed(opened, tool, step, position)
            if answer.approval is not None:
                await self._wait_for_approval(answer.approval, tool, step, position, opened)
            elif answer.too_large:
                self._settled_late(tool, arguments, step, position, answer)
                raise BadInput(answer.too_large, field=tool, way_out=WAY_OUT)
            elif answer.outcome is None:
                pause = timedelta(seconds=CONNECTOR_RETRIES[min(unavailable, len(CONNECTOR_RETRIES) - 1)])
                unavailable += 1
                give_up = workflow.now() + pause > give_up_at
                if not give_up:
                    await self._try_later(answer, tool, step, position, unavailable, pause)
            elif answer.outcome.state == "in_doubt":
                self.doubts[answer.outcome.call_key] = tool
                if workflow.now() >= kept(opened, "doubt_until", workflow.now() + IN_DOUBT_LIMIT):
                    return answer.outcome
                await self._wait_for_reconciliation(answer.outcome, step)
            else:
                self.doubts.pop(answer.outcome.call_key, None)
                return answer.outcome

    async def _try_later(
        self, answer: ToolCallOut, tool: str, step: str, position: int, attempt: int, pause: timedelta
    ) -> None:
        """The connector was not reached, or gave no clear answer: the same key again, a while later."""
        data = {"tool": tool, "position": position, "why": answer.unavailable, "attempt": attempt}
        self.journal.add("call.retry", {**data, "seconds": pause.total_seconds()}, step=step)
        with self.journal.waiting("connector", answer.key, answer.unavailable, node=step, until=None):
            await self._pause(pause)

    def _settled_late(
        self, tool: str, arguments: Mapping[str, Any], step: str, position: int, answer: ToolCallOut
    ) -> None:
        if answer.outcome is not None:
            data = {"tool": tool, "position": position, **answer.outcome.model_dump(mode="json")}
            self.journal.add("call.settled", data, step=step)
            if answer.outcome.succeeded:
                self._did(tool, arguments, answer.outcome, position)
            elif answer.outcome.state == "in_doubt":
                self.doubts[answer.outcome.call_key] = tool

    def _earlier(self, tool: str, arguments: Mapping[str, Any]) -> Earlier | None:
        """What the run that is retried did already, if it was exactly this; each is found once."""
        if self.retried is None or not self.retried.earlier:
            return None
        try:
            what = what_of(tool, arguments)
        except ValueError:  # it is refused as soon as it is proposed
            return None
        found = next((one for one in self.retried.earlier if one.what == what), None)
        if found is not None:
            left = [one for one in self.retried.earlier if one is not found]
            self.retried = self.retried.model_copy(update={"earlier": left})
        return found

    def _reuse(self, earlier: Earlier, tool: str, arguments: Mapping[str, Any], step: str, position: int) -> Outcome:
        what = {"tool": tool, "position": position, "reused": earlier.run}
        self.journal.add("call.proposed", {**what, "arguments": arguments}, step=step)
        self.journal.add("call.settled", {**what, **earlier.outcome.model_dump(mode="json")}, step=step)
        self._did(tool, arguments, earlier.outcome, position)
        return earlier.outcome

    def _did(self, tool: str, arguments: Mapping[str, Any], outcome: Outcome, position: int) -> None:
        if any(tool in (one.tool.name, one.by.name) for one in self.spec.undo):  # what nothing takes back is not kept
            self.done.append(Done(tool=tool, arguments=dict(arguments), value=outcome.value, position=position))

    @contextmanager
    def _opened(self, name: object) -> Generator[dict[str, Any]]:
        """What begins here, or began in another history: what is kept of it until it ends."""
        try:
            yield self.open.setdefault(str(name), {})
        finally:
            self.open.pop(str(name), None)

    async def _wait_for_approval(
        self, approval: Approval, tool: str, step: str, position: int, opened: dict[str, Any]
    ) -> None:
        """Until it is closed or its time is over; reminds and escalates on the way. Then the gateway is asked again."""
        expires = parse(approval.expires_at)
        data = {"tool": tool, "position": position, **approval.model_dump(mode="json")}
        if opened.get("asked") != approval.id:
            self.journal.add("call.asked", data, step=step)
        opened["asked"] = approval.id
        steps = [
            (parse(at), kind) for at, kind in ((approval.remind_at, "remind"), (approval.escalate_at, "escalate")) if at
        ]
        steps = sorted(one for one in steps if workflow.now() < one[0] < expires)
        with self.journal.waiting("approval", approval.id, approval.sentence, node=step, until=expires):
            await self._tell()
            for at, kind in [*steps, (expires + APPROVAL_GRACE, "expire")]:
                if await self._until(lambda: approval.id in self.closed, at):
                    break
                if kind != "expire":
                    self.journal.add("call.reminded", {"approval": approval.id, "kind": kind}, step=step)
                    await self._remind(kind, approval.id)
        self._closed(opened, tool, step, position)
        self._go_on()  # approved and stopped in one moment: nothing has been sent, and nothing is

    def _closed(self, opened: dict[str, Any], tool: str, step: str, position: int) -> None:
        data = {"approval": opened.pop("asked"), "tool": tool, "position": position}
        self.journal.add("call.closed", data, step=step)

    async def _wait_for_reconciliation(self, outcome: Outcome, step: str) -> None:
        """Nobody knows whether it was done: a person finds out. The signal, or another look after a while."""
        detail = outcome.failure.detail if outcome.failure else outcome.tool
        self.journal.add(
            "call.in_doubt", {"tool": outcome.tool, "call_key": outcome.call_key, "why": detail}, step=step
        )
        with self.journal.waiting("in_doubt", outcome.call_key, detail, node=step, until=None):
            await self._tell()
            await self._until(lambda: outcome.call_key in self.closed, workflow.now() + IN_DOUBT_RECHECK)
            self.closed.discard(outcome.call_key)

    async def undo(self) -> None:
        """Take back what succeeded and can be taken back, newest first, through the same gate.

        What can't be taken back keeps nothing else from it, and is in `standing`.
        """
        self.undoing = True
        for done, declared in reversed(self._to_take_back()):
            try:
                why = await self._undo(done, declared)
            except Exception as error:  # an author's `arguments`, mostly; a person sees what is left standing
                failed = describe(error, self.spec)
                self.journal.add("undo.failed", {**failed, "tool": done.tool, "undoes": done.position})
                why = str(failed["detail"])
            if why:
                self.standing.append(f"{done.tool} ({why})")
        self.standing += [f"{tool} (nobody knows yet whether it was done)" for tool in self.doubts.values()]

    def _to_take_back(self) -> list[tuple[Done, Undo]]:
        """What can be taken back and the agent has not taken back itself, oldest first. One call takes back one."""
        left: list[tuple[Done, Undo, tuple[str, dict[str, Any]] | None]] = []
        for done in self.done:
            taken = next((one for one in reversed(left) if one[2] == (done.tool, done.arguments)), None)
            if taken is not None:
                left.remove(taken)
            elif declared := self.spec.undo_for(done.tool):
                left.append((done, declared, _arguments_for(done, declared)))
        return [(done, declared) for done, declared, _ in left]

    async def _undo(self, done: Done, declared: Undo) -> str:
        """Why it was not taken back; empty when it was."""
        undoing, undo_arguments = declared.arguments_for(done.arguments, done.value)
        self.journal.add("undo.started", {"tool": done.tool, "by": undoing})
        position = self.ledger.take_position()
        what = {"tool": undoing, "position": position, "undoes": done.position}
        self.journal.add("call.proposed", {**what, "arguments": undo_arguments})
        outcome = await self._call_until_settled(undoing, undo_arguments, "", position, UNDO_PATIENCE, {})
        self.journal.add("call.settled", {**what, **outcome.model_dump(mode="json")})
        if outcome.succeeded:
            return ""
        return f"{undoing}: {outcome.failure.detail if outcome.failure else outcome.state}"


def _arguments_for(done: Done, declared: Undo) -> tuple[str, dict[str, Any]] | None:
    try:
        return declared.arguments_for(done.arguments, done.value)
    except Exception:  # an author's; it is said when it is to be taken back
        return None


def kept(opened: dict[str, Any], name: str, at: datetime) -> datetime:
    """A time that was fixed when this began, in whichever history that was."""
    return datetime.fromisoformat(opened.setdefault(name, at.isoformat()))
