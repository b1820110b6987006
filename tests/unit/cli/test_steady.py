"""Agent workers of one installation walk a set of texts in one order, and those of another in another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chargehand.cli import serve
from chargehand.settings import Settings
from chargehand.worker.steady import steady

WORDS = "print(list({str(n) for n in range(50)}))"


def walked(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", WORDS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_one_order_for_all_workers_that_share_a_payload_key(tmp_path: Path) -> None:
    ours, theirs = steady(tmp_path / "ours.key"), steady(tmp_path / "theirs.key")
    assert steady(tmp_path / "ours.key") == ours
    assert walked(ours) == walked(ours)
    assert walked(ours) != walked(theirs)


def test_an_agent_worker_is_started_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(state_dir=tmp_path)  # pyright: ignore[reportCallIssue]
    monkeypatch.setattr(serve, "settings", lambda: given)
    monkeypatch.setattr(os, "environ", {})
    became: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execv", lambda *_: became.append(dict(os.environ)))
    serve.gateway()
    serve.agents()
    assert became == [{}, steady(tmp_path / "payload.key")], "the gateway's stays random"
