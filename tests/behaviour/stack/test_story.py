"""The main job, on the real ERP, carrier, mail server and Temporal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stack import Stack, until
from fixtures.story import answer, credit_notes, ended, run_of, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def test_a_large_refund_needs_a_lead_and_finance_and_happens_once(stack: Stack, tmp_path: Path) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "SO-1043")
    asked = waiting(stack, "amy", run, "approval")
    assert "Refund 10,560.00 EUR" in asked["sentence"]
    assert credit_notes(stack, "SO-1043") == []

    assert answer(stack, "amy", asked["id"]).status_code == 403
    assert answer(stack, "li", asked["id"], digest="0" * 64).status_code == 409
    assert answer(stack, "li", asked["id"], comment="photos seen").status_code == 200
    assert answer(stack, "li", asked["id"]).status_code in (403, 409)
    second_lead = answer(stack, "max", asked["id"])
    assert second_lead.status_code != 200 or second_lead.json()["state"] == "pending", "a second lead is not finance"
    with stack.as_person("fay") as fay:
        assert run_of(fay, run)["state"] == "waiting"
    assert answer(stack, "fay", asked["id"]).status_code == 200

    done = ended(stack, "amy", run)
    assert done["state"] == "succeeded", done
    assert done["result"]["result"] == "refunded"
    assert done["result"]["decided_by"] == "rules"
    (note,) = credit_notes(stack, "SO-1043")
    assert note["number"] == done["result"]["credit_note"]
    assert note["total_amount"]["decimal"] == "-10560.00"
    assert len(stack.mails("SO-1043")) == 1
    assert answer(stack, "fay", asked["id"]).status_code == 409

    with stack.as_person("ada") as ada:
        found = ada.get("/api/log", params={"q": f"run:{run}", "limit": 200}).json()["items"]
        verdicts = {one["principal"] for one in found if one["kind"] == "verdict"}
        assert {"person:li", "person:fay"} <= verdicts
        assert "person:amy" not in verdicts
        credited = [one for one in found if one["tool"] == "erp.create_credit_note"]
        assert [one["kind"] for one in credited].count("outcome") == 1
        export = ada.post("/api/log/exports", json={"format": "evidence", "query": f"run:{run}"})
        assert export.status_code in (200, 201, 202), export.text
        place = f"/api/log/exports/{export.json()['id']}"
        until(lambda: ada.get(place).json()["state"] == "done", 60, lambda: ada.get(place).text)
        evidence = ada.get(f"{place}/file")
        assert evidence.status_code == 200, evidence.text
    file = tmp_path / "evidence.zip"
    file.write_bytes(evidence.content)
    verified = subprocess.run(
        [sys.executable, "-m", "chargehand.audit.verifier", str(file)], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_small_refund_runs_unattended(stack: Stack) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "SO-1044")
    done = ended(stack, "amy", run)
    assert done["result"]["result"] == "refunded"
    (note,) = credit_notes(stack, "SO-1044")
    assert note["total_amount"]["decimal"] == "-420.00"


def test_a_lead_suggests_less_and_what_runs_is_decided_afresh(stack: Stack) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "SO-1047")
    asked = waiting(stack, "amy", run, "approval")
    wrong = answer(stack, "li", asked["id"], approve=False, instead={"amount": "a lot"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "instead.amount")
    assert answer(stack, "li", asked["id"], instead={"amount": "10.00"}).status_code == 422, (
        "an approval changes nothing"
    )
    denied = answer(
        stack,
        "li",
        asked["id"],
        approve=False,
        comment="Half of it.",
        instead={"amount": "600.00", "reason": "Half, as agreed."},
    )
    assert denied.json()["state"] == "rejected"
    again = waiting(stack, "amy", run, "approval", but=asked["id"])
    assert "Refund 600.00" in again["sentence"]
    assert "Half, as agreed." in again["sentence"], "all that was suggested is asked for, not the amount alone"
    assert answer(stack, "amy", again["id"]).status_code == 403
    assert answer(stack, "li", again["id"]).status_code == 200
    done = ended(stack, "amy", run)
    assert done["result"]["result"] == "refunded"
    (note,) = credit_notes(stack, "SO-1047")
    assert note["total_amount"]["decimal"] == "-600.00"


def test_a_rejected_refund_is_compensated_in_the_erp(stack: Stack) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "SO-1052")
    asked = waiting(stack, "amy", run, "approval")
    assert answer(stack, "li", asked["id"], approve=False, comment="not our fault").status_code == 200
    done = ended(stack, "amy", run)
    assert done["result"]["result"] != "refunded"
    assert credit_notes(stack, "SO-1052") == []
    states = stack.erp("sale.sale", [["description", "=", "Return of SO-1052"]], "state")
    assert [one["state"] for one in states] == ["cancelled"]


def test_an_unknown_order_is_asked_for_twice_and_then_the_run_closes(stack: Stack) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "SO-9999")
        for _ in range(2):
            task = waiting(stack, "amy", run, "task")
            form = next(one for one in amy.get("/api/tasks").json() if one["id"] == task["id"])
            (field,) = form["answer_schema"]["properties"]
            sent = amy.post(f"/api/tasks/{task['id']}/answer", json={"value": {field: "SO-9998"}})
            assert sent.status_code == 200, sent.text
            until(
                lambda before=task["id"]: all(one["id"] != before for one in run_of(amy, run)["waiting"]),
                30,
            )
    done = ended(stack, "amy", run)
    assert done["state"] == "succeeded"
    assert done["result"]["result"] not in ("refunded", "replaced")


def test_when_the_carrier_answers_garbage_a_person_is_asked_and_the_run_goes_on(stack: Stack) -> None:
    stack.carrier_mode("garbage")
    try:
        with stack.as_person("amy") as amy:
            run = start(amy, "SO-1040")
            task = waiting(stack, "amy", run, "task", 180)
            form = next(one for one in amy.get("/api/tasks").json() if one["id"] == task["id"])
            required = form["answer_schema"].get("required") or list(form["answer_schema"]["properties"])
            value = {name: _some(form["answer_schema"]["properties"][name]) for name in required}
            stack.carrier_mode("normal")
            sent = amy.post(f"/api/tasks/{task['id']}/answer", json={"value": value})
            assert sent.status_code == 200, sent.text
    finally:
        stack.carrier_mode("normal")
    assert ended(stack, "amy", run)["state"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"agent": "complaint-resolution", "input": {"order_number": "SO-1042"}}, "text"),
        ({"agent": "complaint-resolution", "input": {"text": "broken", "amount": "1.280,00"}}, "amount"),
        ({"agent": "complaint-resolution", "input": {"text": "broken", "amount": 12.5}}, "amount"),
        ({"agent": "complaint-resolution", "input": {"text": "broken", "nonsense": 1}}, "nonsense"),
    ],
)
def test_bad_input_is_refused_with_the_field_and_starts_nothing(
    stack: Stack, body: dict[str, object], field: str
) -> None:
    with stack.as_person("amy") as amy:
        before = len(amy.get("/api/runs").json()["items"])
        refused = amy.post("/api/runs", json=body)
        assert refused.status_code == 422, refused.text
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert field in json.dumps(refused.json()["errors"])
        assert len(amy.get("/api/runs").json()["items"]) == before


def test_nobody_starts_it_without_the_role(stack: Stack) -> None:
    with stack.as_person("ada") as ada:
        refused = ada.post("/api/runs", json={"agent": "complaint-resolution", "input": {"text": "broken"}})
        assert refused.status_code == 403, refused.text


def _some(schema: dict[str, object]) -> object:
    if choices := schema.get("enum"):
        return choices[0]  # type: ignore[index]
    return {"boolean": True, "integer": 1, "number": 1}.get(str(schema.get("type")), "seen by a person")
