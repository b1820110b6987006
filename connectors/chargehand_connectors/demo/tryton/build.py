"""Build what the demo ERP needs, each part once: environment, seeded database, this installation's copy of it.

Environment and seed are kept in the cache folder under a digest of what they are made from, so that a changed lock or
seed script builds anew and an unchanged one is found again. Each part appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from chargehand.discovery import Progress
from chargehand.errors import Unavailable

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
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
DATABASE = "erp"
HEARTBEAT_SECONDS = 15.0


def environment(cache: Path, progress: Progress) -> Path:
    """The folder of Tryton's own virtual environment. Raises Unavailable, naming the log."""
    venv = cache / f"venv-{_digest(LOCK)}"
    if not (venv / "whole").exists():
        progress("installing Tryton into an environment of its own")
        with _building(venv):
            _run([sys.executable, "-m", "venv", str(venv)], cache / "build.log", progress)
            pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, "--require-hashes", "-r", str(LOCK)], cache / "build.log", progress)
            (venv / "whole").touch()
    return venv


def seed(cache: Path, venv: Path, progress: Progress) -> Path:
    """A database file with the demo company, without any credential. Raises Unavailable, naming the log."""
    made = cache / f"seed-{_digest(LOCK, HERE / 'seed.py', HERE / 'company.json')}.sqlite"
    if not made.exists():
        folder = cache / "seeding"
        with _building(folder):
            folder.mkdir(parents=True)
            file = folder / f"{DATABASE}.sqlite"
            file.touch()
            conf = configuration(folder / "trytond.conf", folder, 0)
            password = folder / "password"
            password.write_text(secrets.token_urlsafe(16))
            variables = {"TRYTONPASSFILE": str(password)}
            progress("creating Tryton's tables (about 40 s of work)")
            admin = [
                str(venv / "bin" / "trytond-admin"),
                "-c",
                str(conf),
                "-d",
                DATABASE,
                "--email",
                "admin@example.invalid",
                "-p",
            ]
            _run([*admin, "-u", *MODULES, "--activate-dependencies"], cache / "build.log", progress, variables)
            progress("seeding the demo company: customers, products, orders, shipments, invoices (about 50 s of work)")
            python = str(venv / "bin" / "python")
            _run([python, str(HERE / "seed.py"), "fill", str(conf), DATABASE], cache / "build.log", progress)
            file.replace(made)
        shutil.rmtree(folder, ignore_errors=True)
    return made


def installation(folder: Path, made: Path, venv: Path, progress: Progress) -> Mapping[str, str]:
    """This installation's own copy of the seed with credentials of its own; returns them (`key` and others)."""
    credentials = folder / "credentials.json"
    if not credentials.exists():
        progress("copying the demo company and giving this installation keys of its own")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, folder / f"{DATABASE}.sqlite")
        conf = configuration(folder / "secure.conf", folder, 0)
        given = {"password": secrets.token_urlsafe(24), "admin_password": secrets.token_urlsafe(12)}
        given["key"] = secrets.token_hex(24)
        python = str(venv / "bin" / "python")
        command = [python, str(HERE / "seed.py"), "secure", str(conf), DATABASE]
        _run(command, folder / "secure.log", progress, said=json.dumps(given))
        conf.unlink()
        draft = folder / "credentials.tmp"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(given))
        draft.replace(credentials)
    return json.loads(credentials.read_text())


def configuration(file: Path, folder: Path, port: int) -> Path:
    """Write Tryton's configuration file and return it."""
    file.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n[session]\nmax_attempt = 20\n"
    )
    return file


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextlib.contextmanager
def _building(folder: Path) -> Generator[None]:
    """One builder at a time, from scratch: what an interrupted one left is removed."""
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            yield
        else:  # another process built it while we waited
            yield


def _run(
    command: Sequence[str],
    log: Path,
    progress: Progress,
    variables: Mapping[str, str] | None = None,
    *,
    said: str = "",
) -> None:
    """Run a command whose output goes to `log`, saying now and then that it still works."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CHARGEHAND_", "PYTHONPATH"))}
    began = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 — the commands are ours
            list(command), env=clean | dict(variables or {}), stdin=subprocess.PIPE, stdout=output, stderr=output
        )
        finished = threading.Event()

        def tell() -> None:
            while not finished.wait(HEARTBEAT_SECONDS):
                progress(f"… still working ({time.monotonic() - began:.0f} s)")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            process.communicate(said.encode())
        finally:
            finished.set()
            teller.join()
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(
            f"Building the demo ERP failed: {Path(command[0]).name} ended with {process.returncode}: {' '.join(last)}",
            way_out=f"See {log}; the next start builds it again.",
        )
