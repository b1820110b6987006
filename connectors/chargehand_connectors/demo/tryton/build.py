"""Build the demo ERP once: Tryton's environment from the hashed lock, then a database with the demo company.

Both lie in the cache under a hash of what they are made from, so another lock or company builds anew, and appear under
their names only when they are whole. Several processes may ask at once: one builds, the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chargehand.discovery import Progress
from chargehand.errors import Unavailable
from chargehand_connectors.demo.tryton.place import DATABASE, Place, write_conf

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
SEED = HERE / "seed.py"
COMPANY = HERE / "company.json"
MODULES = (
    "account_invoice_stock",
    "carrier",
    "party",
    "production",
    "purchase",
    "sale",
    "sale_complaint",
    "stock",
    "web_shop",
)


class Build:
    """What all installations on this machine share; `cache` is its folder."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        interpreter = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._venv = cache / f"venv-{_hash(LOCK, salt=interpreter)}"
        self._seeded = cache / f"company-{_hash(LOCK, SEED, COMPANY, salt=' '.join(MODULES))}.sqlite"

    def program(self, name: str) -> Path:
        """A program of Tryton's environment."""
        return self._venv / "bin" / name

    def ensure(self, progress: Progress) -> None:
        """Build what is missing; returns at once when nothing is.

        Raises:
            Unavailable: a step failed; shows its last lines. The next call starts that step again.
        """
        if self._has_venv() and self._seeded.exists():
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        with _locked(self._cache / "lock", progress):
            if not self._has_venv():
                self._install_tryton(progress)
            if not self._seeded.exists():
                self._fill(progress)

    def install(self, place: Place) -> None:
        """Put a copy of the demo company at `place`, with credentials of its own. Raises Unavailable."""
        fresh = place.folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        shutil.copyfile(self._seeded, fresh / f"{DATABASE}.sqlite")
        write_conf(fresh / "conf", fresh)
        access = {name: secrets.token_urlsafe(32) for name in ("password", "key", "admin_password")}
        _run(
            *(str(self.program("python")), str(SEED), "secure", str(fresh / "conf"), DATABASE),
            given=json.dumps(access),
        )
        place.access.unlink(missing_ok=True)
        place.access.touch(mode=0o600)
        place.access.write_text(json.dumps(access), encoding="utf-8")
        place.data.mkdir(exist_ok=True)
        # Last, because `prepare` asks for this file: an interrupted installation is done again.
        (fresh / f"{DATABASE}.sqlite").replace(place.database)
        shutil.rmtree(fresh)

    def _has_venv(self) -> bool:
        return (self._venv / "complete").exists()

    def _install_tryton(self, progress: Progress) -> None:
        progress("installing Tryton in an environment of its own (about 15 s)")
        started = time.monotonic()
        shutil.rmtree(self._venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(self._venv))
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(LOCK))
        _run(str(self.program("python")), "-m", "pip", "install", *options, environment=os.environ)
        (self._venv / "complete").touch()
        progress(f"installed Tryton in {time.monotonic() - started:.0f} s")

    def _fill(self, progress: Progress) -> None:
        progress("creating Tryton's database (about 20 s)")
        started = time.monotonic()
        work = self._cache / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        database = work / f"{DATABASE}.sqlite"
        database.touch()
        write_conf(work / "conf", work)
        (work / "password").write_text(secrets.token_urlsafe(24), encoding="ascii")
        _run(
            str(self.program("trytond-admin")),
            *("-c", str(work / "conf"), "-d", DATABASE, "-p", "--email", "admin@ostwind-pumpen.example"),
            *("--activate-dependencies", "-u", *MODULES),
            environment={**_plain(), "TRYTONPASSFILE": str(work / "password")},
        )
        progress("filling it with the demo company's customers, products and orders (about 20 s)")
        _run(str(self.program("python")), str(SEED), "fill", str(work / "conf"), DATABASE)
        database.replace(self._seeded)
        shutil.rmtree(work)
        progress(f"built the demo company in {time.monotonic() - started:.0f} s")


def _plain() -> dict[str, str]:
    """Tryton reads settings from variables; a build gets none of the caller's."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(*command: str, given: str = "", environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(  # noqa: S603  # our own fixed commands
        command,
        input=given,
        env=dict(environment) if environment is not None else _plain(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(
            f"Building the demo ERP failed at `{' '.join(command[:3])}`:\n{done.stdout[-1500:]}",
            way_out="Mend that and start again; what was finished is kept.",
        )


@contextmanager
def _locked(file: Path, progress: Progress) -> Generator[None]:
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that builds the demo ERP")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _hash(*files: Path, salt: str) -> str:
    digest = hashlib.sha256(salt.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
