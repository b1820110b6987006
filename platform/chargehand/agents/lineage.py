"""Graphs that a node calls belong to the run: what they have done is remembered with it.

LangGraph lends a graph inside of a node the saver of the graph around it, unless it is compiled with
`checkpointer=False` or called with a `thread_id` of its own. Such a graph would begin anew when its node runs again
after an interrupt, with tasks that nobody knows, and do again what it did. Inside of a run it is lent the run's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from copy import copy
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel import Pregel

from chargehand.agents.runtime import running
from chargehand.agents.where import where
from chargehand.errors import BadInput

_COORDINATES = frozenset({"thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map"})
_REAL_ASTREAM: Any = Pregel.astream


def install() -> None:
    """Put it in place; once a process, before any graph runs."""
    graph: Any = Pregel
    graph.astream = _astream


def _astream(self: Any, input: Any, config: Any = None, **rest: Any) -> AsyncIterator[Any]:  # noqa: A002  # LangGraph's
    if running() is None or not where().task:
        return _REAL_ASTREAM(self, input, config, **rest)
    graph = self
    if self.checkpointer is False or _addressed(self.config):
        graph = copy(self)
        graph.checkpointer = None if self.checkpointer is False else self.checkpointer
        graph.config = _of_the_run(self, self.config)
    return _REAL_ASTREAM(graph, input, _of_the_run(self, config), **rest)


def _of_the_run(graph: Any, config: Any) -> Any:
    """The configuration without a place of its own among checkpoints. Raises BadInput for a memory of its own."""
    if not _addressed(config):
        return config
    if isinstance(graph.checkpointer, BaseCheckpointSaver):
        raise BadInput(
            "a graph that a node calls remembers in a checkpointer of the process, which all runs share",
            field=f"{graph.name}.checkpointer",
            way_out="Compile it with checkpointer=True, which remembers within the run, or without one.",
        )
    given = cast("Mapping[str, Any]", config["configurable"])
    return {**config, "configurable": {name: value for name, value in given.items() if name not in _COORDINATES}}


def _addressed(config: Any) -> bool:
    """Whether an author names a thread; what LangGraph passes on to a subgraph holds keys of its own."""
    given = cast("Mapping[str, Any]", (config or {}).get("configurable") or {})
    return not _COORDINATES.isdisjoint(given) and not any(name.startswith("__pregel") for name in given)
