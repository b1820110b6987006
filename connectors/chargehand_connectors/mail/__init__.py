"""Mail over SMTP and IMAP: tools for authors, a connector for the gateway."""

from __future__ import annotations

from chargehand.connectors.model import Connector
from chargehand_connectors.mail.tools import find_by_key, list_new, send

connector = Connector(
    name="mail",
    title="Mail",
    module="chargehand_connectors.mail",
    tools=(send, find_by_key, list_new),
    environment=(
        "CHARGEHAND_MAIL_SMTP_HOST",
        "CHARGEHAND_MAIL_SMTP_PORT",
        "CHARGEHAND_MAIL_SMTP_USER",
        "CHARGEHAND_MAIL_SMTP_PASSWORD",
        "CHARGEHAND_MAIL_SMTP_TLS",
        "CHARGEHAND_MAIL_FROM",
        "CHARGEHAND_MAIL_LOOKUP_URL",
        "CHARGEHAND_MAIL_IMAP_HOST",
        "CHARGEHAND_MAIL_IMAP_PORT",
        "CHARGEHAND_MAIL_IMAP_USER",
        "CHARGEHAND_MAIL_IMAP_PASSWORD",
        "CHARGEHAND_MAIL_IMAP_TLS",
        "CHARGEHAND_MAIL_IMAP_FOLDER",
        "CHARGEHAND_MAIL_IMAP_CA",
        "CHARGEHAND_MAIL_STATE",
    ),
    description="Send plain-text mail, once for each call; read what came to an address.",
)

__all__ = ["connector", "find_by_key", "list_new", "send"]
