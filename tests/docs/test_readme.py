"""The README's walk, command by command as written, as a newcomer types it, on a stack of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.stack import ROOT, Stack, new_stack, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = new_stack(tmp_path_factory.mktemp("readme"))
    running.start()
    yield running
    running.stop()


class Newcomer:
    """Runs commands as written, but for the approval's id, the activation of .venv and the typed password."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder, self.approval = stack, folder, ""
        scripts = str(Path(sys.executable).parent)
        self.environment = stack.environment | {
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "CHARGEHAND_API_URL": stack.url,
            "NO_COLOR": "1",
        }

    def types(self, line: str) -> subprocess.CompletedProcess[str]:
        said = ""
        line = line.partition("   #")[0].strip()
        if line.startswith("chargehand login"):
            line, said = f"{line} --password-stdin", self.stack.password
        if "approve" in line and "--yes" not in line:
            line += " --yes"
        line = line.replace("apr_…", self.approval)
        return subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )


def commands() -> list[str]:
    walk = README.split("<!-- walk:")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", walk, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("source ")]


def test_the_walk_works_as_written(fresh: Stack, tmp_path: Path) -> None:
    newcomer = Newcomer(fresh, tmp_path)
    lines = commands()
    assert len(lines) >= 12
    for line in lines:
        done = newcomer.types(line)
        told = f"$ {line}\n{done.stdout}{done.stderr}"
        if "refused" in line:
            assert done.returncode == 1, told
        else:
            assert done.returncode == 0, told
        if "run start" in line:
            found = until(lambda: _waiting(newcomer), 60, lambda: newcomer.types("chargehand run list").stdout)
            newcomer.approval = found
        elif "--comment" in line:
            until(lambda: "succeeded" in newcomer.types("chargehand run list").stdout, 60)
        elif "log query" in line:
            assert "Refund 1,280.00" in done.stdout, told
        elif "verifier" in line:
            assert (tmp_path / "evidence.zip").exists()
    assert len(fresh.mails("SO-1042")) == 1


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 150
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def _waiting(newcomer: Newcomer) -> str:
    listed = newcomer.types("chargehand approvals list --json").stdout
    found = re.search(r"apr_[0-9A-Z]+", listed)
    return found.group() if found else ""
