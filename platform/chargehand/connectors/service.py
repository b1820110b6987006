"""Use cases around connectors, for CLI, API and console. Calling a tool is not among them: see `gateway`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from chargehand.connectors.changes import Change, compare
from chargehand.connectors.definition import declared, digest
from chargehand.connectors.model import Connector, Delivery, Pin
from chargehand.connectors.pins import PinBook, make_pin, write_pins
from chargehand.connectors.pool import Health
from chargehand.connectors.quarantine import DurableQuarantine, Quarantined
from chargehand.errors import BadInput, BadSettings, Conflict, NotFound
from chargehand.identity.model import SignedIn
from chargehand.policy.model import Effect

PinState = Literal["pinned", "quarantined", "not pinned"]


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """One tool as our side sees it. `pin` says whether it may be called at all; policy decides the rest."""

    tool: str
    connector: str
    description: str
    effect: Effect
    delivery: Delivery
    pin: PinState
    digest: str
    input_schema: Mapping[str, Any]
    says: str = ""
    says_zh: str = ""
    lookup: str = ""
    compensated_by: str = ""


class Sessions(Protocol):
    """Where connectors are reached from: a `ConnectorPool`, or whoever has one."""

    @property
    def connectors(self) -> tuple[Connector, ...]: ...

    async def definitions(self, connector: str) -> Mapping[str, Mapping[str, Any]]: ...

    async def check(self, connector: str) -> list[Change]: ...

    async def health(self, connector: str) -> Health: ...


class ConnectorService:
    """Lists, health, pins and quarantine of one installation."""

    def __init__(self, pool: Sessions, pins: PinBook, quarantine: DurableQuarantine, policies: Path) -> None:
        self._pool = pool
        self._pins = pins
        self._quarantine = quarantine
        self._policies = policies

    def connectors(self) -> tuple[Connector, ...]:
        return self._pool.connectors

    async def tools(self, connector: str = "") -> list[ToolStatus]:
        """Every reviewed tool, of one connector or of all, by name. Raises NotFound, BadPolicy."""
        waiting = {each.tool for each in await self.waiting()}
        pins = self._pins.all()
        chosen = [self.connector(connector)] if connector else list(self._pool.connectors)
        return sorted((status for each in chosen for status in _statuses(each, pins, waiting)), key=lambda s: s.tool)

    def connector(self, name: str) -> Connector:
        """Raises NotFound with the names that there are."""
        for connector in self._pool.connectors:
            if connector.name == name:
                return connector
        names = ", ".join(connector.name for connector in self._pool.connectors)
        raise NotFound(f"There is no connector {name!r}.", way_out=f"There are: {names}.")

    async def health(self, connector: str = "") -> list[Health]:
        """Ask each connector's server now. Raises NotFound for a name that is none."""
        names = [self.connector(connector).name] if connector else [each.name for each in self._pool.connectors]
        return list(await asyncio.gather(*(self._pool.health(name) for name in names)))

    async def differences(self, connector: str) -> list[Change]:
        """What the live server publishes otherwise than pinned. Raises NotFound, ConnectorUnavailable, BadPolicy."""
        return await self._pool.check(connector)

    async def waiting(self) -> list[Quarantined]:
        """All tools in quarantine, with the difference line by line."""
        pins = self._pins.all()
        waiting = await self._quarantine.waiting()
        # A pin that was made after the deviation is the review that it waited for.
        return [each for each in waiting if each.tool in pins and pins[each.tool].digest == each.pinned_digest]

    async def accept(self, tool: str, *, by: SignedIn, live_digest: str) -> Pin:
        """Pin what a person has seen as `live_digest`. Raises NotFound, Conflict, BadInput, BadSettings."""
        connector = self.connector(tool.partition(".")[0])
        live = await self._pool.definitions(connector.name)
        if live_digest not in {_digest(definition) for definition in live.values()}:
            raise Conflict(f"{tool} is not what you looked at any more.", way_out="Look at the difference again.")
        return await self._quarantine.accept(
            connector, tool, by=by, live_digest=live_digest, pins=self._pins, policies=self._policies
        )

    async def dismiss(self, tool: str, *, by: SignedIn) -> None:
        """End the quarantine of a tool that is as pinned again. Raises NotFound, Conflict, ConnectorUnavailable."""
        pin = self._pins.get(tool)
        live = await self._pool.definitions(tool.partition(".")[0])
        now = _digest(live[pin.wire_name]) if pin and pin.wire_name in live else ""
        await self._quarantine.dismiss(tool, by=by, live_digest=now, pins=self._pins)

    async def pin(self, connector: str) -> Path:
        """Pin all reviewed tools of a connector as its live server publishes them; see `pin_live`."""
        path = pin_live(self._policies, self.connector(connector), await self._pool.definitions(connector))
        self._pins.reload()
        return path


def pin_declared(policies: Path, connector: Connector) -> Path:
    """Write the pin file of a connector of ours from its declarations, without starting it.

    Raises:
        BadInput: it is a foreign server: only its live definitions can be pinned.
        BadSettings: the file can't be written.
    """
    if not connector.is_ours:
        raise BadInput("only its live server can be pinned", field="connector", value=connector.name)
    return pin_live(policies, connector, {tool.operation: declared(tool) for tool in connector.tools})


def pin_live(policies: Path, connector: Connector, live: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write the pin file: every reviewed tool with its definition by wire name in `live`. Returns its path.

    This is the author's and reviewer's step before a commit; on a running installation a change is accepted through
    the quarantine, by a person and on the record.

    Raises:
        BadInput: a reviewed tool is not offered, or its definition can't be pinned.
        BadSettings: the file can't be written.
    """
    missing = [review.wire_name for review in connector.reviews if review.wire_name not in live]
    if missing:
        raise BadInput(
            f"the server does not offer {', '.join(missing)}",
            field=connector.name,
            way_out=f"It offers: {', '.join(sorted(live)) or 'nothing'}.",
        )
    pins = [make_pin(review, live[review.wire_name]) for review in connector.reviews]
    try:
        return write_pins(policies, connector, pins)
    except OSError as error:
        raise BadSettings(
            f"the pin file can't be written: {error}", field="policies_dir", value=str(policies)
        ) from error


def declared_changes(pins: Mapping[str, Pin], connector: Connector) -> list[Change]:
    """Where a connector of ours is declared otherwise than pinned: what `pin_declared` would change.

    Besides the definition this covers what our side says about a tool: effect, delivery, lookup, sentences.
    """
    own = [pin for pin in pins.values() if pin.connector == connector.name]
    changes = compare(own, {tool.operation: declared(tool) for tool in connector.tools})
    told = {change.tool for change in changes}
    for review, tool in zip(connector.reviews, connector.tools, strict=True):
        fresh, pin = make_pin(review, declared(tool)), pins.get(tool.name)
        if pin is None:
            changes.append(Change(tool.name, "new", ("it has no pin yet",), "", fresh.digest, fresh.definition))
        elif tool.name not in told and fresh != pin:
            lines = tuple(
                f"{name}: {getattr(pin, name)!r} → {getattr(fresh, name)!r}"
                for name in ("effect", "delivery", "lookup", "compensated_by", "says", "says_zh", "personal")
                if getattr(pin, name) != getattr(fresh, name)
            )
            changes.append(Change(tool.name, "changed", lines, pin.digest, fresh.digest, fresh.definition))
    return sorted(changes, key=lambda change: change.tool)


def _statuses(connector: Connector, pins: Mapping[str, Pin], waiting: set[str]) -> list[ToolStatus]:
    described = {tool.name: tool for tool in connector.tools}
    statuses: list[ToolStatus] = []
    for review in connector.reviews:
        pin, tool = pins.get(review.tool), described.get(review.tool)
        description = str(pin.definition.get("description", "")) if pin else tool.description if tool else ""
        schema: Mapping[str, Any] = pin.input_schema if pin else tool.input_schema if tool else {}
        state: PinState = "not pinned" if pin is None else "quarantined" if review.tool in waiting else "pinned"
        said = pin or review
        statuses.append(
            ToolStatus(
                tool=review.tool,
                connector=connector.name,
                description=description,
                effect=said.effect,
                delivery=said.delivery,
                pin=state,
                digest=pin.digest if pin else "",
                input_schema=schema,
                says=said.says,
                says_zh=said.says_zh,
                lookup=said.lookup,
                compensated_by=said.compensated_by,
            )
        )
    return statuses


def _digest(definition: Mapping[str, Any]) -> str:
    try:
        return digest(definition)
    except BadInput:
        return ""
