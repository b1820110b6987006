"""What a leaf needs from whoever runs it. `runs` implements it on Temporal, `testing` in memory.

A leaf (`call`, `chat_model`, `ask_person`, …) finds the runtime in a context variable, so author code carries no
handle and an author's graph never imports Temporal.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from chargehand.errors import BadInput
from chargehand.outcome import Outcome


class Runtime(Protocol):
    """One run's durable leaves. Every method may be replayed and must then give the recorded answer."""

    async def call_tool(self, tool: str, arguments: Mapping[str, Any], *, step: str) -> Outcome:
        """Through the gateway; waits for people if policy asks."""
        ...

    async def call_model(self, request: Mapping[str, Any], *, step: str) -> Mapping[str, Any]: ...

    async def run_node(self, node: str, value: Any, *, step: str) -> Any:
        """Run a node that does I/O of its own as an activity on the agents' queue."""
        ...

    def now(self) -> datetime: ...

    async def sleep_until(self, at: datetime) -> None: ...


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


def use(runtime: Runtime) -> None:
    """Make `runtime` the one of this context and of every task started from it."""
    _current.set(runtime)
