"""Where each leaf stands in a run, and what it answered: the reason why nothing is done twice.

LangGraph runs a node again from its top when an `interrupt()` inside it is answered. Whatever the node did before
the interrupt was done: the ledger gives those leaves their recorded answers and their old positions instead of new
effects. Positions count up in the order in which leaves start, which is the same under replay.

A node that LangGraph retries (`retry_policy`) is another matter: there the author asks for a new attempt, so its
leaves are new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Slot:
    """One leaf: its position, what it was asked, and its answer once there is one."""

    position: int
    fingerprint: str
    settled: bool = False
    answer: Any = None

    def settle(self, answer: Any) -> Any:
        self.settled = True
        self.answer = answer
        return answer


@dataclass(slots=True)
class _Task:
    generation: int
    attempt: int
    cursor: int = 0
    slots: list[Slot] = field(default_factory=list[Slot])


@dataclass(slots=True)
class Ledger:
    """Positions of one run. The two counters go on across a continue-as-new."""

    next_position: int = 0
    next_checkpoint: int = 0
    generation: int = 0
    _tasks: dict[str, _Task] = field(default_factory=dict[str, _Task])

    def resumed(self) -> None:
        """The graph goes on after an interrupt: nodes that were cut short start from their top."""
        self.generation += 1

    def slot(self, task: str, attempt: int, fingerprint: str) -> Slot:
        """The next leaf of a task: a recorded one if the task is being run again, else a new one."""
        known = self._tasks.get(task)
        if known is None or (known.generation == self.generation and known.attempt != attempt):
            known = self._tasks[task] = _Task(self.generation, attempt)
        elif known.generation != self.generation:
            known.generation, known.attempt, known.cursor = self.generation, attempt, 0
        if known.cursor < len(known.slots) and known.slots[known.cursor].fingerprint != fingerprint:
            del known.slots[known.cursor :]  # the node took another way this time; what follows is new
        if known.cursor == len(known.slots):
            known.slots.append(Slot(self.next_position, fingerprint))
            self.next_position += 1
        known.cursor += 1
        return known.slots[known.cursor - 1]

    def forget(self, task: str) -> None:
        """A task is done and won't run again."""
        self._tasks.pop(task, None)
