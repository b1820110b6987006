"""All connectors of an installation: those that packages bring, and foreign MCP servers named in `connectors.toml`.

    [salesforce]
    title = "Salesforce"
    command = ["npx", "-y", "@acme/salesforce-mcp@1.4.2"]      # or: url = "https://mcp.example.com/mcp"
    environment = ["PATH", "HOME", "SALESFORCE_TOKEN"]          # variables that its process is given; no others

    [salesforce.tools.update_case]                              # the allow-list: what is not named is not offered
    effect = "write"                                            # read, write or irreversible, as you reviewed it
    delivery = "once"                                           # safe, keyed or once
    says = "Set case {case} to {status}"

Every problem is collected and then said at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chargehand.connectors.model import Connector, Delivery, Review
from chargehand.connectors.pins import PersonalFile
from chargehand.discovery import CONNECTORS, discover
from chargehand.errors import BadPolicy
from chargehand.policy.model import Effect

FILE = "connectors.toml"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_WIRE_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,128}$")


class _ForeignTool(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    effect: Effect
    delivery: Delivery
    lookup: str = ""
    says: str = ""
    says_zh: str = ""
    compensated_by: str = ""
    personal: list[PersonalFile] = Field(default_factory=list[PersonalFile])


class _Foreign(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    description: str = ""
    command: list[str] = Field(default_factory=list)
    url: str = ""
    token_variable: str = ""
    environment: list[str] = Field(default_factory=list)
    tools: dict[str, _ForeignTool]


def load_connectors(policies: Path) -> tuple[Connector, ...]:
    """Every connector by name.

    Raises:
        BadSettings: a package can't be used.
        BadPolicy: `connectors.toml` can't, or a connector contradicts itself or another; lists every problem.
    """
    own = [found.thing for found in discover(CONNECTORS, Connector)]
    problems: list[str] = []
    connectors = [*own, *_foreign(policies / FILE, problems)]
    names = [connector.name for connector in connectors]
    problems += [f"two connectors are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    for connector in connectors:
        problems += check(connector)
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise BadPolicy(f"{len(problems)} problems with connectors:{listed}\n", way_out=f"Mend them or {FILE}.")
    return tuple(sorted(connectors, key=lambda connector: connector.name))


def check(connector: Connector) -> list[str]:
    """What is wrong with a connector's own description, a sentence each."""
    problems: list[str] = []
    if not _NAME.fullmatch(connector.name):
        problems.append(f"{connector.name!r}: a connector is named in lower-case letters, digits and _")
    if sum(map(bool, (connector.module, connector.command, connector.url))) != 1:
        problems.append(f"{connector.name}: give either command or url")
    if connector.url and not connector.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        problems.append(f"{connector.name}.url = {connector.url!r}: https, except on this machine")
    offered = {review.tool: review for review in connector.reviews}
    for tool, review in offered.items():
        if review.effect == "read" and review.delivery != "safe":
            problems.append(f"{tool}: a read is always safe to repeat")
        if review.effect == "irreversible" and review.delivery == "safe":
            problems.append(f"{tool}: what is irreversible is never safe to repeat")
        if not tool.startswith(f"{connector.name}."):
            problems.append(f"{tool}: is named for another connector than {connector.name}")
        if review.lookup and (review.lookup not in offered or offered[review.lookup].effect != "read"):
            problems.append(f"{tool}.lookup = {review.lookup!r}: is no read of this connector")
        if review.compensated_by and review.compensated_by not in offered:
            problems.append(f"{tool}.compensated_by = {review.compensated_by!r}: is no tool of this connector")
    for declared in connector.tools:
        problems += _lookup_shape(connector, declared.lookup, declared.name)
    return problems


def _lookup_shape(connector: Connector, lookup: str, tool: str) -> Iterable[str]:
    """A lookup is asked with the key alone, and says whether it found the effect (`declare.Lookup`)."""
    found = next((each for each in connector.tools if each.name == lookup), None)
    if found is None:
        return
    if list(found.input_schema.get("required", ())) != ["key"]:
        yield f"{lookup}: looks up effects of {tool}, so it takes one argument, key"
    if not {"found", "finished"} <= set(found.output_schema.get("required", ())):
        yield f"{lookup}: looks up effects of {tool}, so it returns found and finished"


def _foreign(path: Path, problems: list[str]) -> list[Connector]:
    if not path.is_file():
        return []
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problems.append(f"{path}: {error}")
        return []
    connectors: list[Connector] = []
    for name, table in tables.items():
        try:
            connectors.append(_connector(name, _Foreign.model_validate(table)))
        except ValidationError as error:
            problems += [
                f"{path}: {'.'.join((name, *map(str, each['loc'])))} = {each.get('input')!r}: {each['msg']}"
                for each in error.errors()
            ]
        except ValueError as error:
            problems.append(f"{path}: {name}: {error}")
    return connectors


def _connector(name: str, given: _Foreign) -> Connector:
    if not given.tools:
        raise ValueError("no tool is allowed, so it is of no use")
    for wire_name in given.tools:
        if not _WIRE_NAME.fullmatch(wire_name):
            raise ValueError(f"{wire_name!r} is no tool name")
    return Connector(
        name=name,
        title=given.title,
        module="",
        tools=(),
        environment=tuple(given.environment),
        command=tuple(given.command),
        url=given.url,
        token_variable=given.token_variable,
        description=given.description,
        allowed=tuple(
            Review(
                tool=f"{name}.{wire_name}",
                wire_name=wire_name,
                effect=tool.effect,
                delivery=tool.delivery,
                lookup=_full(name, tool.lookup),
                says=tool.says,
                says_zh=tool.says_zh,
                compensated_by=_full(name, tool.compensated_by),
                personal=tuple(each.read() for each in tool.personal),
            )
            for wire_name, tool in given.tools.items()
        ),
    )


def _full(connector: str, tool: str) -> str:
    return tool if not tool or tool.startswith(f"{connector}.") else f"{connector}.{tool}"
