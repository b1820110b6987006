"""What a leaf needs from whoever runs it. `runs` implements it on Temporal.

A leaf (`call`, `chat_model`, `ask_person`, …) finds the runtime in a context variable, so author code carries no
handle and an author's graph never imports Temporal. `position` is a leaf's place in the run, from the run's ledger:
a call's key is derived from it, so the same position is the same effect, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.ledger import Ledger
from chargehand.errors import BadInput
from chargehand.outcome import Outcome


class Runtime(Protocol):
    """One run's durable leaves. Every method may be replayed and must then give the recorded answer."""

    @property
    def ledger(self) -> Ledger: ...

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], *, step: str, position: int, patience: timedelta
    ) -> Outcome:
        """Through the gateway; waits for people if policy asks, and for a system that is down, as `patience` allows."""
        ...

    async def call_model(self, request: Mapping[str, Any], *, step: str, position: int) -> Mapping[str, Any]: ...

    async def model_tiers(self) -> frozenset[str]:
        """The tiers for which a language model is configured, as the gateway worker knows them."""
        ...

    async def run_node(self, node: str, value: Any, *, step: str, position: int) -> Any:
        """Run a node that does I/O of its own as an activity on the agents' queue."""
        ...

    async def ask_person(self, question: Mapping[str, Any], *, step: str, position: int) -> Mapping[str, Any]:
        """Ask, and wait durably. `{"state": "answered" | "expired", "answer": …, "by": "person:…"}`."""
        ...

    async def run_agent(self, agent: str, value: Mapping[str, Any], *, step: str, position: int) -> Outcome:
        """Delegate to another agent: a run of its own, on behalf of the same person."""
        ...

    def leaves(self) -> bool:
        """Whether the graph stops at its next superstep, to go on in another history."""
        ...

    def at_boundary(self, graph: RunCheckpointer) -> None:
        """The graph has stopped between two supersteps. Returns when it goes on here after all."""
        ...

    def now(self) -> datetime: ...

    def uuid(self) -> UUID:
        """A random UUID that is the same under replay."""
        ...

    async def sleep_until(self, at: datetime, *, step: str) -> None: ...

    async def wait_for(self, event: str, *, within: timedelta | None, step: str) -> Any:
        """The payload of the next event of that name sent to the run; None when the time is over."""
        ...

    def record(self, kind: str, data: Mapping[str, Any], *, step: str) -> None:
        """Add an event to the run's stream; durable with the next leaf."""
        ...


_current: ContextVar[Runtime | None] = ContextVar("chargehand_runtime", default=None)


def current() -> Runtime:
    """The runtime of the run that is executing. Raises BadInput outside of one."""
    runtime = _current.get()
    if runtime is None:
        raise BadInput(
            "This works only inside a run.",
            way_out="Start the agent with `chargehand run start`, or in a test with `chargehand.testing.governed`.",
        )
    return runtime


def running() -> Runtime | None:
    """The runtime of the run that is executing, or None outside of one."""
    return _current.get()


def use(runtime: Runtime) -> None:
    """Make `runtime` the one of this context and of every task started from it."""
    _current.set(runtime)
