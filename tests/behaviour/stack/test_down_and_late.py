"""A system that is down when everything starts, and an approval that comes too late: on real processes and timers.

The processes are those of `chargehand dev`, started by its own supervisor; the ERP is left out at first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chargehand.cli import dev
from chargehand.cli.supervisor import ProcessSpec, Supervisor
from chargehand.discovery import discover_demo_systems
from chargehand.settings import load
from fixtures.stack import PASSWORD, ROOT, Stack, new_stack, until
from fixtures.story import answer, credit_notes, ended, run_of, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@dataclass
class Parts:
    stack: Stack
    supervisor: Supervisor
    left_out: ProcessSpec


@pytest.fixture
def without_erp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """Everything but Tryton is up; a lead has one minute to answer."""
    stack = new_stack(tmp_path)
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", policies)
    rules = policies / "demo" / "approvals.yaml"
    longer = "  deadline: 3d\n  remind_after: 4h\n  escalate_after: 1d\n  escalate_to: finance\n"
    assert longer in rules.read_text()
    rules.write_text(rules.read_text().replace(longer, "  deadline: 1m\n"))
    stack.environment["CHARGEHAND_POLICIES_DIR"] = str(policies)
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    settings = load()
    systems = [found.thing for found in discover_demo_systems()]
    for system in systems:
        if system.prepare:
            system.prepare(settings, print)
    dev._database(settings, PASSWORD)
    supervisor = Supervisor(settings.state_dir / "logs", print)
    specs = {spec.name: spec for spec in dev._processes(settings, systems)}
    left_out = specs.pop("tryton")
    try:
        for spec in specs.values():
            supervisor.start(spec)
        yield Parts(stack, supervisor, left_out)
    finally:
        supervisor.stop()


def test_what_is_down_at_the_start_is_waited_for_and_what_is_late_is_refused(without_erp: Parts) -> None:
    stack = without_erp.stack
    with stack.as_person("amy") as amy, stack.as_person("root") as root:
        run = start(amy, "SO-1041")
        waits = waiting(stack, "amy", run, "connector")
        assert "erp" in str(waits).lower(), "it says what it waits for"
        health = root.post("/api/connectors/erp/check")
        assert health.status_code == 200, health.text
        assert credit_notes_in(without_erp) == "down"

        without_erp.supervisor.start(without_erp.left_out)
        asked = waiting(stack, "amy", run, "approval")
        late = start(amy, "SO-1042")
        assert answer(stack, "li", asked["id"]).status_code == 200
        done = ended(stack, "amy", run)
        assert done["result"]["result"] == "refunded", done
        assert len(credit_notes(stack, "SO-1041")) == 1
        assert len(stack.mails("SO-1041")) == 1

        too_late(stack, amy, late)


def too_late(stack: Stack, amy: Any, run: str) -> None:
    asked = waiting(stack, "amy", run, "approval")
    until(
        lambda: all(one["kind"] != "approval" for one in run_of(amy, run)["waiting"]),
        120,
        lambda: f"nobody answered, and it still waits: {run_of(amy, run)}",
    )
    refused = answer(stack, "li", asked["id"])
    assert refused.status_code == 409, refused.text
    assert "expired" in refused.json()["detail"]
    done = ended(stack, "amy", run)
    assert done["result"]["result"] != "refunded", done
    with stack.as_person("ada") as ada:
        found = ada.get("/api/log", params={"q": f"run:{run} tool:erp.create_credit_note kind:outcome"}).json()["items"]
    assert [one["outcome"] for one in found] == ["expired"]
    assert credit_notes(stack, "SO-1042") == []


def credit_notes_in(parts: Parts) -> str:
    try:
        credit_notes(parts.stack, "SO-1041")
    except OSError:
        return "down"
    except Exception as error:
        return "down" if "onnect" in type(error).__name__ else repr(error)
    return "up"
