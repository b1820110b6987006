"""Configuration: the environment, prefix `CHARGEHAND_`, and nothing else.

Every field is documented in docs/reference/settings.md; a test fails for one that is not.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chargehand.errors import BadSettings

UNVERSIONED = "none"
"""The release of a worker whose runs may go on with any other."""


class Settings(BaseSettings):
    """What a process needs to know about its surroundings."""

    model_config = SettingsConfigDict(env_prefix="CHARGEHAND_", extra="ignore", frozen=True)

    state_dir: Path = Field(Path(".chargehand"), description="Where the embedded default keeps its state.")
    cache_dir: Path | None = Field(None, description="What can be built again; default: in state_dir.")
    policies_dir: Path | None = Field(
        None, description="The policies folder; default: ./policies, else the installed one."
    )
    database_url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite in the state folder.")
    tenant: str = Field("demo", description="The tenant that the embedded default serves.")

    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8710, ge=1, le=65535, description="Port of API and console.")
    api_connectors: Literal["gateway", "own"] = Field(
        "gateway", description="Who reaches connectors for the API: the gateway worker, or the API itself."
    )
    api_url: str | None = Field(None, description="Where the command line finds the API; default: host and port above.")
    api_token: SecretStr | None = Field(None, description="Token of the command line; default: as `login` stored it.")
    config_dir: Path | None = Field(None, description="Where `chargehand login` keeps the token; default: per user.")
    temporal_address: str = Field("127.0.0.1:8715", description="host:port of Temporal's frontend.")
    temporal_namespace: str = Field("default", description="Temporal namespace.")
    temporal_tls: bool = Field(False, description="Reach Temporal over TLS.")
    temporal_tls_dir: Path | None = Field(
        None,
        description="With TLS: a folder with ca.pem, client.pem and client.key, as far as they are there.",
    )
    temporal_api_key_file: Path | None = Field(None, description="A file with the API key for Temporal; needs TLS.")
    release: str | None = Field(
        None,
        max_length=100,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of this release of the agents, on which its runs stay; default: a hash of what the agents "
        "are; `none`: runs go on with whatever worker there is.",
    )
    release_share: float = Field(
        100, ge=0, le=100, description="Of a hundred new runs, how many begin on a release whose first worker comes up."
    )
    payload_key_file: Path | None = Field(
        None, description="Key (32 bytes) that encrypts what Temporal stores; default: made in the state folder."
    )
    blobs_dir: Path | None = Field(
        None, description="Folder, shared by all processes, of large payloads of runs; default: in the state folder."
    )
    history_events: int = Field(
        0, ge=0, description="A run goes on in a new history after so many events; 0: when Temporal suggests it."
    )
    largest_value: int = Field(
        32 * 1024 * 1024, ge=1024, le=48 * 1024 * 1024, description="Bytes that one result of a tool or node may have."
    )
    tryton_port: int = Field(8711, ge=1, le=65535, description="Port of the demo ERP (Tryton).")
    carrier_port: int = Field(8712, ge=1, le=65535, description="Port of the demo carrier.")
    smtp_port: int = Field(8713, ge=1, le=65535, description="Port of the demo mail server (SMTP).")
    mailbox_port: int = Field(8714, ge=1, le=65535, description="Port on which the demo mailbox is read (HTTP).")

    demo_password: SecretStr | None = Field(None, description="Password of the demo people; default: made up, printed.")

    model_base_url: str | None = Field(None, description="An OpenAI-compatible endpoint; none: no language model.")
    model_name: str | None = Field(None, description="Model to ask for at that endpoint.")
    model_price_in: Decimal | None = Field(
        None, ge=0, description="US dollars for a million tokens asked; none: unknown."
    )
    model_price_out: Decimal | None = Field(
        None, ge=0, description="US dollars for a million tokens answered; none: unknown."
    )
    model_api_key: SecretStr | None = Field(None, description="Key for that endpoint.")
    model_stream: bool = Field(True, description="Ask it to stream, so that people read an answer while it is written.")

    witnesses: str = Field("", description="Witnesses of the action log: `URL KEY`, several separated by `;`.")
    siem_url: str | None = Field(None, description="Where the log is streamed: syslog+tcp://host:port or https://…")
    siem_token: SecretStr | None = Field(None, description="Bearer token for an HTTP SIEM.")

    trace_file: bool = Field(False, description="Keep OpenTelemetry spans in files under `traces` in the state folder.")

    links: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="Where people open documents of other systems: JSON of URLs with {value}, by `x-link` name.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")

    @field_validator("links")
    @classmethod
    def _only_web_addresses(cls, links: dict[str, str]) -> dict[str, str]:
        for address in links.values():
            if not address.startswith(("https://", "http://")) or "{value}" not in address:
                raise ValueError("a web address with {value} in it is expected, for each name")
        return links

    @property
    def payload_key(self) -> Path:
        """The payload key's file in force."""
        return self.payload_key_file or self.state_dir / "payload.key"

    @property
    def blobs(self) -> Path:
        """The folder of large payloads in force."""
        return self.blobs_dir or self.state_dir / "blobs"

    @property
    def traces(self) -> Path | None:
        """The folder of the span files, if they are on."""
        return self.state_dir / "traces" if self.trace_file else None

    @property
    def cache(self) -> Path:
        """The cache folder in force."""
        return self.cache_dir or self.state_dir / "cache"

    @property
    def policies(self) -> Path:
        """The policies folder in force: the one named, else ./policies, else the one that was installed with us."""
        if self.policies_dir:
            return self.policies_dir
        here = Path("policies")
        return here if (here / "model.conf").exists() else Path(__file__).parent / "_policies"

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.state_dir / 'chargehand.db').resolve()}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once.

    Raises:
        BadSettings: a variable has a value that can't be used; names the variable.
    """
    return load()


def load() -> Settings:
    """Read the environment now. Raises BadSettings as `settings` does."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue]  # fields come from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = "CHARGEHAND_" + "_".join(str(part) for part in first["loc"]).upper()
        raise BadSettings(first["msg"], field=name, value=first.get("input"), way_out="Change or unset it.") from None
