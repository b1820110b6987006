"""Two versions of an agents' package side by side: each is played in a process that finds its version first.

A version is `here` (what is installed), a folder, a wheel, or a git revision of the project in this folder.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.discovery import AGENTS
from chargehand.testing.evaluation import Evaluation

HERE = "here"
_DEPTH = 3


def evaluate_version(name: str, cases: list[Path]) -> Evaluation:
    """Play the cases on a version. Raises CommandFailed: there is no such version, or it could not be played."""
    with ExitStack() as stack:
        places = [] if name == HERE else _import_places(_unpacked(name, stack), name)
        environment = dict(os.environ)
        if places:
            environment["PYTHONPATH"] = os.pathsep.join([*places, environment.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        command = [sys.executable, "-m", "chargehand.testing.played", *map(str, cases)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode != 0:
        raise CommandFailed(f"The cases can't be played on {name}: {_last(done.stderr)}", code=NOT_DONE)
    return Evaluation.model_validate_json(done.stdout)


def _unpacked(name: str, stack: ExitStack) -> Path:
    """The version's folder."""
    given = Path(name)
    if given.is_dir():
        return given.resolve()
    folder = Path(stack.enter_context(TemporaryDirectory()))
    if given.suffix == ".whl" and given.is_file():
        with zipfile.ZipFile(given) as wheel:
            wheel.extractall(folder)  # noqa: S202  # zipfile keeps members inside the folder
        return folder
    archive = subprocess.run(  # noqa: S603  # an argument list, and git refuses what is no revision
        ["git", "archive", "--format=tar", "--end-of-options", name],  # noqa: S607  # the user's own git
        cwd=_top(),
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        raise CommandFailed(
            f"{name!r} is no folder, no wheel and no git revision here: {_last(archive.stderr.decode())}",
            code=USAGE,
            way_out=f"Name one of them, or {HERE!r} for what is installed.",
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def _top() -> Path:
    """The top of the git work tree that this folder is in; this folder where there is none."""
    asked = ["git", "rev-parse", "--show-toplevel"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  # the user's own git
    return Path(found.stdout.strip()) if found.returncode == 0 else Path.cwd()


def _import_places(folder: Path, name: str) -> list[str]:
    """Where the agents' packages are imported from in that folder."""
    packages = {point.value.partition(".")[0] for point in entry_points(group=AGENTS)}
    found = [
        init.parent.parent
        for depth in range(_DEPTH)
        for init in sorted(folder.glob("/".join(["*"] * (depth + 1)) + "/__init__.py"))
        if init.parent.name in packages
    ]
    if not found:
        raise CommandFailed(f"{name} has no package with agents ({', '.join(sorted(packages))}).", code=USAGE)
    return [str(one) for one in dict.fromkeys(found)]


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."
