"""What the type checker tells an author: read by pyright in `make lint`, never run.

Each line with an ignore is a mistake that has to be one: `reportUnnecessaryTypeIgnoreComment` makes lint fail as soon
as the checker does not find it any more. `assert_type` holds what comes back.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from chargehand import Outcome, Tool, Undo, agent_tool, attempt, call, now, sleep_until
from chargehand_connectors.erp import tools as erp
from chargehand_connectors.erp.model import CreditNote, Order


async def a_call_gives_what_its_tool_returns() -> None:
    assert_type(await call(erp.get_order, number="SO-1042"), Order)
    assert_type(await call(erp.get_order, "SO-1042"), Order)
    assert_type(await attempt(erp.get_order, number="SO-1042"), Outcome)
    order = await call(erp.get_order, number="SO-1042")
    assert_type(order.total, Decimal)
    _: str = order.totl  # pyright: ignore[reportAttributeAccessIssue]  # no such field


async def a_wrong_call_is_a_mistake() -> None:
    await call(erp.get_order)  # pyright: ignore[reportCallIssue]  # an argument is missing
    await call(erp.get_order, nummer="SO-1042")  # pyright: ignore[reportCallIssue]  # there is no such argument
    await call(erp.get_order, number=1042)  # pyright: ignore[reportArgumentType]  # it is a text
    await attempt(erp.get_order, number=None)  # pyright: ignore[reportArgumentType]  # here too
    await call("erp.get_order", number="SO-1042")  # pyright: ignore[reportArgumentType, reportCallIssue]  # it has no types
    await erp.get_order(number="SO-1042")  # pyright: ignore[reportCallIssue]  # a tool is used by `call` alone


async def what_is_not_awaited_is_seen() -> None:
    call(erp.get_order, number="SO-1042")  # pyright: ignore[reportUnusedCoroutine]
    sleep_until(now())  # pyright: ignore[reportUnusedCoroutine]


def a_declaration_is_a_tool() -> None:
    tool: Tool[..., CreditNote] = erp.create_credit_note
    Undo(erp.create_return, by=erp.cancel_return, arguments=lambda made: {"number": made.number})
    Undo(erp.create_return, by="erp.cancel_return", arguments=dict)  # pyright: ignore[reportArgumentType]
    agent_tool(tool)  # pyright: ignore[reportArgumentType]  # an agent, or its name
