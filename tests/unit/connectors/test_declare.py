"""Declaring tools: a signature is the contract, and what can't be one is refused."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.connectors import schemas
from chargehand.connectors.declare import Amount, Currency, Number, Result, tool
from chargehand.connectors.model import PersonalData, Tool
from chargehand.errors import BadInput


class Made(Result):
    amount: Amount
    factor: Number
    on: date


@tool(connector="shop", effect="irreversible", delivery="keyed", says="Pay {amount:money currency} to {to}")
async def pay(
    to: str, amount: Amount, currency: Currency, factor: Number = Decimal(1), speed: Literal["slow", "fast"] = "slow"
) -> Made:
    """Pay somebody."""
    raise NotImplementedError


ARGUMENTS: dict[str, Any] = {"to": "Li", "amount": Decimal("12.50"), "currency": "EUR"}


@pytest.mark.parametrize(
    "personal", [PersonalData("customer", "to", ("too",)), PersonalData("customer", "whom", ("to",))]
)
def test_personal_data_names_parameters(personal: PersonalData) -> None:
    with pytest.raises(BadInput, match="no such parameter"):

        @tool(connector="shop", effect="write", delivery="keyed", personal=(personal,))
        async def give(to: str) -> Made:  # pyright: ignore[reportUnusedFunction]
            """Give."""
            raise NotImplementedError


def test_a_declaration_is_a_tool_with_schemas() -> None:
    assert (pay.name, pay.connector, pay.operation) == ("shop.pay", "shop", "pay")
    assert pay.description == "Pay somebody."
    assert pay.input_schema["required"] == ["to", "amount", "currency"]
    assert pay.input_schema["additionalProperties"] is False
    assert pay.input_schema["properties"]["speed"]["enum"] == ["slow", "fast"]
    assert pay.output_schema["properties"]["on"]["format"] == "date"


def test_money_is_a_string_in_both_directions() -> None:
    for schema in (pay.input_schema["properties"], pay.output_schema["properties"]):
        assert schema["amount"]["type"] == "string"
        assert "number" not in str(schema)
    assert pay.encode(**ARGUMENTS)["amount"] == "12.50"


@given(st.decimals(min_value=0, max_value=10**12, places=2), st.decimals(-(10**9), 10**9, places=6))
def test_encoded_arguments_fit_the_schema_and_come_back_exactly(amount: Decimal, factor: Decimal) -> None:
    encoded = pay.encode(to="Li", amount=amount, currency="EUR", factor=factor)
    schemas.check(pay.input_schema, encoded, field="arguments")
    parsed: Any = pay.parse(encoded)
    assert (parsed.amount, parsed.factor) == (amount, factor)


@pytest.mark.parametrize(
    "amount", [1.5, "1,280.00", "1e3", "NaN", "Infinity", "-1", " 1", "１２", "", None, True, "01"]
)
def test_what_is_no_exact_amount_is_refused_and_the_field_named(amount: Any) -> None:
    with pytest.raises(BadInput, match=r"arguments\.amount"):
        pay.encode(**{**ARGUMENTS, "amount": amount})


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({**ARGUMENTS, "note": "x"}, "note"),
        ({"to": "Li", "amount": "1"}, "currency"),
        ({**ARGUMENTS, "currency": "eur"}, "currency"),
        ({**ARGUMENTS, "speed": "warp"}, "speed"),
    ],
)
def test_bad_arguments_name_the_field(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput, match=field):
        pay.encode(**arguments)


def test_positional_arguments_are_taken_in_order_and_never_twice() -> None:
    assert pay.encode("Li", Decimal(1), "EUR")["to"] == "Li"
    with pytest.raises(BadInput):
        pay.encode("Li", Decimal(1), "EUR", to="Fay")  # pyright: ignore[reportCallIssue]


def test_a_result_comes_back_typed_and_a_wrong_one_is_refused() -> None:
    made = pay.decode({"amount": "12.50", "factor": "1", "on": "2026-01-02"})
    assert made == Made(amount=Decimal("12.50"), factor=Decimal(1), on=date(2026, 1, 2))
    with pytest.raises(BadInput, match=r"result\.amount"):
        pay.decode({"amount": 12.5, "factor": "1", "on": "2026-01-02"})


def _declare(**changes: Any) -> Tool[..., Any]:
    async def operation(to: str) -> Made:
        """Do it."""
        raise NotImplementedError

    given: dict[str, Any] = {"connector": "shop", "effect": "write", "delivery": "once"}
    return tool(**{**given, **changes})(operation)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"effect": "read", "delivery": "once"}, "always safe"),
        ({"says": "Pay {amout}"}, "no parameter"),
        ({"says": "Pay {to.__class__}"}, "only names"),
        ({"says": "Pay {to!r}"}, "only names"),
        ({"says": "Pay {to:>9000}"}, "only format"),
        ({"says": "Pay {to"}, "expected"),
        ({"says_zh": "{an}"}, "no parameter"),
        ({"connector": "Shop"}, "lower-case"),
    ],
)
def test_an_unusable_declaration_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        _declare(**changes)


def test_a_tool_returns_a_model_and_has_a_description() -> None:
    async def silent(to: str) -> Made:
        raise NotImplementedError

    async def text(to: str) -> str:
        """Text."""
        raise NotImplementedError

    for operation, why in ((silent, "docstring"), (text, "pydantic model")):
        with pytest.raises(BadInput, match=why):
            tool(connector="shop", effect="read", delivery="safe")(operation)


def test_declaring_imports_neither_mcp_nor_a_database() -> None:
    code = (
        "import sys, chargehand.connectors.declare;"
        "print([m for m in ('mcp', 'mcp_types', 'sqlalchemy', 'httpx', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
