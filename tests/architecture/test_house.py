"""The shape of the house, as docs and contracts promise it."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chargehand import errors
from chargehand.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "platform", ROOT / "connectors", ROOT / "workflows"]


def test_source_roots_are_no_packages() -> None:
    for root in SOURCES:
        assert not (root / "__init__.py").exists(), f"{root.name}/ must stay a source root"


@pytest.mark.parametrize("folder", [".", "platform", "platform/chargehand", "tests", "connectors"])
def test_the_standard_library_keeps_its_platform_module(folder: str) -> None:
    code = "import platform; print(platform.python_implementation()); import chargehand"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sys.implementation.name.replace("cpython", "CPython")


def test_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


VENDORS = {
    "temporalio": {"chargehand/runs", "chargehand/worker"},
    "langgraph": {"chargehand/agents", "chargehand/models", "chargehand_workflows"},
    "langchain": {"chargehand/agents", "chargehand/models", "chargehand_workflows"},
    # testing: the scripted model that stands in for a provider, in tests only.
    "langchain_core": {"chargehand/agents", "chargehand/models", "chargehand/testing", "chargehand_workflows"},
    "langchain_openai": {"chargehand/models"},
    "casbin": {"chargehand/policy"},
    "mcp": {"chargehand/connectors", "chargehand/api/mcp"},
    "fastapi": {"chargehand/api", "routes.py"},
    "typer": {"chargehand/cli"},
}


def test_each_vendor_has_one_home() -> None:
    strays: list[str] = []
    for root in SOURCES:
        for file in root.rglob("*.py"):
            path = file.relative_to(root).as_posix()
            for module in _imported(file):
                homes = VENDORS.get(module.partition(".")[0])
                if homes and not any(path.startswith(home) or path.endswith(home) for home in homes):
                    strays.append(f"{path} imports {module}")
    assert not strays


def test_the_error_tree_is_drawn_in_its_docstring() -> None:
    drawn = re.findall(r"^[│├└─ ]+(\w+)", (errors.__doc__ or "").split("ChargehandError\n", 1)[1], re.MULTILINE)
    real = [
        name
        for name, thing in vars(errors).items()
        if inspect.isclass(thing) and issubclass(thing, errors.ChargehandError) and name != "ChargehandError"
    ]
    assert sorted(drawn) == sorted(real)


def test_every_error_code_is_its_own() -> None:
    classes = [thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, Exception)]
    codes = [thing.code for thing in classes]
    assert len(set(codes)) == len(codes)


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    missing = [name for name in Settings.model_fields if f"`CHARGEHAND_{name.upper()}`" not in page]
    unknown = [
        name
        for name in re.findall(r"^\| `CHARGEHAND_(\w+)`", page, re.MULTILINE)
        if name.lower() not in Settings.model_fields
    ]
    assert not missing
    assert not unknown


def test_what_authors_import_is_a_committed_contract() -> None:
    import chargehand

    contract = (ROOT / "tests/architecture/author_api.txt").read_text().split()
    assert sorted(chargehand.__all__) == sorted(contract), "a change here changes what authors can rely on: say so"


def test_importing_chargehand_is_light() -> None:
    heavy = ["temporalio", "mcp", "fastapi", "sqlalchemy", "casbin", "langchain_openai", "uvicorn"]
    code = f"import sys, chargehand; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_locks_are_hashed_and_name_no_host() -> None:
    locks = [*ROOT.glob("requirements*.lock"), *(ROOT / "connectors").rglob("*.lock"), ROOT / "web/package-lock.json"]
    assert len(locks) >= 5
    for lock in locks:
        text = lock.read_text()
        assert "--hash=sha256:" in text or '"integrity"' in text, lock
        assert not re.search(r'(resolved|index-url|find-links|registry)\W+"?https?://', text), lock
    assert not list(ROOT.glob("**/uv.lock"))


def _imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found
