"""Pins: the reviewed definitions, as files under `policies/pins/<connector>.json`, so that git is the review.

A file holds each tool's whole definition beside its digest; a file whose digests do not fit is refused. Absence denies:
a tool without a pin, or whose server now publishes another definition, is not called.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chargehand.connectors import schemas, strict
from chargehand.connectors.declare import check_personal
from chargehand.connectors.definition import digest, pinned_part
from chargehand.connectors.model import Connector, Delivery, PersonalData, Pin, Review
from chargehand.connectors.sentence import check_template
from chargehand.errors import BadInput, BadPolicy
from chargehand.policy.model import Effect

FOLDER = "pins"
RELOAD_SECONDS = 1.0


class PersonalFile(BaseModel):
    """Personal data as pin files and connectors.toml spell it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str
    subject: str
    fields: list[str]

    def read(self) -> PersonalData:
        return PersonalData(self.kind, self.subject, tuple(self.fields))


class _PinnedTool(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    tool: str
    digest: str
    effect: Effect
    delivery: Delivery
    lookup: str = ""
    says: str = ""
    says_zh: str = ""
    compensated_by: str = ""
    personal: list[PersonalFile] = Field(default_factory=list[PersonalFile])
    definition: dict[str, Any]


class _PinFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    connector: str
    title: str
    tools: list[_PinnedTool]


def make_pin(review: Review, definition: Mapping[str, Any]) -> Pin:
    """Pin a definition with what our side says about it.

    Raises:
        BadInput: the definition can't be pinned: no canonical form, an unusable schema, a sentence that does not fit.
    """
    part = pinned_part(definition)
    for name in ("inputSchema", "outputSchema"):
        if name in part:
            schemas.check_schema(part[name])
    parameters = dict(part.get("inputSchema", {}).get("properties", {}))
    for template in (review.says, review.says_zh):
        check_template(template, parameters.keys(), field=f"{review.tool}.says")
    check_personal(review.personal, parameters.keys(), field=f"{review.tool}.personal")
    return Pin(
        tool=review.tool,
        digest=digest(part),
        effect=review.effect,
        delivery=review.delivery,
        definition=part,
        lookup=review.lookup,
        says=review.says,
        says_zh=review.says_zh,
        compensated_by=review.compensated_by,
        personal=review.personal,
    )


def write_pins(folder: Path, connector: Connector, pins: Iterable[Pin]) -> Path:
    """Write the connector's pin file, whole or not at all, and return its path."""
    document = {
        "connector": connector.name,
        "title": connector.title,
        "tools": [_as_json(pin) for pin in sorted(pins, key=lambda pin: pin.tool)],
    }
    path = folder / FOLDER / f"{connector.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.new")
    with draft.open("wb") as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return path


def load_pins(folder: Path) -> dict[str, Pin]:
    """All pins of a policies folder by tool name; none when there is no such folder.

    Raises:
        BadPolicy: a file is not readable as pins; lists every problem with its file.
    """
    pins: dict[str, Pin] = {}
    problems: list[str] = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            for pin in _read(path):
                if pin.tool in pins:
                    raise BadInput("the tool is pinned twice", field=pin.tool)
                pins[pin.tool] = pin
        except (OSError, BadInput) as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise BadPolicy(
            "; ".join(problems), field=str(folder / FOLDER), way_out="Restore the file from git, or pin again."
        )
    return pins


class PinBook:
    """The pins in force. Files are read again when they change; broken files leave no pin in force."""

    def __init__(self, policies: Path) -> None:
        self._policies = policies
        self._pins: dict[str, Pin] = {}
        self._seen: tuple[Any, ...] | None = None
        self._looked = 0.0
        self._broken = ""

    def get(self, tool: str) -> Pin | None:
        """The pin of `tool`; None: it is not pinned.

        Raises:
            BadPolicy: the pin files are broken, so that nothing is pinned.
        """
        self._refresh()
        return self._pins.get(tool)

    def of(self, connector: str) -> tuple[Pin, ...]:
        """All pins of a connector, by tool name. Raises BadPolicy as `get` does."""
        self._refresh()
        return tuple(pin for _, pin in sorted(self._pins.items()) if pin.connector == connector)

    def all(self) -> Mapping[str, Pin]:
        """All pins by tool name. Raises BadPolicy as `get` does."""
        self._refresh()
        return self._pins

    def reload(self) -> None:
        """Look at the files now, not within the next second."""
        self._looked = 0.0

    def _refresh(self) -> None:
        if self._looked and time.monotonic() - self._looked < RELOAD_SECONDS:
            if self._broken:
                raise BadPolicy(self._broken)
            return
        seen = tuple(
            (path.name, stat.st_mtime_ns, stat.st_size)
            for path in sorted((self._policies / FOLDER).glob("*.json"))
            if (stat := path.stat())
        )
        if seen != self._seen or self._broken:
            self._pins, self._broken, self._seen = {}, "", seen
            try:
                self._pins = load_pins(self._policies)
            except BadPolicy as error:
                self._broken = str(error)
        self._looked = time.monotonic()
        if self._broken:
            raise BadPolicy(self._broken)


def _read(path: Path) -> list[Pin]:
    try:
        file = _PinFile.model_validate(strict.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(first["msg"], field=".".join(str(part) for part in first["loc"])) from None
    if file.connector != path.stem:
        raise BadInput(f"the file is named for {path.stem!r}", field="connector", value=file.connector)
    pins: list[Pin] = []
    for tool in file.tools:
        said = tool.model_dump(exclude={"digest", "definition", "personal"})
        review = Review(wire_name="", **said, personal=tuple(each.read() for each in tool.personal))
        pin = make_pin(review, tool.definition)
        if pin.digest != tool.digest or pin.definition != tool.definition:
            raise BadInput(
                f"its definition has the digest {pin.digest}", field=f"{tool.tool}.digest", value=tool.digest
            )
        if pin.connector != file.connector:
            raise BadInput("the tool is another connector's", field=tool.tool)
        pins.append(pin)
    return pins


def _as_json(pin: Pin) -> dict[str, Any]:
    fields = ("tool", "digest", "effect", "delivery", "lookup", "says", "says_zh", "compensated_by", "personal")
    return {name: getattr(pin, name) for name in fields if getattr(pin, name)} | {"definition": dict(pin.definition)}
