"""`@tool`: a signature becomes a tool's contract. No MCP here, so that agents may import it inside a workflow.

Schemas are JSON Schema 2020-12 as pydantic derives them, with one change: a Decimal is a string in both directions,
because JSON numbers are floats to most readers. Unknown arguments are refused.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    create_model,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from chargehand.connectors.model import Delivery, PersonalData, Tool
from chargehand.connectors.sentence import check_template
from chargehand.errors import BadInput
from chargehand.policy.model import Effect

P = ParamSpec("P")
R = TypeVar("R")

DECIMAL_PATTERN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?$"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}$")


def _exact(value: Any) -> Any:
    """A Decimal from a Decimal, an int or a plain decimal string; a float has already lost the digits."""
    if isinstance(value, (bool, float)):
        raise ValueError("an amount is a decimal string such as '1280.00', never a float")
    if isinstance(value, str) and not re.fullmatch(DECIMAL_PATTERN, value):
        raise ValueError("write an amount with a point and without grouping, such as '1280.00'")
    return value


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("an amount of money is not negative")
    return value


Number = Annotated[
    Decimal,
    BeforeValidator(_exact),
    PlainSerializer(_plain, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN}),
]
"""An exact number (a quantity, a rate, a signed sum); in JSON a string."""

Amount = Annotated[
    Decimal,
    BeforeValidator(_exact),
    AfterValidator(_not_negative),
    PlainSerializer(_plain, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN.replace("-?", ""), "examples": ["1280.00"]}),
]
"""Money, never negative, never a float; the currency is a parameter of its own."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code, e.g. EUR")]

Cursor = Annotated[
    str, StringConstraints(max_length=512), Field(description="next_cursor of the page before; empty: first")
]


class Result(BaseModel):
    """Base of what tools return: frozen; unknown fields are refused, so that a typo in a server is seen at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lookup(Result):
    """Base of what a lookup tool returns; it takes one argument, `key`.

    `found` false says that the call with that key certainly had no effect; `finished` false with `found` true says
    that it stopped half-way, and that a repeat under the same key completes it. A server that can't tell raises
    Ambiguous.
    """

    key: str
    found: bool
    finished: bool


class _Schema(GenerateJsonSchema):
    """A plain Decimal too is a string that matches DECIMAL_PATTERN, in both modes."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:  # noqa: ARG002  # pydantic's hook
        return {"type": "string", "pattern": DECIMAL_PATTERN}


def tool(
    *,
    effect: Effect,
    delivery: Delivery,
    says: str = "",
    says_zh: str = "",
    lookup: str = "",
    compensated_by: str = "",
    personal: tuple[PersonalData, ...] = (),
    connector: str = "",
) -> Callable[[Callable[P, Awaitable[R]]], Tool[P, R]]:
    """Declare an operation by its signature.

    The name is `connector.function`; `connector` defaults to the folder of the declaring module
    (`chargehand_connectors/erp/tools.py` declares `erp.*`). The docstring is the tool's description. `says` is the
    sentence that approvers read: `{name}` stands for an argument, `{amount:money currency}` for an amount with the
    currency that the argument `currency` names; `says_zh` is the same in Chinese. `lookup` names the operation that
    finds an effect by its key, `compensated_by` the one that undoes it. `personal` names the
    arguments that speak of a person, which the action log seals.

    Raises:
        BadInput: the declaration is not usable; says why.
    """

    def declare(function: Callable[P, Awaitable[R]]) -> Tool[P, R]:
        system = connector or function.__module__.rpartition(".")[0].rpartition(".")[2]
        name = f"{system}.{function.__name__}"
        if not (_NAME.fullmatch(system) and _NAME.fullmatch(function.__name__)):
            raise BadInput("a tool is named connector.operation in lower-case letters, digits and _", field=name)
        description = inspect.getdoc(function) or ""
        if not description:
            raise BadInput("a tool needs a docstring: models and reviewers choose by it", field=name)
        if effect == "read" and delivery != "safe":
            raise BadInput("a read is always safe to repeat", field=f"{name}.delivery", value=delivery)
        hints = get_type_hints(function, include_extras=True)
        result_type: Any = hints.pop("return", None)
        if not _is_model(result_type):
            raise BadInput("a tool returns a pydantic model", field=f"{name} ->", value=result_type)
        input_type = _input_type(name, function, hints)
        for template in (says, says_zh):
            check_template(template, input_type.model_fields.keys(), field=f"{name}.says")
        check_personal(personal, input_type.model_fields.keys(), field=f"{name}.personal")
        return Tool(
            name=name,
            signature=function,
            effect=effect,
            delivery=delivery,
            description=description,
            input_schema=_schema(input_type, "validation"),
            output_schema=_schema(result_type, "serialization"),
            result_type=result_type,
            says=says,
            lookup=_full(system, lookup),
            compensated_by=_full(system, compensated_by),
            says_zh=says_zh,
            personal=personal,
            input_type=input_type,
        )

    return declare


def check_personal(personal: Iterable[PersonalData], parameters: Collection[str], *, field: str) -> None:
    """Raises BadInput when personal data names what is no parameter: it would silently stay in the clear."""
    for each in personal:
        for name in (each.subject, *each.fields):
            if name not in parameters:
                raise BadInput("there is no such parameter", field=field, value=name)
        if not _NAME.fullmatch(each.kind) or not each.fields:
            raise BadInput("personal data has a kind in lower-case letters, and fields", field=field, value=each.kind)


def _is_model(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, BaseModel)


def _full(system: str, operation: str) -> str:
    return operation if not operation or "." in operation else f"{system}.{operation}"


def _input_type(name: str, function: Callable[..., Any], hints: Mapping[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name not in hints:
            raise BadInput("each parameter is named and annotated", field=f"{name}({parameter.name})")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    title = "".join(part.capitalize() for part in re.split(r"[._]", name)) + "Arguments"
    return create_model(title, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _schema(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, schema_generator=_Schema)
    schema.setdefault("properties", {})
    return schema
