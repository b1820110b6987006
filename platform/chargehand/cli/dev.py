"""`chargehand dev`: everything on this machine, in one command, until Ctrl-C."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.request import urlopen

import typer
from rich.console import Console
from rich.table import Table

from chargehand import migrations
from chargehand.agents.catalog import discover_agents
from chargehand.cli.project import connectors_used, packages_in, systems_for
from chargehand.cli.supervisor import Port, ProcessSpec, Supervisor, answers_tcp, only_one, require_free
from chargehand.connectors.registry import load_connectors
from chargehand.database import Database
from chargehand.discovery import DemoSystem, discover_demo_systems
from chargehand.errors import BadSettings
from chargehand.identity.demo import DEMO_PEOPLE, seed_demo
from chargehand.settings import UNVERSIONED, Settings, load
from chargehand.worker.dev_server import dev_server
from chargehand.worker.steady import steady

TEMPORAL_UI_OFFSET = 1000
MODEL_KEY = "CHARGEHAND_MODEL_API_KEY"
SECRETS = {MODEL_KEY, "CHARGEHAND_DATABASE_URL", "CHARGEHAND_DEMO_PASSWORD", "CHARGEHAND_API_TOKEN"}
"""What an agent worker is never given."""

AGENTS_PROCESSES = ("gateway", "agents", "api")
"""What knows the agents: `chargehand agents dev` has it started anew when their code changed."""

say = Console(stderr=False, highlight=False)


def dev(
    as_json: Annotated[bool, typer.Option("--json", help="Say one line of JSON when everything is up.")] = False,
    light: Annotated[
        bool, typer.Option("--light", help="Only the demo systems that the agents of this folder use.")
    ] = False,
    spares: Annotated[bool, typer.Option("--spares", hidden=True)] = False,
) -> None:
    """Start everything on this machine: Temporal, the demo ERP, carrier and mail server, API, console, workers.

    The first start builds the demo ERP, which takes a few minutes; later starts take seconds. State is kept in
    .chargehand/ and waiting runs resume at the next start. Ctrl-C stops all of it.
    """
    settings = load()
    console = Console(stderr=True, highlight=False) if as_json else say
    with only_one(settings.state_dir):
        systems = [found.thing for found in discover_demo_systems()]
        if light:
            systems = _needed(settings, systems, console)
        _run(settings, console, systems, as_json=as_json, spares=spares)


def _needed(settings: Settings, systems: list[DemoSystem], console: Console) -> list[DemoSystem]:
    used = connectors_used(discover_agents(), packages_in(Path.cwd()))
    needed = systems_for(used, systems, load_connectors(settings.policies), os.environ)
    if left := ", ".join(one.title for one in systems if one not in needed):
        console.print(f"[dim]Not needed by the agents of this folder: {left}.[/]")
    return needed


def _run(settings: Settings, console: Console, systems: list[DemoSystem], *, as_json: bool, spares: bool) -> None:
    for port in _ports(settings, systems):
        require_free(port)
    facts = settings.state_dir / "dev.json"
    facts.unlink(missing_ok=True)
    supervisor = Supervisor(
        settings.state_dir / "logs", lambda text: console.print(f"[yellow]•[/] {text}"), lambda: tell()
    )

    told = 0

    def tell(*, up: bool = True) -> None:
        nonlocal told
        told += 1
        known = {"up": up, "url": _url(settings), "pids": supervisor.pids(), "systems": [one.name for one in systems]}
        _write(facts, {**known, "supervisor": os.getpid(), "told": told})

    began = time.monotonic()
    with supervisor.signals(), supervisor.renew_on_signal(*AGENTS_PROCESSES):
        try:
            for system in systems:
                if system.prepare:
                    _prepare(system, settings, console)
            password, made_up = _password(settings)
            _database(settings, password)
            for spec in _processes(settings, systems):
                if spares and spec.name in AGENTS_PROCESSES:
                    spec = replace(spec, spare=[sys.executable, "-m", "chargehand.cli.spare", spec.command[-1]])
                if supervisor.stopping:
                    return
                with console.status(f"Starting {spec.title} …"):
                    seconds = supervisor.start(spec)
                if not supervisor.stopping:
                    console.print(f"[green]✓[/] {spec.title:<34} {spec.where:<34} [dim]{seconds:4.1f} s[/]")
            if supervisor.stopping:
                return
            tell()
            if as_json:
                sys.stdout.write(facts.read_text() + "\n")
                sys.stdout.flush()
            else:
                _welcome(settings, console, password if made_up else "", time.monotonic() - began)
            supervisor.run()
        finally:
            console.print("Stopping …")
            supervisor.stop()
            facts.unlink(missing_ok=True)
            console.print("Everything has stopped. Waiting runs go on at the next start.")


def _prepare(system: DemoSystem, settings: Settings, console: Console) -> None:
    if system.prepare is None:
        return
    began = time.monotonic()
    said = False

    def progress(text: str) -> None:
        nonlocal said
        if not said and system.first_start:
            console.print(f"[bold]{system.title}[/]: {system.first_start}")
        said = True
        console.print(f"  [dim]{time.monotonic() - began:5.0f} s[/]  {text}")

    system.prepare(settings, progress)
    if said:
        console.print(f"[green]✓[/] {system.title} is built ({time.monotonic() - began:.0f} s; kept for later starts).")


def _processes(settings: Settings, systems: list[DemoSystem]) -> list[ProcessSpec]:
    """What to start, in order."""
    base = {key: value for key, value in os.environ.items() if not key.startswith("CHARGEHAND_")}
    ours = {key: value for key, value in os.environ.items() if key.startswith("CHARGEHAND_")}
    base["PYTHONUNBUFFERED"] = "1"
    served: dict[str, str] = {}
    specs = [_temporal(settings, base)]
    for system in systems:
        served |= dict(system.serves(settings)) if system.serves else {}
        specs.append(_demo(system, settings, base))
    trusted = base | ours | served
    keys = {MODEL_KEY, *(name for each in load_connectors(settings.policies) for name in each.environment)}
    sealed = base | {key: value for key, value in ours.items() if key not in SECRETS}
    # Here nobody keeps an older worker up: what is edited goes on with the runs there are, as long as it fits.
    sealed.setdefault("CHARGEHAND_RELEASE", UNVERSIONED)
    specs.append(
        _ours(
            settings,
            "api",
            "API and console",
            "chargehand.api",
            trusted if settings.api_connectors == "own" else _without(base | ours, keys),
            _url(settings),
            (Port(settings.api_port, "CHARGEHAND_API_PORT", settings.api_host),),
        )
    )
    specs.append(_ours(settings, "gateway", "Gateway worker", "chargehand.worker.gateway", trusted))
    specs.append(
        _ours(
            settings,
            "agents",
            "Agent worker (no keys, no database)",
            "chargehand.worker.agents",
            sealed | steady(settings.payload_key),
        )
    )
    return specs


def _without(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


def _temporal(settings: Settings, base: Mapping[str, str]) -> ProcessSpec:
    host, _, port = settings.temporal_address.partition(":")
    ui = int(port) + TEMPORAL_UI_OFFSET
    return ProcessSpec(
        name="temporal",
        title="Temporal",
        command=dev_server(int(port), host=host, database=settings.state_dir.resolve() / "temporal.db", ui_port=ui),
        environment=dict(base),
        ready=lambda: answers_tcp(host, int(port)) and _answers(f"http://{host}:{ui}"),
        where=f"http://{host}:{ui}",
    )


def _demo(system: DemoSystem, settings: Settings, base: Mapping[str, str]) -> ProcessSpec:
    command = system.command(settings) if system.command else (sys.executable, "-m", system.module)
    ready = system.ready(settings)
    return ProcessSpec(
        name=system.name,
        title=system.title,
        command=command,
        environment=dict(base) | dict(system.environment(settings)),
        ready=lambda: _answers(ready),
        where=_origin(ready),
    )


def _ours(
    settings: Settings,
    name: str,
    title: str,
    module: str,
    environment: Mapping[str, str],
    where: str = "",
    ports: tuple[Port, ...] = (),
) -> ProcessSpec:
    sign = settings.state_dir.resolve() / "run" / f"{name}.ready"
    sign.parent.mkdir(parents=True, exist_ok=True)
    sign.unlink(missing_ok=True)
    return ProcessSpec(
        name=name,
        title=title,
        command=[sys.executable, "-m", module],
        environment=dict(environment) | {"CHARGEHAND_READY_FILE": str(sign)},
        ready=sign.exists,
        renewed=lambda: sign.unlink(missing_ok=True),
        ports=ports,
        where=where,
    )


def _ports(settings: Settings, systems: list[DemoSystem]) -> list[Port]:
    host, _, port = settings.temporal_address.partition(":")
    if not port.isdigit():
        raise BadSettings(
            "host:port is expected.", field="CHARGEHAND_TEMPORAL_ADDRESS", value=settings.temporal_address
        )
    ports = [
        Port(settings.api_port, "CHARGEHAND_API_PORT", settings.api_host),
        Port(int(port), "CHARGEHAND_TEMPORAL_ADDRESS", host),
        Port(int(port) + TEMPORAL_UI_OFFSET, "CHARGEHAND_TEMPORAL_ADDRESS", host),
    ]
    for system in systems:
        names = system.settings or (f"CHARGEHAND_{system.name.upper()}_PORT",) * len(system.ports(settings))
        ports += [Port(number, name) for number, name in zip(system.ports(settings), names, strict=True)]
    return ports


def _database(settings: Settings, password: str) -> None:
    database = Database(settings.database)
    try:
        migrations.upgrade(database)
        seed_demo(database, password)
    finally:
        database.close()


def _password(settings: Settings) -> tuple[str, bool]:
    """The demo people's password, and whether we made it up."""
    if settings.demo_password:
        return settings.demo_password.get_secret_value(), False
    file = settings.state_dir / "demo-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return file.read_text().strip(), True


def _welcome(settings: Settings, console: Console, password: str, seconds: float) -> None:
    table = Table(box=None, padding=(0, 2), show_header=False)
    for person in DEMO_PEOPLE:
        table.add_row(f"[bold]{person.sign_in}[/]", person.name, f"[dim]{person.does}[/]")
    console.print(f"\nEverything is up after {seconds:.0f} s.  Console: [bold]{_url(settings)}[/]\n")
    console.print(table)
    console.print(f"\nPassword of the demo people: [bold]{password or 'as CHARGEHAND_DEMO_PASSWORD says'}[/]")
    console.print("[dim]Ctrl-C stops everything. Logs: " + str(settings.state_dir / "logs") + "[/]\n")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 — a loopback URL of our own making
            return answer.status == 200
    except OSError:
        return False


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


def _url(settings: Settings) -> str:
    return f"http://{settings.api_host}:{settings.api_port}"


def _write(file: Path, facts: Mapping[str, object]) -> None:
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(facts))
    draft.replace(file)
