"""How `chargehand dev` starts the demo mail server, and how the mail connector reaches it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from chargehand.discovery import DemoSystem
from chargehand.settings import Settings


def _environment(settings: Settings) -> Mapping[str, str]:
    return {
        "DEMO_MAILBOX_SMTP_PORT": str(settings.smtp_port),
        "DEMO_MAILBOX_HTTP_PORT": str(settings.mailbox_port),
        "DEMO_MAILBOX_FILE": str(settings.state_dir.resolve() / "mailbox" / "mails.db"),
    }


def _serves(settings: Settings) -> Mapping[str, str]:
    return {
        "CHARGEHAND_MAIL_SMTP_HOST": "127.0.0.1",
        "CHARGEHAND_MAIL_SMTP_PORT": str(settings.smtp_port),
        "CHARGEHAND_MAIL_SMTP_TLS": "none",
        "CHARGEHAND_MAIL_FROM": "service@ostwind-pumpen.example",
        "CHARGEHAND_MAIL_LOOKUP_URL": f"http://127.0.0.1:{settings.mailbox_port}",
        "CHARGEHAND_LINKS": json.dumps(
            {"mail": f"http://127.0.0.1:{settings.mailbox_port}/?message_id={{value}}"} | settings.links
        ),
        "CHARGEHAND_MAIL_STATE": str(settings.state_dir.resolve() / "connectors" / "mail.db"),
    }


demo_system = DemoSystem(
    name="mailbox",
    title="Demo mail server",
    module="chargehand_connectors.demo.mailbox",
    ports=lambda settings: (settings.smtp_port, settings.mailbox_port),
    settings=("CHARGEHAND_SMTP_PORT", "CHARGEHAND_MAILBOX_PORT"),
    connectors=("mail",),
    environment=_environment,
    serves=_serves,
    ready=lambda settings: f"http://127.0.0.1:{settings.mailbox_port}/health",
)
