"""A connector's MCP server: bind an implementation to the declarations and answer calls in one spelling.

An implementation is an object with one coroutine method for each declared operation:

    async def get_order(self, incoming: Incoming, *, number: str) -> Order: ...

It may raise any error of `chargehand.errors`; `answers` says which failure each becomes. `Unavailable` promises that
nothing was done; a write that can't tell raises `Ambiguous`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from chargehand import clock, ids
from chargehand.connectors.answers import envelope, failure_of
from chargehand.connectors.definition import declared
from chargehand.connectors.incoming import DEADLINE_META, KEY_META, Incoming
from chargehand.connectors.model import Connector, Tool
from chargehand.errors import Ambiguous, BadInput, BadSettings, ChargehandError

Operation = Callable[..., Awaitable[Any]]

MAX_ANSWER_BYTES = 1024 * 1024

log = logging.getLogger("chargehand.connectors.server")


def bind(connector: Connector, implementation: object) -> Mapping[str, tuple[Tool[..., Any], Operation]]:
    """Each operation with its declaration and implementation.

    Raises:
        BadSettings: an operation is declared and not implemented; names all of them.
    """
    bound: dict[str, tuple[Tool[..., Any], Operation]] = {}
    missing: list[str] = []
    for tool in connector.tools:
        operation = getattr(implementation, tool.operation, None)
        if callable(operation):
            bound[tool.operation] = (tool, cast("Operation", operation))
        else:
            missing.append(tool.name)
    if missing:
        raise BadSettings(
            f"the connector {connector.name!r} does not implement {', '.join(missing)}",
            way_out=f"Add the methods to {type(implementation).__name__}, or take the declarations away.",
        )
    return bound


def build(connector: Connector, implementation: object) -> Server[Any]:
    """An MCP server for `connector`, ready for any transport. Raises BadSettings as `bind` does."""
    bound = bind(connector, implementation)
    listed = types.ListToolsResult(
        tools=[types.Tool.model_validate({**declared(tool), "title": tool.name}) for tool in connector.tools]
    )

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return listed

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            if params.name not in bound:
                raise BadInput("there is no such tool", field="name", value=params.name)
            tool, operation = bound[params.name]
            incoming = read_meta(tool, cast("Mapping[str, Any]", context.meta or {}))
            return _succeeded(await _perform(tool, operation, incoming, params.arguments or {}))
        except ChargehandError as error:
            return _failed(error)

    return Server(
        connector.name,
        title=connector.title,
        version="1",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def read_meta(tool: Tool[..., Any], meta: Mapping[str, Any]) -> Incoming:
    """Key and deadline as the caller sent them. Raises BadInput for a deadline that is no RFC 3339 time."""
    key, deadline = meta.get(KEY_META), meta.get(DEADLINE_META)
    try:
        parsed = None if deadline is None else clock.parse(str(deadline))
    except ValueError as error:
        raise BadInput(str(error), field=f"_meta.{DEADLINE_META}", value=deadline) from None
    if key is not None and (not isinstance(key, str) or not 8 <= len(key) <= 200 or not key.isprintable()):
        raise BadInput("a key is text of 8 to 200 characters", field=f"_meta.{KEY_META}", value=key)
    return Incoming(tool.name, key or ids.new_id("unkeyed"), parsed)


async def _perform(tool: Tool[..., Any], operation: Operation, incoming: Incoming, arguments: dict[str, Any]) -> bytes:
    parsed = tool.parse(arguments)
    if tool.effect != "read" and incoming.seconds_left() <= 0:
        # Not `Unavailable`: this attempt does nothing, and an earlier one under the same key may have done it all.
        raise Ambiguous(f"{tool.name} arrived after its deadline; this attempt did nothing.")
    named = {name: getattr(parsed, name) for name in type(parsed).model_fields}
    # A read is cut off in time; a write runs to its end, so that what it did is known under its key.
    limit = incoming.seconds_left() if tool.effect == "read" else None
    try:
        async with asyncio.timeout(limit):
            result = await operation(incoming, **named)
        if not isinstance(result, tool.result_type):
            raise TypeError(f"{tool.name} returned {type(result).__name__}")
        answer = orjson.dumps(result.model_dump(mode="json"))
    except ChargehandError:
        raise
    except Exception as error:
        incident = ids.new_id("err")
        log.exception("%s failed in an unforeseen way (%s)", tool.name, incident)
        reason = "took too long" if isinstance(error, TimeoutError) else "failed in an unforeseen way"
        raise Ambiguous(f"{tool.name} {reason} ({incident}).") from error
    if len(answer) > MAX_ANSWER_BYTES:
        raise Ambiguous(f"The answer of {tool.name} has {len(answer)} bytes; {MAX_ANSWER_BYTES} is the most.")
    return answer


def _succeeded(answer: bytes) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.decode())], structured_content=orjson.loads(answer)
    )


def _failed(error: ChargehandError) -> types.CallToolResult:
    failure = failure_of(error)
    text = f"{failure.kind}: {failure.detail} {failure.way_out}".rstrip()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=envelope(failure), is_error=True
    )
