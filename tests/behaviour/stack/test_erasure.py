"""Erasing a customer on the whole stack: the words of two complaints are in no file of ours afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fixtures.stack import Stack, new_stack, until
from fixtures.story import answer, ended, run_of, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

MARKER = "Zweigelt77kettle"
TEXT = f"The crate was broken open and the {MARKER} is damaged. We want our money back."
OTHERS = ("tryton", "mailbox", "carrier")
"""Systems of the demo: what a person is in there is not ours to erase."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    stack = new_stack(tmp_path)
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def found(stack: Stack) -> list[str]:
    """Files of ours that hold the marker."""
    files = [path for path in stack.state_dir.rglob("*") if path.is_file()]
    ours = [path for path in files if path.relative_to(stack.state_dir).parts[0] not in OTHERS]
    return sorted(str(path.relative_to(stack.state_dir)) for path in ours if MARKER.encode() in path.read_bytes())


def export(ada: httpx.Client, form: str) -> str:
    job = ada.post("/api/log/exports", json={"format": form, "query": ""}).json()["id"]
    until(lambda: ada.get(f"/api/log/exports/{job}").json()["state"] == "done", 60)
    return job


def erase(stack: Stack, customer: str) -> httpx.Response:
    with stack.as_person("root") as root:
        body = {"subject": f"customer:{customer.casefold()}", "reason": f"{customer} asked for it"}
        return root.post("/api/log/erasures", json=body)


def test_a_customers_words_are_gone_and_the_evidence_holds(own: Stack, tmp_path: Path) -> None:
    runs: list[str] = []
    asked: list[str] = []
    customers: list[str] = []
    for order, approve in (("SO-1042", True), ("SO-1047", False)):
        with own.as_person("amy") as amy:
            runs.append(start(amy, order, TEXT))
        asked.append(waiting(own, "amy", runs[-1], "approval")["id"])
        with own.as_person("li") as li:
            exact = json.loads(li.get(f"/api/approvals/{asked[-1]}").json()["exact"])
        customers.append(str(exact["arguments"]["customer"]))
        assert erase(own, customers[-1]).status_code == 409, "what goes on is not broken"
        assert answer(own, "li", asked[-1], approve=approve, comment=f"{MARKER} seen").status_code == 200
        ended(own, "amy", runs[-1])
    with own.as_person("ada") as ada:
        assert len(ada.get("/api/log", params={"q": MARKER}).json()["items"]) >= 2, "who may see it finds it"
        opened = export(ada, "jsonl")
        assert MARKER in ada.get(f"/api/log/exports/{opened}/file").text
        before = ada.get(f"/api/log/exports/{export(ada, 'evidence')}/file").content
    with own.as_person("amy") as amy:
        assert amy.get("/api/log", params={"q": MARKER}).status_code == 403
    assert found(own) != []

    erased = [erase(own, customer) for customer in dict.fromkeys(customers)]
    assert [each.status_code for each in erased] == [201] * len(erased), [each.text for each in erased]
    assert {run for each in erased for run in each.json()["runs"]} == set(runs)
    assert found(own) == []

    with sqlite3.connect(f"file:{own.state_dir / 'chargehand.db'}?mode=ro", uri=True) as database:
        due = "SELECT count(*) FROM audit_erased_run WHERE history_gone_at = ''"
        until(lambda: database.execute(due).fetchone()[0] == 0, 60, lambda: "Temporal still has histories")
    assert not list((own.state_dir / "blobs").rglob("*/*")), "what was kept aside of the histories is gone too"
    with own.as_person("li") as li:
        for run, approval in zip(runs, asked, strict=True):
            assert run_of(li, run)["state"] == "succeeded"
            shown = [li.get(f"/api/runs/{run}/steps"), li.get(f"/api/approvals/{approval}")]
            assert [each.status_code for each in shown] == [200, 200], [each.text for each in shown]
            assert MARKER not in shown[1].text
    with own.as_person("ada") as ada:
        assert ada.get("/api/log", params={"q": MARKER}).json()["items"] == []
        assert "erased" in ada.get(f"/api/log/exports/{opened}").json()["failure"]
        after = ada.get(f"/api/log/exports/{export(ada, 'evidence')}/file").content
    for name, content in (("before", before), ("after", after)):
        file = tmp_path / f"{name}.zip"
        file.write_bytes(content)
        command = [sys.executable, "-m", "chargehand.audit.verifier", str(file)]
        verified = subprocess.run(command, capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    assert found(own) == []
