"""How `chargehand dev` builds and starts the demo ERP, and how the connectors reach it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from chargehand.discovery import DemoSystem, Progress
from chargehand.settings import Settings
from chargehand_connectors.demo.tryton.build import Build
from chargehand_connectors.demo.tryton.place import DATABASE, Place, write_conf


def _place(settings: Settings) -> Place:
    return Place(settings.state_dir.resolve() / "tryton")


def _build(settings: Settings) -> Build:
    return Build(settings.cache.resolve() / "tryton")


def _prepare(settings: Settings, progress: Progress) -> None:
    build, place = _build(settings), _place(settings)
    build.ensure(progress)
    if not place.database.exists():
        progress("giving this installation's copy of the demo company credentials of its own")
        build.install(place)
    write_conf(place.conf, place.data, web=place.web, port=settings.tryton_port)


def _command(settings: Settings) -> tuple[str, ...]:
    trytond = _build(settings).program("trytond")
    return (str(trytond), "-c", str(_place(settings).conf), "-d", DATABASE)


def _environment(_settings: Settings) -> Mapping[str, str]:
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _serves(settings: Settings) -> Mapping[str, str]:
    access: dict[str, str] = json.loads(_place(settings).access.read_text(encoding="utf-8"))
    return {
        "CHARGEHAND_ERP_URL": f"http://127.0.0.1:{settings.tryton_port}/{DATABASE}",
        "CHARGEHAND_ERP_KEY": access["key"],
        "CHARGEHAND_ERP_STATE": str(settings.state_dir.resolve() / "connectors" / "erp.db"),
    }


demo_system = DemoSystem(
    name="tryton",
    title="Demo ERP (Tryton 8)",
    module="chargehand_connectors.demo.tryton",
    ports=lambda settings: (settings.tryton_port,),
    settings=("CHARGEHAND_TRYTON_PORT",),
    connectors=("erp", "logistics"),
    environment=_environment,
    serves=_serves,
    command=_command,
    ready=lambda settings: f"http://127.0.0.1:{settings.tryton_port}/",
    prepare=_prepare,
    first_start="the first start installs a real ERP and builds the demo company; that takes about a minute, once.",
)
