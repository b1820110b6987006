"""How `chargehand dev` builds and starts the demo ERP, and how the ERP connector reaches it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from chargehand.discovery import DemoSystem, Progress
from chargehand.settings import Settings
from chargehand_connectors.demo.tryton import build


def _folder(settings: Settings) -> Path:
    return settings.state_dir.resolve() / "tryton"


def _cache(settings: Settings) -> Path:
    return settings.cache.resolve() / "tryton"


def _silent(_text: str) -> None:
    return


def _prepare(settings: Settings, progress: Progress) -> None:
    venv = build.environment(_cache(settings), progress)
    build.installation(_folder(settings), build.seed(_cache(settings), venv, progress), venv, progress)
    build.configuration(_folder(settings) / "trytond.conf", _folder(settings), settings.tryton_port)


def _command(settings: Settings) -> tuple[str, ...]:
    venv = build.environment(_cache(settings), _silent)
    return (str(venv / "bin" / "python"), str(venv / "bin" / "trytond"), "-c", str(_folder(settings) / "trytond.conf"))


def _serves(settings: Settings) -> Mapping[str, str]:
    credentials = json.loads((_folder(settings) / "credentials.json").read_text())
    return {
        "CHARGEHAND_ERP_URL": f"http://127.0.0.1:{settings.tryton_port}/{build.DATABASE}",
        "CHARGEHAND_ERP_KEY": credentials["key"],
        "CHARGEHAND_ERP_STATE": str(settings.state_dir.resolve() / "erp" / "keys.db"),
    }


demo_system = DemoSystem(
    name="tryton",
    title="Demo ERP (Tryton 8)",
    module="chargehand_connectors.demo.tryton",
    ports=lambda settings: (settings.tryton_port,),
    settings=("CHARGEHAND_TRYTON_PORT",),
    environment=lambda _settings: {},
    serves=_serves,
    ready=lambda settings: f"http://127.0.0.1:{settings.tryton_port}/",
    prepare=_prepare,
    command=_command,
    first_start="the first start installs a real ERP and seeds a company; that takes two to four minutes, once.",
)
