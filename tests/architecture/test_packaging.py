"""Wheel and source distribution: built from a clean copy, installed in a fresh environment, used from elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.stack import Stack, new_stack, nothing_is_left_of, until
from fixtures.story import answer, ended, waiting

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


@dataclass
class Developing:
    """A running `chargehand agents dev --json` of a project."""

    process: subprocess.Popen[str]
    log: Path
    seen: int = 0

    def said(self, event: str, seconds: float = 120) -> dict[str, Any]:
        """The next event of that kind."""

        def found() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            lines = [line for line in self.log.read_text().splitlines() if line.startswith('{"event"')]
            for number, line in enumerate(lines[self.seen :], self.seen + 1):
                one = json.loads(line)
                if one["event"] == event:
                    self.seen = number
                    return one
            return None

        return until(found, seconds, lambda: f"never said {event!r}:\n{self.log.read_text()[-4000:]}")


@contextmanager
def _developing(python: Path, folder: Path, stack: Stack) -> Iterator[Developing]:
    log = stack.log.with_name("agents-dev.log")
    environment = {**stack.environment, "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))}
    with log.open("w") as file:
        command = [str(python), "-m", "chargehand.cli", "agents", "dev", "--json"]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, text=True
        )
    try:
        yield Developing(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)


def _ask(stack: Stack, order: str) -> str:
    with stack.as_person("amy") as amy:
        given = {"order_number": order, "email": "li.na@example.com"}
        body = {"agent": "order-answer", "input": given, "key": f"{order}-{time.monotonic()}"}
        answer = amy.post("/api/runs", json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["id"]


@pytest.fixture(scope="module")
def project(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made by the wheel's own command, and installed as its README says."""
    folder = tmp_path_factory.mktemp("customer") / "acme-agents"
    _run([str(installed), "-m", "chargehand.cli", "init", str(folder)], folder.parent)
    how = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "-e", "."]
    _run([str(installed), "-m", "pip", "install", *how], folder)
    return folder


def test_a_project_of_ones_own_is_green(installed: Path, project: Path) -> None:
    assert "3 passed" in _run([str(installed), "-m", "pytest", "-q", "-p", "no:cacheprovider"], project)
    checked = _run([str(installed), "-m", "chargehand.cli", "policy", "check"], project)
    assert "5 of 5 expected decisions hold" in checked
    assert "order-answer: clean" in _run(
        [str(installed), "-m", "chargehand.cli", "agents", "lint", "order-answer"], project
    )


@pytest.mark.slow
@pytest.mark.stack
def test_a_project_of_ones_own_runs_and_takes_over_each_save(installed: Path, project: Path, tmp_path: Path) -> None:
    nodes = project / "src" / "acme_agents" / "order_answer" / "nodes.py"
    code = nodes.read_text("utf-8")
    stack = new_stack(tmp_path)
    with _developing(installed, project, stack) as dev:
        first = dev.said("serving", 400)["agents"]["order-answer"]
        run = _ask(stack, "SO-1042")
        asked = waiting(stack, "li", run, "approval")
        assert answer(stack, "li", asked["id"]).status_code == 200
        assert ended(stack, "amy", run)["result"]["handled_by"] == "agent"
        (mail,) = stack.mails("Your order SO-1042")

        nodes.write_text(f"{code}\n\ndef broken(:\n", "utf-8")
        why = dev.said("broken")["why"]
        assert "nodes.py" in why
        assert "SyntaxError" in why
        in_flight = _ask(stack, "SO-1042")  # the version before goes on
        asked = waiting(stack, "li", in_flight, "approval")

        assert '"Who answered the customer"' in code
        nodes.write_text(code.replace('"Who answered the customer"', '"Who took over"'), "utf-8")
        told = dev.said("serving")
        assert told["agents"]["order-answer"] != first
        assert (told["runs"], told["waits"]) == (1, {})
        assert answer(stack, "li", asked["id"]).status_code == 200
        assert ended(stack, "amy", in_flight)["result"]["handled_by"] == "agent"
        task = waiting(stack, "amy", _ask(stack, "SO-9999"), "task")
        with stack.as_person("amy") as amy:
            shown = amy.get("/api/tasks").json()
        (form,) = [one["answer_schema"] for one in shown if one["id"] == task["id"]]
        assert form["properties"]["name"]["title"] == "Who took over"
    assert mail["subject"] == "Your order SO-1042"
    assert nothing_is_left_of(stack)


def _run(command: list[str], folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CHARGEHAND_", "PYTHON"))}
    environment["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), environment["PATH"]))  # of other packages
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
