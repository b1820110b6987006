"""What is different between a pinned definition and the live one, in words that a reviewer reads.

Characters that are not seen (directions, zero widths, controls) are shown as escapes: a description is what models
act on, and hidden text in it is the attack that pins are against.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from chargehand.connectors.definition import digest, pinned_part
from chargehand.connectors.model import Pin
from chargehand.connectors.sentence import visible

ChangeKind = Literal["changed", "renamed", "missing", "new", "unusable"]

SIMILAR = 0.85
"""Share of equal text from which a vanished and a new tool are taken for one that was renamed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One tool whose live definition is not the pinned one. `lines` say what differs, one thing a line."""

    tool: str
    kind: ChangeKind
    lines: tuple[str, ...]
    pinned_digest: str
    live_digest: str
    live: Mapping[str, Any] | None = None


def compare(pins: Iterable[Pin], live: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """Every pinned tool of one connector that its server does not publish as pinned, by tool name.

    `live` has the server's definitions by wire name.
    """
    pins = list(pins)
    pinned_names = {pin.wire_name for pin in pins}
    unclaimed = {name: definition for name, definition in live.items() if name not in pinned_names}
    changes: list[Change] = []
    for pin in sorted(pins, key=lambda pin: pin.tool):
        definition = live.get(pin.wire_name)
        if definition is None:
            changes.append(_gone(pin, unclaimed))
        elif (now := _digest(definition)) != pin.digest:
            lines = tuple(differences(pin.definition, pinned_part(definition)))
            kind: ChangeKind = "changed" if now else "unusable"
            changes.append(Change(pin.tool, kind, lines, pin.digest, now, pinned_part(definition)))
    return changes


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each difference, such as `inputSchema.properties.amount.type: "string" → "number"`."""
    lines: list[str] = []
    _walk("", dict(was), dict(now), lines)
    return lines


def _gone(pin: Pin, unclaimed: Mapping[str, Mapping[str, Any]]) -> Change:
    best, name = max(((_likeness(pin.definition, other), name) for name, other in unclaimed.items()), default=(0.0, ""))
    if best < SIMILAR:
        return Change(pin.tool, "missing", (f"the server no longer offers {_shown(pin.wire_name)}",), pin.digest, "")
    other = pinned_part(unclaimed[name])
    lines = (
        f"it seems to have been renamed: {_shown(pin.wire_name)} → {_shown(name)}",
        *differences({**pin.definition, "name": name}, other),
    )
    return Change(pin.tool, "renamed", lines, pin.digest, _digest(other), other)


def _likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Share of equal text, names aside; 0 where a quick upper bound is already too low."""
    matcher = difflib.SequenceMatcher(None, _text(one), _text(other), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= SIMILAR else 0.0


def _text(definition: Mapping[str, Any]) -> str:
    part = {key: value for key, value in pinned_part(definition).items() if key != "name"}
    return orjson.dumps(part, option=orjson.OPT_SORT_KEYS).decode()[:4_000]


def _digest(definition: Mapping[str, Any]) -> str:
    try:
        return digest(definition)
    except Exception:  # whatever a hostile definition does to us, it is not the pinned one
        return ""


def _walk(path: str, was: object, now: object, lines: list[str]) -> None:
    if isinstance(was, dict) and isinstance(now, dict):
        before, after = cast("dict[str, object]", was), cast("dict[str, object]", now)
        for name in sorted(before.keys() | after.keys()):
            place = f"{path}.{visible(name)}" if path else visible(name)
            if name not in after:
                lines.append(f"{place}: removed (was {_shown(before[name])})")
            elif name not in before:
                lines.append(f"{place}: added {_shown(after[name])}")
            else:
                _walk(place, before[name], after[name], lines)
        return
    if orjson.dumps(was) != orjson.dumps(now):
        lines.append(f"{path}: {_shown(cast('Any', was))} → {_shown(cast('Any', now))}")


def _shown(value: Any) -> str:
    text = visible(f'"{value}"' if isinstance(value, str) else orjson.dumps(value, default=str).decode())
    return text if len(text) <= 2_000 else text[:2_000] + "…"
