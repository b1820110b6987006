"""Run an agent's graph to its end, answering interrupts, and tell what its nodes do.

This is the whole of what happens to an author's graph: it is streamed, as LangGraph documents it, with a checkpointer
of the run's own. Its leaves find the runtime in a context variable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from copy import copy
from typing import Any, cast

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt
from pydantic_core import to_jsonable_python

from chargehand.agents import determinism, lineage, watching
from chargehand.agents.checkpointer import NOT_BEGUN, THREAD, RunCheckpointer
from chargehand.agents.inputs import graph_input
from chargehand.agents.model import AgentSpec
from chargehand.agents.runtime import Runtime, use
from chargehand.agents.where import path, where

Answers = Callable[[list[Interrupt]], Awaitable[Mapping[str, Any]]]
_MODES = ["values", "tasks", "custom"]
BREAKPOINT = "breakpoint"

determinism.install()
lineage.install()


async def execute(
    spec: AgentSpec, value: Mapping[str, Any], runtime: Runtime, answers: Answers, graph: RunCheckpointer
) -> Any:
    """Run the graph and return its output as plain JSON; from its input, or from the state that `graph` holds.

    `answers` is asked whenever the graph stops at `interrupt()`; it returns a value for each interrupt's id. A static
    breakpoint (`interrupt_before=[…]`) is asked like an interrupt and then passed.

    Raises:
        Whatever a node raises and the graph does not handle.
    """
    use(runtime)
    config: dict[str, Any] = {"configurable": {"thread_id": THREAD, "__pregel_checkpointer": graph}}
    given: Any = graph_input(spec.compiled, spec.input_type, value) if graph.step == NOT_BEGUN else None
    while True:
        # What was counted in another history counts here too.
        config["recursion_limit"] = max(1, spec.recursion_limit - (graph.step - runtime.ledger.since))
        try:
            output, interrupts = await _stream(spec, given, config, runtime)
        except GraphDrained:
            runtime.at_boundary(graph)
            given = None
            continue
        if not interrupts:
            return to_json(output)
        runtime.ledger.answering = True
        replies = await answers(interrupts)
        given = None if interrupts[0].id == BREAKPOINT else Command(resume=dict(replies))
        runtime.ledger.resumed(graph.step)


class _Leaving(RunControl):
    """LangGraph's own way to stop between two supersteps, of the graph itself: in a graph that a node calls it would
    come up as an exception, and an author may catch that."""

    def __init__(self, runtime: Runtime, *, armed: bool) -> None:
        super().__init__()
        self._runtime = runtime
        self.armed = armed

    @property
    def drain_requested(self) -> bool:
        if not self.armed or where().node:
            return False
        self._runtime.ledger.answering = False
        return self._runtime.leaves()


async def _stream(spec: AgentSpec, given: Any, config: Any, runtime: Runtime) -> tuple[Any, list[Interrupt]]:
    output: Any = None
    interrupts: dict[str, Interrupt] = {}
    # Answers to interrupts are only in memory until their nodes have taken them.
    leaving = _Leaving(runtime, armed=not isinstance(given, Command))
    # This version of LangGraph's stream makes the root's state class of whatever fields there are, also of those of a
    # subgraph or of a state that is not whole yet; `ainvoke` gives an author the fields.
    graph, modes = copy(spec.compiled), _MODES
    graph._output_mapper = graph._state_mapper = None
    if watching.watched():
        modes = [*_MODES, "checkpoints"]
    streamed = graph.astream(
        given,
        config,
        stream_mode=modes,
        output_keys=graph.output_channels,
        subgraphs=True,
        version="v2",
        control=leaving,
    )
    async with aclosing(streamed):  # also when the run is cut short: a generator is closed on its own loop
        async for part in streamed:
            namespace, kind, data = part["ns"], part["type"], part["data"]
            if kind == "values":
                if not namespace:
                    runtime.ledger.told.clear()
                    output = data
                    interrupts |= {one.id: one for one in part.get("interrupts") or ()}
            elif kind == "tasks":
                if not namespace:
                    leaving.armed = True
                _tell_node(runtime, namespace, cast("Mapping[str, Any]", data))
            elif kind == "checkpoints":
                seen = {"path": path("|".join(namespace)), "state": data["values"], "next": list(data["next"])}
                watching.tell("state", runtime, seen)
            else:
                runtime.record("custom", {"data": to_json(data)}, step=path("|".join(namespace)))
    if not interrupts:
        waiting = (await graph.aget_state(config)).next
        if waiting:
            question = {"question": f"Go on with {', '.join(waiting)}?", "node": waiting[0]}
            interrupts[BREAKPOINT] = Interrupt(value=question, id=BREAKPOINT)
    return output, list(interrupts.values())


def _tell_node(runtime: Runtime, namespace: tuple[str, ...], task: Mapping[str, Any]) -> None:
    name, task_id = str(task["name"]), str(task["id"])
    if name.startswith("__"):
        return
    step = "/".join(filter(None, (path("|".join(namespace)), name)))
    told, before = runtime.ledger.told, runtime.ledger.told_before.get(task_id)
    if "result" not in task:
        if before:
            return
        told[task_id] = "started"
        runtime.record("node.started", {"node": name, "task": task_id}, step=step)
        return
    if task.get("interrupts"):
        runtime.record("node.waiting", {"node": name, "task": task_id}, step=step)
        return
    if before == "finished":
        return
    told[task_id] = "finished"
    error = task.get("error")
    data = {"node": name, "task": task_id, "error": str(error) if error else ""}
    runtime.record("node.failed" if error else "node.finished", data, step=step)
    runtime.ledger.forget(task_id)


def to_json(value: Any) -> Any:
    """State as plain JSON: models and messages as objects, Decimals as strings, what is not JSON as its text."""
    return to_jsonable_python(value, fallback=str)
