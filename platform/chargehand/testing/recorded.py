"""Record the answers of real systems and models once; replay them strictly after.

    async with recording(HERE / "refund.yaml") as recorded:
        run = await governed(my_agent, {...}, tools=recorded)

The first time, or with `again=True`, calls go through the real connectors (MCP servers as child processes, with your
environment) and questions to the configured model, and what they answered is written to the file without secrets.
After that the file answers: a call or a question that it does not have, or has otherwise, fails the test with what
differs.
"""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from chargehand import clock
from chargehand.connectors.model import Pin, Tool, ToolResult
from chargehand.connectors.pins import PinBook
from chargehand.connectors.pool import ConnectorPool
from chargehand.connectors.registry import load_connectors
from chargehand.errors import Ambiguous, ConnectorUnavailable
from chargehand.models.provider import Models as Endpoints
from chargehand.outcome import Failure
from chargehand.runs.activities import Models
from chargehand.settings import settings
from chargehand.testing.case import Case, RecordedCall, RecordedFailure, load_case, save_case
from chargehand.testing.fakes import Effect, FakeConnectors
from chargehand.testing.recorded_models import RecordedModels, RecordingModels
from chargehand.testing.scrub import Scrubber


class UnrecordedCall(AssertionError):
    """The agent called what the recording does not have."""


@dataclass
class RecordedConnectors(FakeConnectors):
    """Answers from a recording, each recorded call once. `strict`: anything else fails the test.

    Not strict, a call with other arguments gets the answer that its tool gave next or last, and a tool that was never
    recorded a failure; `strangers` lists both.
    """

    recorded: Sequence[RecordedCall] = ()
    strict: bool = True
    strangers: list[str] = field(default_factory=list[str])
    _left: list[RecordedCall] = field(default_factory=list[RecordedCall])
    _taken: dict[str, RecordedCall] = field(default_factory=dict[str, RecordedCall])
    _tries: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        FakeConnectors.__post_init__(self)
        self._left = list(self.recorded)

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        """As it was recorded. Raises ConnectorUnavailable, Ambiguous where the real one did, or nothing is recorded."""
        del deadline
        found = self._taken.get(key) or self._take(tool, dict(arguments))
        if found is None:
            if self.strict:
                raise ConnectorUnavailable(self.strangers[-1])
            detail = "The recording has no answer of this tool."
            return ToolResult(tool, failure=Failure(kind="unknown", detail=detail))
        self._taken[key] = found
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if tries <= found.unreached:
            raise ConnectorUnavailable(f"The recorded system of {tool} was not reached.")
        given = Effect(key, tool, dict(arguments))
        self.calls.append(given)
        if found.failure is not None:
            return ToolResult(tool, failure=Failure(kind=found.failure.kind, detail=found.failure.detail))
        declaration = self._tools.get(tool)
        if (declaration is None or declaration.effect != "read") and all(one.key != key for one in self.effects):
            self.effects.append(given)
        if tries <= found.unreached + found.unclear:
            raise Ambiguous(f"The recorded answer of {tool} was not clear.")
        return ToolResult(tool, value=found.answer)

    def complain(self) -> None:
        """Raises UnrecordedCall for the first call that the recording does not have."""
        strangers = [*self.strangers, *(self.model.strangers if isinstance(self.model, RecordedModels) else ())]
        if self.strict and strangers:
            raise UnrecordedCall(strangers[0])

    def unused(self) -> list[RecordedCall]:
        """What was recorded and not asked for."""
        return list(self._left)

    def _take(self, tool: str, arguments: dict[str, Any]) -> RecordedCall | None:
        same = [one for one in self._left if one.tool == tool]
        exact = next((one for one in same if one.arguments == arguments), None)
        if exact is None:
            self.strangers.append(_difference(tool, arguments, same, self.recorded))
            ever = [one for one in self.recorded if one.tool == tool]
            exact = None if self.strict or not ever else (same or ever[-1:])[0]
        if exact is not None and any(one is exact for one in self._left):
            self._left = [one for one in self._left if one is not exact]
        return exact


@dataclass
class RecordingConnectors(FakeConnectors):
    """Passes calls on to the real connectors and keeps what they answered."""

    pool: ConnectorPool | None = None
    pinned: PinBook | None = None
    kept: dict[str, RecordedCall] = field(default_factory=dict[str, RecordedCall])

    def pins(self) -> Mapping[str, Pin]:
        """The real pins, as people reviewed them."""
        return self.pinned.all() if self.pinned else {}

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, deadline: datetime) -> ToolResult:
        """As the pool answers. Raises what it raises."""
        if self.pool is None:
            raise ConnectorUnavailable("The recording is over.")
        call = self.kept.setdefault(key, RecordedCall(tool=tool, arguments=dict(arguments)))
        given = Effect(key, tool, dict(arguments))
        try:
            result = await self.pool.call(tool, arguments, key=key, deadline=deadline)
        except ConnectorUnavailable:
            call.unreached += 1
            raise
        except Ambiguous:
            call.unclear += 1
            raise
        self.calls.append(given)
        if result.failure is not None:
            call.failure = RecordedFailure(kind=result.failure.kind, detail=result.failure.detail)
        else:
            call.answer = result.value
            pin = self.pins().get(tool)
            if (pin is None or pin.effect != "read") and all(one.key != key for one in self.effects):
                self.effects.append(given)
        return result


@asynccontextmanager
async def recording(
    file: Path,
    *,
    tools: Sequence[Tool[..., Any]] = (),
    again: bool = False,
    policies: Path | None = None,
    environment: Mapping[str, str] | None = None,
    model: Models | None = None,
) -> AsyncGenerator[FakeConnectors]:
    """Connectors for `governed(…, tools=…)` that answer from `file`, or record it when it is not there or `again`.

    `tools` are those that the agent declares: they tell reads from effects. `policies` is the folder with the pins
    (default: the one in force), `environment` what the connectors' processes are given of (default: this process's),
    `model` what is asked while it is recorded (default: the endpoint that the settings name).

    Raises:
        UnrecordedCall: see `RecordedConnectors`.
    """
    before = await asyncio.to_thread(_there, file)
    if before is not None and not again:
        replayed = RecordedConnectors({}, tools, recorded=before.calls)
        replayed.model = RecordedModels((), recorded=before.model)
        yield replayed
        replayed.complain()
        return
    folder, given = policies or settings().policies, os.environ if environment is None else environment
    connectors, pins = load_connectors(folder), PinBook(folder)
    pool = ConnectorPool(connectors, pins, environment=given)
    recorder = RecordingConnectors({}, tools, pool=pool, pinned=pins)
    asked = RecordingModels((), real=model or Endpoints.from_settings(settings()), calls=lambda: len(recorder.kept))
    recorder.model = asked
    try:
        yield recorder
    finally:
        await pool.close()
    kept = (before or Case()).model_copy(
        update={"calls": list(recorder.kept.values()), "model": asked.kept, "recorded_at": clock.iso(clock.now())}
    )
    secrets = [given[name] for one in connectors for name in one.environment if _is_secret(name) and given.get(name)]
    if key := settings().model_api_key:
        secrets.append(key.get_secret_value())
    save_case(Scrubber(secrets, {name: pin.personal for name, pin in pins.all().items()}).case(kept), file)


def _there(file: Path) -> Case | None:
    return load_case(file) if file.exists() else None


def _is_secret(variable: str) -> bool:
    return variable.upper().endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSWD", "_CREDENTIALS", "_DSN"))


def _difference(
    tool: str, arguments: Mapping[str, Any], same: Sequence[RecordedCall], recorded: Sequence[RecordedCall]
) -> str:
    """What was asked for beside the recorded call that it is nearest to."""
    asked = _lines(arguments)
    if not same:
        times = sum(one.tool == tool for one in recorded)
        was = f"it was recorded {times} times, and all of them are used" if times else "it was never recorded"
        others = ", ".join(dict.fromkeys(one.tool for one in recorded)) or "nothing"
        return f"{tool} was called, and {was} (recorded: {others}). Arguments:\n" + "\n".join(asked)
    nearest = max(same, key=lambda one: difflib.SequenceMatcher(None, asked, _lines(one.arguments)).ratio())
    shown = difflib.unified_diff(_lines(nearest.arguments), asked, "recorded", "called", lineterm="", n=2)
    return (
        f"{tool} was called with other arguments than recorded:\n" + "\n".join(shown) + "\nRecord again if it is right."
    )


def _lines(arguments: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(dict(arguments), sort_keys=True, allow_unicode=True, width=110).splitlines()
