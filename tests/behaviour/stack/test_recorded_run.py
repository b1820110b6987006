"""A real run of the whole stack, afterwards: travelled through, recorded without people, judged as a case."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chargehand.testing import load_case
from fixtures.stack import ROOT, Stack
from fixtures.story import ended, start

pytestmark = pytest.mark.stack

ORDER = "SO-1046"


def test_a_real_run_is_travelled_recorded_and_judged(stack: Stack, tmp_path: Path) -> None:
    environment = {**stack.environment, "CHARGEHAND_CONFIG_DIR": str(tmp_path / "config")}

    def says(*arguments: str, given: str = "") -> str:
        command = [sys.executable, "-m", "chargehand.cli", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    says("login", "amy", "--password-stdin", given=f"{stack.password}\n")
    with stack.as_person("amy") as amy:
        run = start(amy, ORDER)
    assert ended(stack, "amy", run)["result"]["result"] == "refunded"

    moment = json.loads(says("run", "show", run, "--at", "create_return", "--json"))
    assert moment["state"]["return_number"]
    assert moment["state"]["order"]["number"] == ORDER
    assert (moment["next"], moment["pending"]) == (["create_credit_note"], [])
    assert moment["events"][-1]["kind"] == "node.finished"
    email = moment["state"]["order"]["customer"]["email"]

    file = tmp_path / "refund.yaml"
    says("agents", "record", run, "--to", str(file), "--about", "A small refund.")
    case = load_case(file)
    assert case.input["order_number"] == ORDER
    assert case.expect.effects == {
        "erp.open_complaint": 1,
        "erp.create_return": 1,
        "erp.create_credit_note": 1,
        "mail.send": 1,
    }
    text = file.read_text("utf-8")
    assert email not in text
    assert moment["state"]["order"]["customer"]["name"] not in text
    assert "1 of 1 cases passed." in says("agents", "evaluate", str(file))

    said = json.loads(says("agents", "record", "--again", str(file), "--json"))
    assert said["file"] == str(file)
    again = load_case(file)
    assert again.about == case.about
    assert again.input == case.input
    assert again.recorded_at > case.recorded_at
    assert again.expect.result["result"] == "no_refund", "by now all of it has been paid back"
    assert "1 of 1 cases passed." in says("agents", "evaluate", str(file))
