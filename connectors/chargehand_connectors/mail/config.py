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
    if settings.smtp_tls == "none" and settings.smtp_host not in LOOPBACK:
        raise BadSettings(
            "mail would cross the network in the clear", field="CHARGEHAND_MAIL_SMTP_TLS", value=settings.smtp_tls
        )
    return settings
