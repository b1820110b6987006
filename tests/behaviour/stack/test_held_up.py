"""While the agents worker of the whole stack takes nothing, a run says so, over HTTP and on the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stack import new_stack, until
from fixtures.story import answer, ended, run_of, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_run_whose_worker_hangs_says_so_until_it_moves(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    stack.start()
    try:
        with stack.as_person("amy") as amy:
            run = start(amy, "SO-1042")
            asked = waiting(stack, "amy", run, "approval")
            worker = stack.pid("agents")
            os.kill(worker, signal.SIGSTOP)  # it neither dies, so that the supervisor sees it, nor works
            try:
                assert answer(stack, "li", asked["id"]).status_code == 200
                held = until(lambda: run_of(amy, run)["held_up"], 90)
                assert held["kind"] == "no_agents"
                (item,) = [one for one in amy.get("/api/runs").json()["items"] if one["id"] == run]
                assert item["held_up"] == held
                token = amy.post("/api/tokens", json={"name": "held-up", "days": 1}).json()["secret"]
                shown = _command(stack.environment, token, "run", "show", run)
                assert "No agents worker takes its next step." in shown
                assert "chargehand serve agents" in shown
                assert "held up" in _command(stack.environment, token, "run", "list")
            finally:
                os.kill(worker, signal.SIGCONT)
            assert ended(stack, "amy", run)["result"]["result"] == "refunded"
            assert run_of(amy, run)["held_up"] is None
    finally:
        stack.stop()


def _command(environment: dict[str, str], token: str, *words: str) -> str:
    url = f"http://127.0.0.1:{environment['CHARGEHAND_API_PORT']}"
    given = {**environment, "CHARGEHAND_API_URL": url, "CHARGEHAND_API_TOKEN": token, "COLUMNS": "200"}
    command = [sys.executable, "-m", "chargehand.cli", *words]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=True, timeout=60).stdout
