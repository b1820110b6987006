"""Find what packages offer: one entry point a package, one folder a thing.

    [project.entry-points."chargehand.agents"]
    acme = "acme_agents"          # acme_agents/<agent>/__init__.py exports the AgentSpec

The folder `demo` of a connectors package is special: it holds demo systems, not connectors. Every failure is collected,
and then all of them are said at once: a half-discovered installation never starts.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from chargehand.errors import BadSettings
from chargehand.settings import Settings

T = TypeVar("T")

CONNECTORS = "chargehand.connectors"
AGENTS = "chargehand.agents"
DEMO_FOLDER = "demo"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class DemoSystem:
    """A system that `chargehand dev` starts beside the platform: `python -m <module>`.

    `prepare` builds what the first start needs (a database, say) and reports in sentences; a later call returns at
    once. `environment` gives the variables that the process is started with, from the settings. `serves` gives those
    by which connectors reach it. `ready` is the URL that answers 200 once it is up.
    """

    name: str
    title: str
    module: str
    ports: Callable[[Settings], tuple[int, ...]]
    environment: Callable[[Settings], Mapping[str, str]]
    ready: Callable[[Settings], str]
    prepare: Callable[[Settings, Progress], None] | None = None
    serves: Callable[[Settings], Mapping[str, str]] | None = None
    command: Callable[[Settings], tuple[str, ...]] | None = None
    """Takes the place of `python -m module` where the system has an interpreter of its own."""
    first_start: str = ""
    """What the first start does and how long it takes, in words."""
    settings: tuple[str, ...] = ()
    """Names of the settings that hold its ports, in the order of `ports`."""
    connectors: tuple[str, ...] = ()
    """Names of the connectors that reach it; `chargehand dev --light` leaves out what nobody needs."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """One thing and the module that offers it."""

    thing: T
    module: str


def discover(group: str, kind: type[T]) -> tuple[Found[T], ...]:
    """Every instance of `kind` that the folders of the packages in `group` export, sorted by module.

    Raises:
        BadSettings: a package or folder can't be imported, or offers nothing of that kind; lists every failure.
    """
    return _collect(group, kind, lambda package: _folders(package, skip=DEMO_FOLDER))


def discover_demo_systems() -> tuple[Found[DemoSystem], ...]:
    """The demo systems of all connector packages. Raises BadSettings as `discover` does."""
    return _collect(CONNECTORS, DemoSystem, _demo_folders)


def find_in(package: ModuleType, kind: type[T]) -> tuple[Found[T], ...]:
    """`discover` for one package that is not installed with an entry point. Raises BadSettings likewise."""
    failures: list[str] = []
    found = _from_folders(_folders(package, skip=DEMO_FOLDER), kind, failures)
    _refuse(package.__name__, failures)
    return found


def _collect(group: str, kind: type[T], folders: Callable[[ModuleType], Iterable[str]]) -> tuple[Found[T], ...]:
    failures: list[str] = []
    found: dict[str, Found[T]] = {}
    for point in sorted(set(entry_points(group=group)), key=lambda point: (point.value, point.name)):
        package = _load(point, failures)
        if package is not None:
            found |= {
                f"{each.module}:{id(each.thing)}": each for each in _from_folders(folders(package), kind, failures)
            }
    _refuse(group, failures)
    return tuple(sorted(found.values(), key=lambda each: each.module))


def _load(point: EntryPoint, failures: list[str]) -> ModuleType | None:
    try:
        loaded = importlib.import_module(point.value)
    except Exception as error:
        failures.append(f"{point.name} = {point.value}: {_said(error)}")
        return None
    if not hasattr(loaded, "__path__"):
        failures.append(f"{point.name} = {point.value}: is a module; a package with one folder a thing is expected")
        return None
    return loaded


def _folders(package: ModuleType, *, skip: str = "") -> list[str]:
    return sorted(
        f"{package.__name__}.{each.name}"
        for each in pkgutil.iter_modules(package.__path__)
        if each.ispkg and each.name != skip and not each.name.startswith("_")
    )


def _demo_folders(package: ModuleType) -> list[str]:
    if not any(Path(path, DEMO_FOLDER, "__init__.py").is_file() for path in package.__path__):
        return []
    return _folders(importlib.import_module(f"{package.__name__}.{DEMO_FOLDER}"))


def _from_folders(modules: Iterable[str], kind: type[T], failures: list[str]) -> tuple[Found[T], ...]:
    found: list[Found[T]] = []
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            failures.append(f"{name}: {_said(error)}")
            continue
        things = {id(value): value for value in vars(module).values() if isinstance(value, kind)}
        if not things:
            failures.append(f"{name}: exports no {kind.__name__}")
        found.extend(Found(thing, name) for thing in things.values())
    return tuple(found)


def _refuse(where: str, failures: list[str]) -> None:
    if failures:
        listed = "".join(f"\n  - {failure}" for failure in failures)
        raise BadSettings(
            f"{len(failures)} of what {where} offers can't be used:{listed}\n",
            way_out="Mend or uninstall it; nothing starts with a part missing.",
        )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
