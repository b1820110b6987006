"""Where each leaf stands in a run, and what it answered: the reason why nothing is done twice.

LangGraph runs a node again from its top when an `interrupt()` inside it is answered. Whatever the node did before
the interrupt was done: the ledger gives those leaves their recorded answers and their old positions instead of new
effects. Positions count up in the order in which leaves start, which is the same under replay.

A node that LangGraph retries (`retry_policy`) is another matter: there the author asks for a new attempt, so its
leaves are new; but what took effect in an attempt before (`lasts`) is not done again when it is asked for again.

A run that goes on in another history takes the ledger with it (`dump`, `load`): a node that was under way runs again
from its top there, and is given what it was given before, the time of day included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from chargehand.errors import BadInput
from chargehand.outcome import Outcome

_ELSEWHERE = -1

Told = Literal["started", "finished"]


@dataclass(slots=True)
class Slot:
    """One leaf: its position, what it was asked, and its answer once there is one."""

    position: int
    fingerprint: str
    settled: bool = False
    answer: Any = None
    lasts: bool = False
    """It took effect, or may have: another attempt of its node is given this answer."""
    spent: bool = False
    """What began at its position was cut short for good; asked for again, it is something new."""
    refused: dict[str, str] | None = None
    """The error in place of an answer, where nothing was done: detail, field and way out."""

    def refuse(self, error: BadInput) -> None:
        self.refused = {"detail": error.detail, "field": error.field, "way_out": error.way_out}

    def answered(self) -> Any:
        """Its answer. Raises BadInput as it was raised."""
        if self.refused is None:
            return self.answer
        error = BadInput(self.refused["detail"], way_out=self.refused["way_out"])
        error.field = self.refused["field"]
        raise error

    def settle(self, answer: Any, *, lasts: bool = False) -> Any:
        self.settled = True
        self.answer = answer
        self.lasts = lasts
        return answer


@dataclass(slots=True)
class _Task:
    generation: int
    attempt: int
    cursor: int = 0
    slots: list[Slot] = field(default_factory=list[Slot])
    marks: list[Slot] = field(default_factory=list[Slot])
    marked: int = 0
    again_from_top: bool = False
    """After an interrupt, or in another history; an attempt that LangGraph makes anew begins with nothing."""
    kept: list[Slot] = field(default_factory=list[Slot])
    """What lasts of attempts before, and was not asked for again yet."""

    def again(self, generation: int, attempt: int) -> None:
        self.generation, self.attempt, self.cursor, self.marked = generation, attempt, 0, 0
        self.again_from_top = True

    def take_kept(self, fingerprint: str) -> Slot | None:
        found = next((one for one in self.kept if one.fingerprint == fingerprint), None)
        if found is not None:
            self.kept = [one for one in self.kept if one is not found]
        return found


@dataclass(slots=True)
class Ledger:
    """Positions of one run. The two counters go on across a continue-as-new."""

    next_position: int = 0
    next_checkpoint: int = 0
    generation: int = 0
    since: int = -2
    """The superstep from which LangGraph counts towards the recursion limit: the start, or the last interrupt."""
    answering: bool = False
    """From an interrupt until its answer was taken by its node: meanwhile only this history knows the answer."""
    told: dict[str, Told] = field(default_factory=dict[str, Told])
    """What was told of the tasks of this superstep, and before it in another history: a story tells nothing twice."""
    told_before: dict[str, Told] = field(default_factory=dict[str, Told])
    under_way: dict[int, asyncio.Future[None]] = field(default_factory=dict[int, asyncio.Future[None]])
    """Effects that nobody has the answer of yet, by position; done when it is there, or won't come."""
    _tasks: dict[str, _Task] = field(default_factory=dict[str, _Task])

    def resumed(self, since: int = -2) -> None:
        """The graph goes on after an interrupt: nodes that were cut short start from their top."""
        self.generation += 1
        self.since = since

    def slot(self, task: str, attempt: int, fingerprint: str) -> Slot:
        """The next leaf of a task: a recorded one if the task is being run again, else a new one."""
        known = self._task(task, attempt)
        if known.cursor < len(known.slots) and not _brought_forward(known.slots, known.cursor, fingerprint):
            known.kept += [one for one in known.slots[known.cursor :] if one.lasts]
            del known.slots[known.cursor :]  # the node took another way this time; what follows is new
        if known.cursor == len(known.slots):
            known.slots.append(known.take_kept(fingerprint) or Slot(self.take_position(), fingerprint))
        known.cursor += 1
        return known.slots[known.cursor - 1]

    @contextmanager
    def begun(self, slot: Slot, *, has_key: bool) -> Generator[None]:
        """An effect is under way: another attempt of its node waits for its answer.

        Cut short, it is asked for again under the same key, by which its answer is found; what has no key is begun
        anew, in another place.
        """
        if slot.spent:
            slot.spent, slot.position = False, self.take_position()
        slot.lasts = True
        position = slot.position
        ended = self.under_way[position] = asyncio.get_running_loop().create_future()
        try:
            yield
        except BaseException:
            slot.lasts, slot.spent = has_key, not has_key
            raise
        finally:
            del self.under_way[position]
            ended.set_result(None)

    def take_position(self) -> int:
        self.next_position += 1
        return self.next_position - 1

    def mark(self, task: str, attempt: int, kind: str) -> Slot:
        """A place for what is no effect and yet not the same twice: the time, an event that came.

        It is settled only for a task that is being run again from its top, which is told what it was told before.
        """
        if not task:
            return Slot(_ELSEWHERE, kind)
        known = self._task(task, attempt)
        if not (known.again_from_top and _brought_forward(known.marks, known.marked, kind)):
            del known.marks[known.marked :]
            known.marks.append(Slot(_ELSEWHERE, kind))
        known.marked += 1
        return known.marks[known.marked - 1]

    def forget(self, task: str) -> None:
        """A task is done and won't run again."""
        self._tasks.pop(task, None)

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        tasks = {
            name: [[_slot(slot) for slot in slots] for slots in (task.slots, task.marks, task.kept)]
            for name, task in self._tasks.items()
        }
        return {
            "next_position": self.next_position,
            "next_checkpoint": self.next_checkpoint,
            "since": self.since,
            "told": self.told_before | self.told,
            "tasks": tasks,
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Ledger:
        ledger = cls(dumped["next_position"], dumped["next_checkpoint"])
        ledger.since, ledger.told_before = dumped["since"], dict(dumped["told"])
        for name, lists in dumped["tasks"].items():
            slots, marks, *kept = (
                [Slot(**{**one, "answer": _answer(one["answer"])}) for one in many] for many in lists
            )
            # Of another generation: when it begins here, it is being run again.
            task = ledger._tasks[name] = _Task(_ELSEWHERE, 0, slots=slots, marks=marks)
            task.kept = kept[0] if kept else []  # a history from before this was kept has two lists
        return ledger

    def _task(self, task: str, attempt: int) -> _Task:
        known = self._tasks.get(task)
        if known is None:
            known = self._tasks[task] = _Task(self.generation, attempt)
        elif known.generation == self.generation and known.attempt != attempt:
            lasting = [*known.kept, *(slot for slot in known.slots if slot.lasts)]
            known = self._tasks[task] = _Task(self.generation, attempt, kept=lasting)
        elif known.generation != self.generation:
            known.again(self.generation, attempt)
        return known


def _brought_forward(slots: list[Slot], at: int, fingerprint: str) -> bool:
    """Put the next one of that fingerprint at this place, if there is one.

    What a node does at once comes in another order when it is run again: what was waited for is there at once.
    """
    found = next((n for n in range(at, len(slots)) if slots[n].fingerprint == fingerprint), None)
    if found is None:
        return False
    slots.insert(at, slots.pop(found))
    return True


def _slot(slot: Slot) -> dict[str, Any]:
    kept = asdict(slot)
    if slot.refused is None:
        del kept["refused"]  # a worker from before this was kept knows no such field
    if isinstance(slot.answer, Outcome):
        kept["answer"] = {"outcome": slot.answer.model_dump(mode="json")}
    else:
        kept["answer"] = {"value": slot.answer}
    return kept


def _answer(kept: Mapping[str, Any]) -> Any:
    return Outcome.model_validate(kept["outcome"]) if "outcome" in kept else kept["value"]
