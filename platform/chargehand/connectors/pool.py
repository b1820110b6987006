"""The client side: warm sessions with every connector, and one way to call a tool.

`call` has four ends, and no other:

- a `ToolResult`, which is a clear answer: a value that fits the pinned output schema, or a failure as data;
- `Quarantined`: nothing was sent, because there is no pin or the live definition is not the pinned one;
- `ConnectorUnavailable`: provably not sent (not started, connection refused, deadline passed before);
- `Ambiguous`: everything else. A caller must never read it as failed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, cast

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from chargehand import clock
from chargehand.connectors import schemas
from chargehand.connectors.answers import read_envelope
from chargehand.connectors.changes import Change, compare
from chargehand.connectors.incoming import DEADLINE_META, KEY_META
from chargehand.connectors.link import Link
from chargehand.connectors.model import Connector, Pin, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.wire import MAX_ANSWER_BYTES, Attempt, attempt
from chargehand.errors import Ambiguous, BadInput, ConnectorUnavailable, NotFound, Quarantined
from chargehand.outcome import Failure

START_SECONDS = 60.0
"""Servers that are not ours were measured to take up to 27 s."""
FRESH_SECONDS = 10.0
"""How old a foreign server's list may be for a read; for a write it is asked for again each time."""
MAX_BACKOFF_SECONDS = 10.0
PROBE_SECONDS = 5.0

log = logging.getLogger("chargehand.connectors")


class Quarantine(Protocol):
    """Remembers, beyond this process, which tools wait for a person's review."""

    async def blocked(self, pin: Pin) -> bool: ...

    async def note(self, connector: str, changes: Iterable[Change]) -> None: ...


@dataclass(frozen=True, slots=True)
class Health:
    """How a connector is. `detail` says why it is down, or which tools are quarantined."""

    connector: str
    state: Literal["up", "quarantined", "down"]
    detail: str = ""
    tools: int = 0
    answered_in_seconds: float | None = None


@dataclass(slots=True)
class _Slot:
    """The place of one connector: its link, and when it may be started again after a failure."""

    connector: Connector
    link: Link | None = None
    starting: asyncio.Task[Link] | None = None
    failures: int = 0
    not_before: float = 0.0
    reason: str = ""


class ConnectorPool:
    """Sessions with connectors, started when first needed and kept warm. `close` when done; one event loop only."""

    def __init__(
        self,
        connectors: Iterable[Connector],
        pins: PinBook,
        *,
        environment: Mapping[str, str],
        quarantine: Quarantine | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._slots = {connector.name: _Slot(connector) for connector in connectors}
        self._pins = pins
        self._environment = environment
        self._quarantine = quarantine
        self._max_bytes = max_answer_bytes
        self._probes: set[asyncio.Task[None]] = set()

    @property
    def connectors(self) -> tuple[Connector, ...]:
        return tuple(slot.connector for slot in self._slots.values())

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        """Call a tool by its full name, under the call's key, until `deadline`.

        Raises:
            Quarantined: no pin, or the live definition is another; nothing was sent.
            ConnectorUnavailable: provably not sent.
            Ambiguous: it may have been done: time-out, reset, unreadable or unfitting answer.
            BadPolicy: the pin files are broken; nothing was sent.
        """
        pin = self._pins.get(tool)
        if pin is None:
            raise Quarantined(f"{tool} has no pin.", way_out="Have it reviewed, then `chargehand connectors pin`.")
        if (deadline - clock.now()).total_seconds() <= 0:
            raise ConnectorUnavailable(f"The deadline of the call of {tool} had passed before it was sent.")
        link = await self._checked_link(pin, deadline)
        left = (deadline - clock.now()).total_seconds()
        if left <= 0:
            raise ConnectorUnavailable(f"The deadline of the call of {tool} passed before it was sent.")
        return _read_answer(pin, await self._send(link, pin, arguments, key, deadline, left))

    async def definitions(self, connector: str) -> Mapping[str, Mapping[str, Any]]:
        """The definitions that a connector's server publishes now, by wire name. Raises as `check` does."""
        link = await self._link(self._slot(connector))
        await link.refresh(max_age_seconds=0.0)
        return link.definitions

    async def check(self, connector: str) -> list[Change]:
        """Compare the live definitions with the pins, and quarantine what differs.

        Raises:
            NotFound: there is no such connector.
            ConnectorUnavailable: it does not answer.
            BadPolicy: the pin files are broken.
        """
        changes = compare(self._pins.of(connector), await self.definitions(connector))
        if changes and self._quarantine is not None:
            await self._quarantine.note(connector, changes)
        return changes

    async def health(self, connector: str) -> Health:
        """Whether a connector answers now, and offers what is pinned. Raises NotFound."""
        slot, began = self._slot(connector), time.monotonic()
        try:
            changes = await self.check(connector)
        except (ConnectorUnavailable, BadInput) as error:
            return Health(connector, "down", str(error))
        took = time.monotonic() - began
        count = len(slot.link.definitions) if slot.link else 0
        if changes:
            return Health(connector, "quarantined", ", ".join(change.tool for change in changes), count, took)
        return Health(connector, "up", "", count, took)

    async def warm(self) -> list[Health]:
        """Start every connector at the same time; says how each is. A connector that is down raises nothing here."""
        return list(await asyncio.gather(*(self.health(name) for name in self._slots)))

    async def close(self) -> None:
        starting = [slot.starting for slot in self._slots.values() if slot.starting is not None]
        for task in (*self._probes, *starting):
            task.cancel()
        await asyncio.gather(*self._probes, *starting, return_exceptions=True)
        links = [slot.link for slot in self._slots.values() if slot.link is not None]
        await asyncio.gather(*(link.stop() for link in links))
        for slot in self._slots.values():
            slot.link = None

    async def _checked_link(self, pin: Pin, deadline: datetime) -> Link:
        """A live link whose server publishes the pinned definition at this moment."""
        slot = self._slot(pin.connector)
        left = (deadline - clock.now()).total_seconds()
        try:
            async with asyncio.timeout(left):
                link = await self._link(slot)
                await link.refresh(max_age_seconds=_max_age(slot.connector, pin))
        except TimeoutError:
            raise ConnectorUnavailable(f"The connector {pin.connector} was not ready in time.") from None
        if link.digest(pin.wire_name) != pin.digest:
            changes = [
                each for each in compare(self._pins.of(pin.connector), link.definitions) if each.tool == pin.tool
            ]
            if self._quarantine is not None:
                await self._quarantine.note(pin.connector, changes)
            raise Quarantined(
                f"{pin.tool} is not what was reviewed: {'; '.join(changes[0].lines[:3]) if changes else 'it changed'}.",
                way_out="A person compares and accepts it: `chargehand connectors check`.",
            )
        if self._quarantine is not None and await self._quarantine.blocked(pin):
            raise Quarantined(
                f"{pin.tool} had changed and waits for a person's review.", way_out="`chargehand connectors check`."
            )
        return link

    async def _link(self, slot: _Slot) -> Link:
        """A live link; starts one that outlives the caller's patience, so that a slow server gets warm in the end."""
        if slot.link is not None and slot.link.alive:
            return slot.link
        if slot.starting is None:
            slot.starting = asyncio.create_task(self._start(slot))
            slot.starting.add_done_callback(lambda task: _started(slot, task))
        return await asyncio.shield(slot.starting)

    async def _start(self, slot: _Slot) -> Link:
        if slot.link is not None:
            await slot.link.stop()
            slot.link = None
        if time.monotonic() < slot.not_before:
            raise ConnectorUnavailable(slot.reason)
        link = Link(slot.connector, self._environment, max_bytes=self._max_bytes)
        try:
            await link.start(seconds=START_SECONDS)
        except ConnectorUnavailable as error:
            slot.failures += 1
            slot.reason = str(error)
            slot.not_before = time.monotonic() + min(0.25 * 2**slot.failures, MAX_BACKOFF_SECONDS)
            raise
        slot.failures, slot.not_before = 0, 0.0
        slot.link = link
        return link

    async def _send(
        self, link: Link, pin: Pin, arguments: Mapping[str, Any], key: str, deadline: datetime, left: float
    ) -> types.CallToolResult:
        meta = {KEY_META: key, DEADLINE_META: clock.iso(deadline)}
        params = types.CallToolRequestParams(
            name=pin.wire_name, arguments=dict(arguments), _meta=cast("types.RequestParamsMeta", meta)
        )
        current = Attempt()
        token = attempt.set(current)
        try:
            # One request on the wire, never a second: the SDK's `call_tool` would send again after some refusals.
            async with asyncio.timeout(left):
                return await link.session.send_request(types.CallToolRequest(params=params), types.CallToolResult)
        except TimeoutError:
            self._probe(link)
            raise Ambiguous(f"{pin.tool} gave no answer before the deadline.") from None
        except (MCPError, ValidationError, ValueError, RuntimeError) as error:
            if current.not_sent:
                raise ConnectorUnavailable(
                    f"The connector {pin.connector} refused the connection: {current.violation}."
                ) from error
            why = current.violation or link.violation or str(error)[:300]
            raise Ambiguous(f"{pin.tool} gave no usable answer: {why}.") from error
        finally:
            attempt.reset(token)

    def _probe(self, link: Link) -> None:
        """After a time-out: a server that does not answer at all any more is stopped, so that a fresh one serves."""

        async def look() -> None:
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await link.refresh(max_age_seconds=0.0)
            except (TimeoutError, ConnectorUnavailable):
                log.warning("%s does not answer any more and is stopped", link.connector.name)
                await link.stop()

        task = asyncio.create_task(look())
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    def _slot(self, connector: str) -> _Slot:
        slot = self._slots.get(connector)
        if slot is None:
            raise NotFound(f"There is no connector {connector!r}.", way_out=f"There are: {', '.join(self._slots)}.")
        return slot


def _started(slot: _Slot, task: asyncio.Task[Link]) -> None:
    slot.starting = None
    if not task.cancelled():
        task.exception()  # marks it as seen: whoever asked may have stopped waiting


def _max_age(connector: Connector, pin: Pin) -> float:
    """How old the list of definitions may be, in seconds, for a call of this tool."""
    if connector.is_ours and not connector.url:
        return float("inf")  # the code of a child of ours can't change under it; a new child is listed anew
    return FRESH_SECONDS if pin.effect == "read" else 0.0


def _read_answer(pin: Pin, result: types.CallToolResult) -> ToolResult:
    if result.is_error:
        return _read_error(pin, result)
    value: Any = result.structured_content
    if value is None:
        blocks = [block.model_dump(by_alias=True, mode="json", exclude_none=True) for block in result.content]
        value = {"content": blocks}
    if not isinstance(value, dict):
        value = {"result": value}
    if pin.output_schema is not None:
        try:
            schemas.check(pin.output_schema, result.structured_content, field="result")
        except BadInput as error:
            return _unclear(pin, f"{pin.tool} returned what its reviewed schema does not allow: {error}")
    return ToolResult(pin.tool, value=cast("dict[str, Any]", value))


def _read_error(pin: Pin, result: types.CallToolResult) -> ToolResult:
    failure = read_envelope(result.structured_content)
    if failure is None:
        text = " ".join(block.text for block in result.content if isinstance(block, types.TextContent))[:1000]
        return _unclear(pin, f"{pin.tool} reported an error without saying whether it had an effect: {text}")
    if failure.kind == "unknown":
        return _unclear(pin, failure.detail)
    return ToolResult(pin.tool, failure=failure)


def _unclear(pin: Pin, detail: str) -> ToolResult:
    """A read that failed unclearly failed; a write may have been done."""
    if pin.effect == "read":
        return ToolResult(pin.tool, failure=Failure(kind="unknown", detail=detail))
    raise Ambiguous(detail)
