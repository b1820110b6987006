"""A run goes on in a new Temporal history: what it takes along, and how it is taken up again.

The run's id is its workflow's id and stays the same, so positions and call keys do. What arrives meanwhile is not lost:
Temporal refuses to close a history that holds a signal which the workflow has not seen, and shows it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from temporalio import workflow

from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.ledger import Ledger
from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput
from chargehand.runs.journal import Journal
from chargehand.runs.payloads import Carried, RunInput, Saved
from chargehand.runs.sizes import LARGEST_PASSED_BYTES

MOST_SAVED_BYTES = 16 * 1024 * 1024

if TYPE_CHECKING:
    from chargehand.runs.runtime import TemporalRuntime


def carry(runtime: TemporalRuntime, graph: RunCheckpointer) -> Carried | None:
    """What goes along. None when the graph's state can't: then the run stays in this history, and says why."""
    try:
        state = graph.dump()
        if len(state) > LARGEST_PASSED_BYTES:
            raise BadInput(f"it has {len(state)} bytes; {LARGEST_PASSED_BYTES} is the most", field="state")
    except (BadInput, TypeError) as error:  # a text with half a character in it is no JSON
        runtime.stays = True
        runtime.journal.add("run.stays", {"detail": str(error)})
        return None
    return Carried(
        graph=state,
        ledger=runtime.ledger.dump(),
        seq=runtime.journal.seq,
        untold=list(runtime.journal.untold),
        calls=runtime.calls,
        began=runtime.began,
        done=runtime.done,
        open=runtime.open,
        closed=sorted(runtime.closed),
        answers=list(runtime.answers.values()),
        inbox=runtime.inbox,
        seen=sorted(runtime.seen),
        pause=runtime.pauses,
        pause_above=runtime.pauses_above,
        tiers=None if runtime.tiers is None else sorted(runtime.tiers),
        retried=runtime.retried,
    )


def go_on(run: RunInput, carried: Carried) -> NoReturn:
    """End this history and begin the next. Raises what Temporal knows to be that."""
    workflow.continue_as_new(run.model_copy(update={"carried": carried}))


async def states_of(spec: AgentSpec, graph: RunCheckpointer) -> list[Saved]:
    """Where a run that ended badly can be taken up, newest first; nothing of what can't be kept, or is too much."""
    states: list[Saved] = []
    left = MOST_SAVED_BYTES
    for number, one in reversed(list(enumerate(graph.supersteps))):
        try:
            state = one.dump()
        except (BadInput, TypeError):  # a text with half a character in it is no JSON
            continue
        left -= len(state)
        nodes = await one.nodes(spec.compiled)
        if not nodes or (left < 0 and states):
            continue
        kept = {"number": number, "nodes": nodes, "position": one.position, "counter": one.counter}
        states.append(Saved.model_validate({**kept, "step": one.step, "state": state}))
    return states


def retried(run: RunInput) -> dict[str, str]:
    """What a story tells of the run that is taken up."""
    known = run.carried.retried if run.carried else None
    return {"retry_of": known.run, "from": known.step} if known else {}


def journal_of(run: RunInput) -> Journal:
    carried = run.carried
    return Journal(carried.seq, carried.untold) if carried else Journal()


def ledger_of(run: RunInput) -> Ledger:
    return Ledger.load(run.carried.ledger) if run.carried else Ledger()


def take_up(runtime: TemporalRuntime) -> RunCheckpointer:
    """Put what was carried where it was; the graph's state, empty for a run that begins."""
    carried = runtime.run.carried
    if carried is None:
        return RunCheckpointer(runtime.ledger)
    runtime.began = carried.began or runtime.began
    runtime.calls, runtime.done = carried.calls, list(carried.done)
    runtime.open = {name: dict(opened) for name, opened in carried.open.items()}
    runtime.closed, runtime.seen = set(carried.closed), set(carried.seen)
    runtime.answers = {one.task: one for one in carried.answers}
    runtime.inbox = list(carried.inbox)
    runtime.pauses = carried.pause or runtime.pauses
    runtime.pauses_above = carried.pause_above or runtime.pauses_above
    runtime.retried = carried.retried
    runtime.tiers = None if carried.tiers is None else frozenset(carried.tiers)
    return RunCheckpointer(runtime.ledger, carried.graph)
