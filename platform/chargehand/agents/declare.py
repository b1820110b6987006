"""`agent(graph, …)`: what an author writes once, at the end of a module."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from langgraph.graph import StateGraph
from pydantic import BaseModel

from chargehand.agents.inputs import input_schema
from chargehand.agents.model import AgentSpec, Budget, Undo
from chargehand.connectors.model import Tool
from chargehand.errors import BadInput

_NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
RECURSION_LIMIT = 100
NO_LIMIT = 9_999
_OWNER = re.compile(r"^(person|group):[\w.-]+$")


def agent(
    graph: Any,
    *,
    name: str,
    owner: str,
    title: str = "",
    description: str = "",
    tools: Iterable[Tool[..., Any]] = (),
    agents: Iterable[str | AgentSpec] = (),
    input: type[BaseModel] | None = None,  # noqa: A002  # the author's word for it
    output: type[BaseModel] | None = None,
    business_key: str = "",
    category: str = "",
    recursion_limit: int | None = None,
    budget: Budget | None = None,
    undo: Iterable[Undo] = (),
    title_zh: str = "",
    description_zh: str = "",
) -> AgentSpec:
    """Declare an agent.

    `graph` is an ordinary LangGraph graph: a StateGraph, what `compile()` or `create_agent` returned, or an
    `@entrypoint`. `tools` are all tools it may use: a call of any other is refused. `agents` are the agents, or names
    of agents, that it may delegate to. `input` is a pydantic model whose titles, descriptions and units make the form
    that starts a run; without it, the graph's own input schema is used. `owner` is `group:…` or `person:…`.
    `business_key` is the input field by which people look for a run. `undo` says how a tool's effect is taken back
    when the run fails later on. `recursion_limit` is the most supersteps between two interrupts: what the graph itself
    is bound to (`with_config(recursion_limit=…)`), or else 100.
    `title_zh` and `description_zh` are shown to who reads Chinese; a node is named by LangGraph's own
    `add_node(…, metadata={"label": "…", "label_zh": "…"})`, or else by its id.

    Raises:
        BadInput: a name is not usable; says which and why.
    """
    if not _NAME.fullmatch(name):
        raise BadInput("an agent's name is lower-case words joined by '-'", field="agent.name", value=name)
    if not _OWNER.fullmatch(owner):
        raise BadInput("an agent has an owner: 'group:…' or 'person:…'", field=f"{name}.owner", value=owner)
    if not hasattr(graph, "compile") and not hasattr(graph, "astream"):
        raise BadInput("this is no LangGraph graph", field=f"{name}.graph", value=type(graph).__name__)
    if getattr(graph, "checkpointer", None):
        raise BadInput(
            "a run is durable by itself and brings its own checkpointer",
            field=f"{name}.graph",
            way_out="Compile the graph without one.",
        )
    for what in ("store", "cache"):
        if getattr(graph, what, None) is not None:
            raise BadInput(
                f"a graph's own {what} is shared by all runs of a process, and a replay would find it otherwise",
                field=f"{name}.graph.{what}",
                way_out=f"Compile the graph without a {what}; keep what outlasts a run in a system, by a tool.",
            )
    if isinstance(graph, StateGraph):
        try:
            graph.validate()
        except ValueError as error:
            raise BadInput(f"the graph can't run: {error}", field=f"{name}.graph") from None
    elif input is None and (kind := input_schema(graph).get("type", "object")) != "object":
        raise BadInput(
            f"a run is started with fields by name, and this takes {kind}",
            field=f"{name}.graph",
            way_out="Have it take a dict, a typed dict, a dataclass or a pydantic model.",
        )
    if business_key and input is not None and business_key not in input.model_fields:
        raise BadInput("the business key is a field of the input", field=f"{name}.business_key", value=business_key)
    declared = tuple(tools)
    if len({tool.name for tool in declared}) != len(declared):
        raise BadInput("a tool is declared twice", field=f"{name}.tools", value=[tool.name for tool in declared])
    undoing = tuple(undo)
    for one in undoing:
        if one.tool.compensated_by != one.by.name:
            raise BadInput(
                f"{one.tool.name} is undone by {one.tool.compensated_by or 'nothing'}",
                field=f"{name}.undo",
                value=one.by.name,
            )
        if not {one.tool.name, one.by.name} <= {tool.name for tool in declared}:
            raise BadInput("both tools of an undo are declared in tools", field=f"{name}.undo", value=one.by.name)
    return AgentSpec(
        name=name,
        graph=graph,
        title=title or name.replace("-", " ").capitalize(),
        description=description,
        owner=owner,
        module=_calling_module(),
        tools=declared,
        agents=tuple(one if isinstance(one, str) else one.name for one in agents),
        input_type=input,
        output_type=output,
        business_key=business_key,
        category=category,
        recursion_limit=limit_of(graph) if recursion_limit is None else recursion_limit,
        budget=budget or Budget(),
        undo=undoing,
        title_zh=title_zh,
        description_zh=description_zh,
    )


def limit_of(graph: Any) -> int:
    """What its author bound it to; not the 9,999 of LangChain's `create_agent`, which is none."""
    bound: Mapping[str, Any] = getattr(graph, "config", None) or {}
    limit = int(bound.get("recursion_limit") or NO_LIMIT)
    return RECURSION_LIMIT if limit == NO_LIMIT else limit


def _calling_module() -> str:
    """The module whose top level calls `agent`: its package is what the version covers."""
    frame = inspect.currentframe()
    author = frame.f_back.f_back if frame and frame.f_back else None
    return str(author.f_globals.get("__name__", "")) if author else ""
