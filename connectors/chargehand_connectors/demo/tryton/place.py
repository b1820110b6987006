"""Where one installation of the demo ERP keeps its files, and its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATABASE = "chargehand"
LOGIN = "chargehand"
"""The user in Tryton that the connector acts as; `seed.py` makes it."""


@dataclass(frozen=True)
class Place:
    """`folder` belongs to one installation; what can be shared is in the cache."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / f"{DATABASE}.sqlite"

    @property
    def access(self) -> Path:
        """The credentials of this installation, JSON, readable by its owner only."""
        return self.folder / "access.json"

    @property
    def conf(self) -> Path:
        return self.folder / "trytond.conf"

    @property
    def web(self) -> Path:
        return self.folder / "web"


def write_conf(conf: Path, data: Path, *, web: Path | None = None, port: int | None = None) -> None:
    """trytond's configuration; with `port` for a server, which then answers GET / with 200 once it is up."""
    lines = ["[database]", "uri = sqlite://", f"path = {data}"]
    if port is not None and web is not None:
        web.mkdir(parents=True, exist_ok=True)
        (web / "index.html").write_text("Tryton is up. Sign in with a Tryton client.\n", encoding="ascii")
        lines += ["[web]", f"listen = 127.0.0.1:{port}", f"root = {web}"]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
