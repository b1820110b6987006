"""A run's events, numbered inside its workflow and told with the next activity, so that they cost no hop of their own.

The numbers are the same under replay, and a repeated write adds nothing. Events that were handed to an activity
which then failed are handed to the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from temporalio import workflow

from chargehand.agents import watching
from chargehand.clock import iso
from chargehand.runs.model import WaitKind
from chargehand.runs.payloads import Event, Telling
from chargehand.runs.sizes import told


class Journal:
    """Owned by one workflow. `seq` is the number of the last event."""

    def __init__(self, seq: int = 0, untold: Sequence[Event] = ()) -> None:
        self.seq = seq
        self._untold: list[Event] = list(untold)
        self._waiting: dict[str, dict[str, Any]] = {}
        self.activities_running = 0

    def add(self, kind: str, data: Mapping[str, Any], *, step: str = "") -> None:
        self.seq += 1
        at = iso(workflow.now())
        event = Event(seq=self.seq, at=at, kind=kind, step=step, data=told(data))
        self._untold.append(event)
        if watching.watched():
            watching.tell("event", workflow.info().workflow_id, event.model_dump())

    @property
    def waits(self) -> bool:
        """Whether some branch waits now."""
        return bool(self._waiting)

    @property
    def untold(self) -> tuple[Event, ...]:
        """What no activity has been given yet."""
        return tuple(self._untold)

    def take(self) -> Telling:
        """What has not been told yet; hand it back with `give_back` if telling fails."""
        events, self._untold = self._untold, []
        waiting = list(self._waiting.values())
        return Telling(events=events, state="waiting" if self._is_waiting() else "running", waiting=waiting)

    def give_back(self, telling: Telling) -> None:
        self._untold = [*telling.events, *self._untold]

    @contextmanager
    def waiting(
        self, kind: WaitKind, wait_id: str, sentence: str, *, node: str, until: datetime | None
    ) -> Generator[None]:
        """Whom the run waits for, while the block runs."""
        self._waiting[wait_id] = {
            "kind": kind,
            "id": wait_id,
            "sentence": sentence,
            "node": node,
            "since": iso(workflow.now()),
            "until": iso(until) if until else None,
        }
        try:
            yield
        finally:
            self._waiting.pop(wait_id, None)

    def _is_waiting(self) -> bool:
        return bool(self._waiting) and self.activities_running == 0
