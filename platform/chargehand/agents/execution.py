"""Run an agent's graph to its end, answering interrupts, and tell what its nodes do.

This is the whole of what happens to an author's graph: it is streamed, as LangGraph documents it, with a checkpointer
of the run's own. Its leaves find the runtime in a context variable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from copy import copy
from typing import Any, cast

from langgraph.types import Command, Interrupt
from pydantic_core import to_jsonable_python

from chargehand.agents import watching
from chargehand.agents.checkpointer import RunCheckpointer
from chargehand.agents.determinism import install
from chargehand.agents.model import AgentSpec
from chargehand.agents.runtime import Runtime, use
from chargehand.agents.where import path

Answers = Callable[[list[Interrupt]], Awaitable[Mapping[str, Any]]]
_MODES = ["values", "tasks", "custom"]
BREAKPOINT = "breakpoint"

install()


async def execute(spec: AgentSpec, value: Mapping[str, Any], runtime: Runtime, answers: Answers) -> Any:
    """Run the graph and return its output as plain JSON.

    `answers` is asked whenever the graph stops at `interrupt()`; it returns a value for each interrupt's id. A static
    breakpoint (`interrupt_before=[…]`) is asked like an interrupt and then passed.

    Raises:
        Whatever a node raises and the graph does not handle.
    """
    use(runtime)
    config: dict[str, Any] = {
        "recursion_limit": spec.recursion_limit,
        "configurable": {"thread_id": "run", "__pregel_checkpointer": RunCheckpointer()},
    }
    given: Any = _graph_input(spec, value)
    while True:
        output, interrupts = await _stream(spec, given, config, runtime)
        if not interrupts:
            return to_json(output)
        replies = await answers(interrupts)
        given = None if interrupts[0].id == BREAKPOINT else Command(resume=dict(replies))
        runtime.ledger.resumed()


async def _stream(spec: AgentSpec, given: Any, config: Any, runtime: Runtime) -> tuple[Any, list[Interrupt]]:
    output: Any = None
    interrupts: dict[str, Interrupt] = {}
    graph, modes = spec.compiled, _MODES
    if watching.watched():
        # LangGraph would make the root's state class of every checkpoint's fields, also of a subgraph's.
        graph, modes = copy(graph), [*_MODES, "checkpoints"]
        graph._state_mapper = None
    streamed = graph.astream(
        given, config, stream_mode=modes, output_keys=graph.output_channels, subgraphs=True, version="v2"
    )
    async with aclosing(streamed):  # also when the run is cut short: a generator is closed on its own loop
        async for part in streamed:
            namespace, kind, data = part["ns"], part["type"], part["data"]
            if kind == "values":
                if not namespace:
                    output = data
                    interrupts |= {one.id: one for one in part.get("interrupts") or ()}
            elif kind == "tasks":
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
    if "result" not in task:
        runtime.record("node.started", {"node": name, "task": task_id}, step=step)
        return
    if task.get("interrupts"):
        runtime.record("node.waiting", {"node": name, "task": task_id}, step=step)
        return
    error = task.get("error")
    data = {"node": name, "task": task_id, "error": str(error) if error else ""}
    runtime.record("node.failed" if error else "node.finished", data, step=step)
    runtime.ledger.forget(task_id)


def _graph_input(spec: AgentSpec, value: Mapping[str, Any]) -> Any:
    """The input as Python values; a model's fields, because a graph's channels are its fields."""
    if spec.input_type is None:
        return dict(value)
    parsed = spec.input_type.model_validate(dict(value))
    return {name: getattr(parsed, name) for name in spec.input_type.model_fields}


def to_json(value: Any) -> Any:
    """State as plain JSON: models and messages as objects, Decimals as strings, what is not JSON as its text."""
    return to_jsonable_python(value, fallback=str)
