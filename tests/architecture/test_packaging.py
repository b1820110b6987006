"""Wheel and source distribution: built from a clean copy, installed in a fresh environment, used from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has our wheel, and of this environment only the other packages."""
    folder = tmp_path_factory.mktemp("packaging")
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT)], folder)
    (wheel,) = (folder / "dist").glob("*.whl")  # made from the source distribution beside it
    assert list((folder / "dist").glob("*.tar.gz"))
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], folder)
    # A plain path in a .pth file: the packages there are found, the checkout's own .pth is not followed.
    site = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip())
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    where = _run([str(installed), "-c", "import chargehand; print(chargehand.__file__)"], tmp_path)
    assert str(installed.parent.parent) in where
    assert "Start everything on this machine" in _run([str(installed), "-m", "chargehand.cli", "--help"], tmp_path)


def test_policies_and_their_cases_are_inside(installed: Path, tmp_path: Path) -> None:
    said = _run([str(installed), "-m", "chargehand.cli", "policy", "check"], tmp_path)
    assert "expected decisions hold" in said, said


def test_the_console_is_inside(installed: Path, tmp_path: Path) -> None:
    code = "from chargehand.api.console import folder; print(folder())"
    place = Path(_run([str(installed), "-c", code], tmp_path).strip())
    assert str(installed.parent.parent) in str(place)
    assert (place / "index.html").is_file()
    assert list((place / "assets").glob("*.js"))


def test_what_the_demo_needs_is_inside(installed: Path, tmp_path: Path) -> None:
    code = (
        "from chargehand.discovery import discover_demo_systems as d; from chargehand_connectors.demo import tryton; "
        "from pathlib import Path; here = Path(tryton.__file__).parent; "
        "print(sorted(f.thing.name for f in d()), all((here / n).is_file() for n in "
        "('seed.py', 'company.json', 'requirements.lock')))"
    )
    # Entry points are read from the installed wheel's own metadata.
    assert _run([str(installed), "-c", code], tmp_path).strip() == "['carrier', 'mailbox', 'tryton'] True"


def _run(command: list[str], folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CHARGEHAND_", "PYTHON"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
