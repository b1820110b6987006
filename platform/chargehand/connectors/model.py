"""Tools and connectors as their authors declare them: import-light, no MCP, usable inside a workflow.

    @tool(effect="write", delivery="keyed", says="Refund {amount} for order {order}")
    async def create_credit_note(order: str, amount: Decimal, reason: str) -> CreditNote: ...

The function's signature is the contract (schemas are derived from it); its body is never run. The connector's server
binds an implementation to it, and an agent's author calls it by it, checked by the type checker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from chargehand.policy.model import Effect

P = ParamSpec("P")
R = TypeVar("R")

Delivery = Literal["safe", "keyed", "once"]


@dataclass(frozen=True)
class Tool(Generic[P, R]):
    """One operation of one connector. `name` is `connector.operation`, e.g. `erp.get_order`."""

    name: str
    signature: Callable[P, Awaitable[R]]
    effect: Effect
    delivery: Delivery
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    result_type: Any
    says: str = ""
    lookup: str = ""
    compensated_by: str = ""

    @property
    def connector(self) -> str:
        return self.name.partition(".")[0]

    @property
    def operation(self) -> str:
        return self.name.partition(".")[2]


@dataclass(frozen=True)
class Connector:
    """One system behind one MCP server. `module` runs alone: `python -m <module> [--transport streamable-http]`."""

    name: str
    title: str
    module: str
    tools: tuple[Tool[..., Any], ...]
    environment: tuple[str, ...] = field(default=())
    """Variables its process is given, and no others: where its credentials are."""


@dataclass(frozen=True)
class Pin:
    """The reviewed digest of a tool's definition, with the effect and delivery that the review found."""

    tool: str
    digest: str
    effect: Effect
    delivery: Delivery
    definition: Mapping[str, Any]
    lookup: str = ""
    says: str = ""
