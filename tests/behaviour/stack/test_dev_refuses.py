"""What `chargehand dev` says when it can't start: the setting, the value, the way out; and nothing is left running."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stack import ROOT, Stack, new_stack, nothing_is_left_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def refused(stack: Stack, code: int = 2, **variables: str) -> str:
    """The last words of a start that must fail: 2 for what the caller can mend, 3 for a part that did not come up."""
    done = subprocess.run(
        [sys.executable, "-m", "chargehand.cli", "dev"],
        env=stack.environment | variables | {"COLUMNS": "400"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert not (stack.state_dir / "dev.json").exists()
    return done.stdout + done.stderr


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    with socket.create_server(("127.0.0.1", int(stack.environment["CHARGEHAND_CARRIER_PORT"]))) as taken:
        said = refused(stack)
        assert f"CHARGEHAND_CARRIER_PORT = {taken.getsockname()[1]}" in said
        assert "set CHARGEHAND_CARRIER_PORT to a free port" in said


def test_a_port_that_is_no_port_is_named(tmp_path: Path) -> None:
    said = refused(new_stack(tmp_path), CHARGEHAND_API_PORT="eighty")
    assert "CHARGEHAND_API_PORT = 'eighty'" in said


def test_a_second_start_on_one_folder_is_refused(stack: Stack) -> None:
    other = new_stack(stack.state_dir.parent / "other")
    environment = other.environment | {"CHARGEHAND_STATE_DIR": str(stack.state_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "chargehand.cli", "dev"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "already runs" in done.stdout + done.stderr
    assert stack.pid("api") > 0, "the one that runs is not disturbed"


def test_missing_policies_stop_everything(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    said = refused(stack, 3, CHARGEHAND_POLICIES_DIR=str(tmp_path / "none"))
    assert "model.conf" in said
    assert "is missing" in said
    assert nothing_is_left_of(stack)


def test_a_typo_in_a_rule_is_named_by_file_and_line(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    rules = tmp_path / "policies" / "demo" / "rules.yaml"
    rules.write_text(rules.read_text().replace("then: allow", "then: alow", 1))
    said = refused(stack, 3, CHARGEHAND_POLICIES_DIR=str(tmp_path / "policies"))
    assert "rules.yaml:" in said
    assert "'alow'" in said
    assert nothing_is_left_of(stack)
