"""An agent as its author declares it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from chargehand.agents import inputs
from chargehand.agents.forms import duration
from chargehand.agents.version import content_version
from chargehand.connectors.model import Tool
from chargehand.errors import BadInput


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use at most. Reserved before a call, so that it stops before it is passed.

    `tokens` are asked and answered together; `cost` is US dollars for models, and needs a model whose price is known.
    `amounts` caps the money that its tools move, by currency: `{"EUR": "2000"}`. `time` is a timedelta or a text such
    as `90m`, `2d`, from the start, waiting included: then nothing new begins, and what can be taken back is.
    """

    model_calls: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    cost: Decimal | str | None = None
    amounts: Mapping[str, Decimal | str] = field(default_factory=dict[str, Decimal | str])
    time: timedelta | str | None = None

    def __post_init__(self) -> None:
        """Raises BadInput that names the field."""
        for name in ("model_calls", "tool_calls", "tokens"):
            _check(name, getattr(self, name))
        _check("cost", self.cost)
        for currency, limit in self.amounts.items():
            if not re.fullmatch("[A-Z]{3}", currency):
                raise BadInput("a currency is an ISO 4217 code", field="budget.amounts", value=currency)
            _check(f"amounts.{currency}", limit)
        if self.time is not None:
            duration(self.time)

    @property
    def dollars(self) -> Decimal | None:
        return None if self.cost is None else Decimal(self.cost)

    @property
    def duration(self) -> timedelta | None:
        return None if self.time is None else duration(self.time)


def _check(name: str, limit: object) -> None:
    if limit is None:
        return
    if isinstance(limit, float):
        raise BadInput("write an amount as text or Decimal", field=f"budget.{name}", value=limit)
    try:
        number = Decimal(str(limit))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BadInput("a limit is a number from 0", field=f"budget.{name}", value=limit)


@dataclass(frozen=True)
class Undo:
    """How what a tool did is taken back when a run fails or is stopped: by the tool that its declaration names.

    `arguments` makes the undoing tool's arguments from the result.
    """

    tool: Tool[..., Any]
    by: Tool[..., Any]
    arguments: Callable[[Any], Mapping[str, Any]]

    def arguments_for(self, _arguments: Mapping[str, Any], value: Any) -> tuple[str, dict[str, Any]]:
        """The undoing tool's name and its arguments as plain JSON."""
        return self.by.name, self.by.encode(**self.arguments(self.tool.decode(value)))


@dataclass(frozen=True)
class AgentSpec:
    """A named, owned behaviour. `graph` is a LangGraph StateGraph, a compiled graph, or an `@entrypoint`.

    `business_key` names the input field by which people look for a run, e.g. `order_number`. `title_zh` and
    `description_zh` are the Chinese words, empty where nobody wrote them.
    """

    name: str
    graph: Any
    title: str
    description: str
    owner: str
    module: str
    tools: tuple[Tool[..., Any], ...] = ()
    agents: tuple[str, ...] = ()
    undo: tuple[Undo, ...] = ()
    input_type: type[BaseModel] | None = None
    output_type: type[BaseModel] | None = None
    business_key: str = ""
    category: str = ""
    title_zh: str = ""
    description_zh: str = ""
    recursion_limit: int = 100
    budget: Budget = field(default_factory=Budget)
    pinned_version: str = ""

    @property
    def principal(self) -> str:
        return f"agent:{self.name}"

    @cached_property
    def version(self) -> str:
        """Hash of what decides how it behaves: its package's source, its tools' contracts, the installed packages."""
        return self.pinned_version or content_version(self.module, self.tools)

    @cached_property
    def compiled(self) -> Any:
        """The graph, ready to run; compiled once a process, without a checkpointer: each run brings its own."""
        compile_graph = getattr(self.graph, "compile", None)
        return compile_graph(name=self.name) if callable(compile_graph) else self.graph

    @cached_property
    def input_schema(self) -> Mapping[str, Any]:
        """JSON Schema of what a run is started with."""
        if self.input_type is not None:
            return self.input_type.model_json_schema()
        return inputs.input_schema(self.compiled)

    @cached_property
    def output_schema(self) -> Mapping[str, Any]:
        """JSON Schema of its result."""
        if self.output_type is not None:
            return self.output_type.model_json_schema()
        return inputs.derived(self.compiled.get_output_jsonschema)

    def undo_for(self, tool: str) -> Undo | None:
        return next((one for one in self.undo if one.tool.name == tool), None)

    def tool_names(self) -> frozenset[str]:
        return frozenset(tool.name for tool in self.tools)


@dataclass(frozen=True, slots=True)
class AgentReview:
    """A person has looked at this version, and answers for that."""

    agent: str
    version: str
    person: str
    at: datetime
