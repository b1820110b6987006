"""How `chargehand dev` starts the demo carrier, and how the logistics connector reaches it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from chargehand.discovery import DemoSystem, Progress
from chargehand.settings import Settings


def _token_file(settings: Settings) -> Path:
    return settings.state_dir.resolve() / "carrier" / "token"


def _prepare(settings: Settings, _progress: Progress) -> None:
    file = _token_file(settings)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24), encoding="ascii")


def _environment(settings: Settings) -> Mapping[str, str]:
    return {
        "DEMO_CARRIER_PORT": str(settings.carrier_port),
        "DEMO_CARRIER_FILE": str(settings.state_dir.resolve() / "carrier" / "parcels.db"),
        "DEMO_CARRIER_TOKEN": _token_file(settings).read_text(encoding="ascii"),
    }


def _serves(settings: Settings) -> Mapping[str, str]:
    # Here, not above: the carrier's own process has no use for the ERP's start-up code.
    from chargehand_connectors.demo.tryton.system import demo_system as tryton

    # The demo ERP has one user, so the logistics connector gets its key; a real one would get a reader's.
    erp = tryton.serves(settings) if tryton.serves else {}
    return {
        "CHARGEHAND_CARRIER_URL": f"http://127.0.0.1:{settings.carrier_port}",
        "CHARGEHAND_CARRIER_TOKEN": _token_file(settings).read_text(encoding="ascii"),
        "CHARGEHAND_LOGISTICS_ERP_URL": erp["CHARGEHAND_ERP_URL"],
        "CHARGEHAND_LOGISTICS_ERP_KEY": erp["CHARGEHAND_ERP_KEY"],
    }


demo_system = DemoSystem(
    name="carrier",
    title="Demo carrier",
    module="chargehand_connectors.demo.carrier",
    ports=lambda settings: (settings.carrier_port,),
    settings=("CHARGEHAND_CARRIER_PORT",),
    connectors=("logistics",),
    environment=_environment,
    serves=_serves,
    ready=lambda settings: f"http://127.0.0.1:{settings.carrier_port}/health",
    prepare=_prepare,
)
