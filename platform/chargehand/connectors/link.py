"""One warm session with one connector's server: its process or URL, and the definitions it publishes now.

A link is started once and ends for good: when its child dies or breaks the protocol, the pool starts another. The task
that opens the session also closes it, as the SDK's scopes demand.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx2
import mcp_types as types
from mcp.client import Client, ClientSession, IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from chargehand import telemetry
from chargehand.connectors.definition import digest
from chargehand.connectors.model import Connector
from chargehand.connectors.wire import ChildTransport, http_client
from chargehand.errors import BadInput, ConnectorUnavailable

MAX_TOOLS = 1000
MAX_PAGES = 50
# A child that is one of ours would need these to start; they hold no secret.
_BASE_ENVIRONMENT = {"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


class Link:
    """A session that `start` opens and `stop` closes."""

    def __init__(self, connector: Connector, environment: Mapping[str, str], *, max_bytes: int) -> None:
        self.connector = connector
        self.definitions: Mapping[str, Mapping[str, Any]] = {}
        self._digests: dict[str, str] = {}
        self._environment = environment
        self._max_bytes = max_bytes
        self._child: ChildTransport | None = None
        self._session: ClientSession | None = None
        self._stopping = asyncio.Event()
        self._ended = False
        self._listed_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return not self._ended and self._session is not None and (self._child is None or self._child.alive)

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    @property
    def violation(self) -> str:
        return "" if self._child is None else self._child.violation

    @property
    def session(self) -> ClientSession:
        if self._session is None:
            raise ConnectorUnavailable(f"The connector {self.connector.name} is not started.")
        return self._session

    def digest(self, wire_name: str) -> str:
        """The digest of the live definition; "" for a tool that is not offered, or has no usable definition."""
        if wire_name not in self._digests and wire_name in self.definitions:
            try:
                self._digests[wire_name] = digest(self.definitions[wire_name])
            except BadInput:
                self._digests[wire_name] = ""
        return self._digests.get(wire_name, "")

    async def start(self, *, seconds: float) -> None:
        """Open the session and list the tools.

        Raises:
            ConnectorUnavailable: it does not start, answer or speak MCP within the time; says why.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(ready), name=f"connector {self.connector.name}")
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(ready)
        except TimeoutError:
            await self._give_up()
            raise ConnectorUnavailable(self._why(f"did not get ready within {seconds:.0f} s")) from None
        except asyncio.CancelledError:
            await self._give_up()
            raise
        except Exception as error:
            await self._give_up()
            raise ConnectorUnavailable(self._why(f"could not be started: {_reason(error)}")) from error

    async def stop(self) -> None:
        """Close the session; a child gets a moment to end, and is then killed with all that it started."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self, *, max_age_seconds: float) -> None:
        """List the tools again unless that was done within `max_age_seconds`.

        Raises:
            ConnectorUnavailable: the list can't be had.
        """
        if time.monotonic() - self._listed_at > max_age_seconds:
            try:
                await self._list(self.session)
            except (MCPError, ValidationError, ValueError, RuntimeError) as error:
                raise ConnectorUnavailable(self._why(f"does not list its tools: {_reason(error)}")) from error

    async def _run(self, ready: asyncio.Future[None]) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._client(stack))
                await self._list(client.session)
                self._session = client.session
                ready.set_result(None)
                await self._stopping.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error if isinstance(error, Exception) else RuntimeError(type(error).__name__))
                ready.exception()  # marks it as seen: whoever asked may have given up waiting
                if not isinstance(error, Exception):
                    raise
        finally:
            self._ended = True

    async def _client(self, stack: AsyncExitStack) -> Client:
        if self.connector.url:
            token = self._environment.get(self.connector.token_variable, "") if self.connector.token_variable else ""
            client = await stack.enter_async_context(http_client(token=token, max_bytes=self._max_bytes))
            transport = streamable_http_client(self.connector.url, http_client=client)
        else:
            given = {name: self._environment[name] for name in self.connector.environment if name in self._environment}
            ours = telemetry.environment() if self.connector.is_ours else {}
            transport = self._child = ChildTransport(
                self.connector.name, self._command(), _BASE_ENVIRONMENT | ours | given, max_bytes=self._max_bytes
            )
        return Client(transport, cache=None, message_handler=self._on_message)

    def _command(self) -> tuple[str, ...]:
        # -P: a file named like a module in the working directory is never imported.
        own = (sys.executable, "-P", "-m", self.connector.module)
        return tuple(sys.executable if part == "{python}" else part for part in self.connector.command) or own

    async def _list(self, session: ClientSession) -> None:
        found: dict[str, Mapping[str, Any]] = {}
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            for tool in page.tools:
                if tool.name in found:
                    raise ValueError(f"it lists {tool.name!r} twice")
                found[tool.name] = tool.model_dump(by_alias=True, mode="json", exclude_none=True, exclude_unset=True)
            cursor = page.next_cursor
            if len(found) > MAX_TOOLS:
                raise ValueError(f"it lists more than {MAX_TOOLS} tools")
            if not cursor:
                break
        else:
            raise ValueError(f"its list has more than {MAX_PAGES} pages")
        self.definitions, self._digests, self._listed_at = found, {}, time.monotonic()

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._listed_at = 0.0

    async def _give_up(self) -> None:
        if self._task is not None:
            self._stopping.set()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _why(self, what: str) -> str:
        words = "" if self._child is None else self._child.violation or self._child.last_words.strip()[-500:]
        return f"The connector {self.connector.name} {what}{f' ({words})' if words else ''}."


def _reason(error: BaseException) -> str:
    inner: BaseException = error
    while isinstance(inner, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", inner).exceptions[0]
    if isinstance(inner, httpx2.TransportError):
        return f"{type(inner).__name__} {inner}".strip()
    return str(inner)[:500] or type(inner).__name__
