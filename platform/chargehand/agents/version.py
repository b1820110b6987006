"""An agent's version: a hash of its content, so that the same version is always the same behaviour."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import rfc8785

from chargehand.connectors.model import Tool

LENGTH = 16


def content_version(module: str, tools: Iterable[Tool[..., Any]]) -> str:
    """16 hex characters over the source of the module's package, its tools' contracts and the installed packages."""
    digest = hashlib.sha256()
    for path, content in sorted(_sources(module).items()):
        _add(digest, path.encode(), content)
    for tool in sorted(tools, key=lambda one: one.name):
        contract = [tool.name, tool.effect, tool.delivery, tool.input_schema, tool.output_schema, tool.compensated_by]
        _add(digest, b"tool", rfc8785.dumps(contract))
    _add(digest, b"lock", installed_packages().encode())
    return digest.hexdigest()[:LENGTH]


@lru_cache(maxsize=1)
def installed_packages() -> str:
    """The lock as it is in force: name==version of every distribution that this process can import, sorted."""
    return "\n".join(sorted({f"{one.metadata['Name'].lower()}=={one.version}" for one in distributions()}))


def _sources(module: str) -> dict[str, bytes]:
    loaded = sys.modules[module]
    file = getattr(loaded, "__file__", None)
    if not file:
        return {module: b""}
    folder = Path(file).parent
    # A module that is not in a package of its own (a test, a script) is its own source.
    package = getattr(loaded, "__package__", "")
    files = folder.rglob("*.py") if package and (folder / "__init__.py").exists() else (Path(file),)
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


def _add(digest: Any, *parts: bytes) -> None:
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
