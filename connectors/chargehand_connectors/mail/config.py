"""The mail connector's own variables. It is its own process, so it reads them itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chargehand.errors import BadSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class MailSettings(BaseSettings):
    """Prefix `CHARGEHAND_MAIL_`."""

    model_config = SettingsConfigDict(env_prefix="CHARGEHAND_MAIL_", extra="ignore", frozen=True)

    smtp_host: str = Field(description="Host of the mail server.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_user: str = Field("", description="User name, where it wants one.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password, where it wants one.")
    smtp_tls: Literal["starttls", "implicit", "none"] = Field("starttls", description="none: on this machine only.")
    sender: str = Field(alias="CHARGEHAND_MAIL_FROM", description="Address that mails come from.")
    lookup_url: str = Field(
        "", description="Mailbox service that finds a mail by its Message-ID; empty: there is none."
    )
    imap_host: str = Field("", description="Host of the IMAP server whose mails are read; empty: the mailbox service.")
    imap_port: int = Field(993, ge=1, le=65535, description="Its port.")
    imap_user: str = Field("", description="User name.")
    imap_password: SecretStr = Field(SecretStr(""), description="Password.")
    imap_tls: Literal["implicit", "starttls", "none"] = Field("implicit", description="none: on this machine only.")
    imap_folder: str = Field("INBOX", min_length=1, description="Folder that is read; nothing in it is changed.")
    imap_ca: Path | None = Field(None, description="PEM file of the authority that signed its certificate, if private.")
    state: Path = Field(description="SQLite file that remembers which keys were sent. Keep it: it prevents doubles.")


def load() -> MailSettings:
    """Read the environment.

    Raises:
        BadSettings: a variable is missing or wrong; names it.
    """
    try:
        settings = MailSettings()  # pyright: ignore[reportCallIssue]  # fields come from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"CHARGEHAND_MAIL_{name.upper()}"
        raise BadSettings(first["msg"], field=variable, way_out="Set it for the mail connector.") from None
    for protocol, host, tls in (
        ("SMTP", settings.smtp_host, settings.smtp_tls),
        ("IMAP", settings.imap_host, settings.imap_tls),
    ):
        if tls == "none" and host and host not in LOOPBACK:
            raise BadSettings(
                "mail would cross the network in the clear", field=f"CHARGEHAND_MAIL_{protocol}_TLS", value=tls
            )
    return settings
