"""Tools and connectors as their authors declare them: import-light, no MCP, usable inside a workflow.

    @tool(effect="write", delivery="keyed", says="Refund {amount:money currency} for order {order}")
    async def create_credit_note(order: str, amount: Amount, currency: Currency, reason: str) -> CreditNote: ...

The function's signature is the contract (schemas are derived from it); its body is never run. The connector's server
binds an implementation to it, and an agent's author calls it by it, checked by the type checker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from chargehand.errors import BadInput
from chargehand.outcome import Failure
from chargehand.policy.model import Effect

P = ParamSpec("P")
R = TypeVar("R")

Delivery = Literal["safe", "keyed", "once"]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Arguments that speak of one person: `fields`, whom `subject` (an argument too) names within `kind`.

    In the action log they are sealed under the key of `kind:value`, e.g. `customer:li wei`, and can be erased with it.
    """

    kind: str
    subject: str
    fields: tuple[str, ...]


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
    says_zh: str = ""
    personal: tuple[PersonalData, ...] = ()
    input_type: type[BaseModel] | None = None
    """The parameters as a pydantic model; `tool` makes it."""

    @cached_property
    def _result(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.result_type)

    @property
    def connector(self) -> str:
        return self.name.partition(".")[0]

    @property
    def operation(self) -> str:
        return self.name.partition(".")[2]

    def encode(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """The arguments as plain JSON: Decimals and dates as strings, defaults filled in.

        Raises:
            BadInput: an argument is missing, unknown or of the wrong kind; names it.
        """
        if self.input_type is None:
            raise BadInput(f"{self.name} was not declared with @tool.")
        named = dict(zip(self.input_type.model_fields, args, strict=False))
        if len(args) > len(self.input_type.model_fields) or named.keys() & kwargs.keys():
            raise BadInput(f"{self.name} was given too many arguments, or one of them twice.")
        return self.parse({**named, **kwargs}).model_dump(mode="json")

    def parse(self, arguments: Mapping[str, Any]) -> BaseModel:
        """Arguments, as JSON or Python values, as an instance of `input_type`. Raises BadInput as `encode` does."""
        if self.input_type is None:
            raise BadInput(f"{self.name} was not declared with @tool.")
        try:
            return self.input_type.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(("arguments", *(str(part) for part in first["loc"])))
            raise BadInput(f"{first['msg']} (tool {self.name}).", field=path, value=first.get("input")) from None

    def decode(self, value: Any) -> R:
        """A result as plain JSON, as the declared result type.

        Raises:
            BadInput: it is not what the tool declares to return.
        """
        try:
            result: R = self._result.validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(("result", *(str(part) for part in first["loc"])))
            raise BadInput(f"{first['msg']} (tool {self.name}).", field=path, value=first.get("input")) from None
        return result


@dataclass(frozen=True)
class Review:
    """What our side says about a tool, whatever its server claims. `wire_name` is the tool's name in its server."""

    tool: str
    wire_name: str
    effect: Effect
    delivery: Delivery
    lookup: str = ""
    says: str = ""
    says_zh: str = ""
    compensated_by: str = ""
    personal: tuple[PersonalData, ...] = ()


@dataclass(frozen=True)
class Connector:
    """One system behind one MCP server. `module` runs alone: `python -m <module> [--transport streamable-http]`.

    A server that is not ours has `command` (`{python}` stands for our interpreter) or `url` in place of `module`, and
    `allowed`, the reviewed list of its tools that may be used, in place of `tools`.
    """

    name: str
    title: str
    module: str
    tools: tuple[Tool[..., Any], ...]
    environment: tuple[str, ...] = field(default=())
    """Variables its process is given, and no others: where its credentials are."""
    command: tuple[str, ...] = ()
    url: str = ""
    token_variable: str = ""
    """The variable that holds the bearer token for `url`; empty: none is sent."""
    allowed: tuple[Review, ...] = ()
    description: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether its tools are declared in code that was reviewed with it."""
        return not self.allowed

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Every tool that may be used, as our side sees it."""
        return self.allowed or tuple(
            Review(
                tool=tool.name,
                wire_name=tool.operation,
                effect=tool.effect,
                delivery=tool.delivery,
                lookup=tool.lookup,
                says=tool.says,
                says_zh=tool.says_zh,
                compensated_by=tool.compensated_by,
                personal=tool.personal,
            )
            for tool in self.tools
        )


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
    says_zh: str = ""
    compensated_by: str = ""
    personal: tuple[PersonalData, ...] = ()

    @property
    def connector(self) -> str:
        return self.tool.partition(".")[0]

    @property
    def wire_name(self) -> str:
        """The tool's name in its server."""
        return str(self.definition["name"])

    @property
    def input_schema(self) -> Mapping[str, Any]:
        return self.definition["inputSchema"]

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """None: the server does not say what it returns."""
        return self.definition.get("outputSchema")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A clear answer of a connector: exactly one of `value` and `failure` is set."""

    tool: str
    value: dict[str, Any] | None = None
    failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        return self.failure is None
