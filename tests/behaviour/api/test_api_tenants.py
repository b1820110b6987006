"""Two tenants with the same policy: whatever one of them asks for by the other's names, it finds nothing."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargehand import clock
from chargehand.api.app import ROUTERS
from chargehand.api.openapi import routes
from chargehand.database import Database
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.identity import store
from chargehand.identity.secrets import hash_now
from chargehand.identity.service import new_user
from chargehand.runs.store import TASK
from chargehand.settings import Settings
from fixtures.api import PASSWORD, Connect, sign_in

MARK = "ZEBRA"
OTHER_ROLES = "[customer-service-lead, finance, auditor, administrator]"

BODIES: dict[str, dict[str, Any]] = {
    "giveVerdict": {"approve": True, "digest": "0" * 64},
    "delegateApproval": {"to": "person:max"},
    "withdrawApproval": {"reason": "x"},
    "reconcileCall": {"happened": True, "evidence": "x"},
    "stopRun": {"reason": "x"},
    "pauseRun": {},
    "resumeRun": {},
    "sendEvent": {"name": "x"},
    "answerTask": {"value": "x"},
    "liftFreeze": {"reason": "x"},
    "revokeMandate": {"reason": "x"},
    "changeDraft": {"content_hash": "x"},
    "reviewDraft": {"approve": True, "content_hash": "x"},
    "activateDraft": {"content_hash": "x"},
    "backtestDraft": {},
    "changePerson": {"name": "x"},
    "setAttributes": {"attributes": {"department": "x"}},
    "handleAlert": {},
    "changeSchedule": {"max_runs": 3},
    "changeHook": {"name": "x"},
    "rotateHook": {},
    "liftHold": {"reason": "x"},
    "changeIntake": {"every_seconds": 30},
    "resumeIntake": {},
    "acceptTool": {"digest": "x"},
    "tryTool": {"arguments": {}},
    "reviewAgent": {"version": "x"},
}
# What a stranger sends where a path names nothing: by the other tenant's own names, where a body has some.
CREATES: dict[str, dict[str, Any]] = {
    "createToken": {"name": "x"},
    "startRun": {"agent": "complaint-resolution", "input": {"text": "Goods are broken."}},
    "checkRows": {"agent": "complaint-resolution", "rows": [{"text": "Goods are broken."}], "key": "rows-1"},
    "startRuns": {"agent": "complaint-resolution", "rows": [{"text": "Goods are broken."}], "key": "rows-1"},
    "createSchedule": {"agent": "complaint-resolution", "input": {"text": "Goods are broken."}, "cron": "0 8 * * MON"},
    "createHook": {"name": "x", "agent": "complaint-resolution", "mapping": {"text": "text"}},
    "tryHookMapping": {
        "agent": "complaint-resolution",
        "mapping": {"text": "text"},
        "message": '{"text": "Goods are broken."}',
    },
    "createIntake": {
        "name": "x",
        "agent": "complaint-resolution",
        "tool": "mail.list_new",
        "arguments": {"to": "c@example.com"},
        "mapping": {"text": "text"},
        "after": "",
    },
    "giveVerdicts": {"items": [{"id": "{approval}", "digest": "0" * 64}], "approve": True},
    "createAbsence": {"to": "person:amy", "since": "2026-11-24T00:00:00Z", "until": "2099-01-01T00:00:00Z"},
    "giveMandate": {
        "agent": "complaint-resolution",
        "tool": "erp.create_replacement",
        "calls": 1,
        "until": "{soon}",
        "reason": "x",
    },
    "saveQuery": {"name": "mine", "query": "kind:run"},
    "startExport": {"format": "jsonl"},
    "eraseSubject": {"subject": "customer:zebra", "reason": "x"},
    "placeHold": {"query": "kind:run", "reason": "x"},
    "retireRecords": {"before": "2026-01-01T00:00:00Z"},
    "whoCan": {"tool": "erp.get_order"},
    "explainDecision": {"principal": "person:amy", "tool": "erp.get_order", "arguments": {}},
    "simulatePolicy": {"draft": "{draft}", "questions": [{"principal": "person:amy", "tool": "erp.get_order"}]},
    "checkPolicyCases": {},
    "rollBackPolicy": {"revision": "x", "reason": "x"},
    "createDraft": {"title": "x", "files": {}},
    "freeze": {"scope": "tool", "name": "mail.send", "reason": "x"},
    "createPerson": {"login": "newcomer", "name": "x", "password": PASSWORD},
}
APART = {
    "signIn": "has tests of its own",
    "signOut": "has tests of its own",
    "live": "a stream: tests of its own",
    "checkConnectors": "connectors are the installation's, and it starts them",
}
# These name agents, connectors and tools, which an installation's tenants share.
SHARED = {"agent", "connector", "tool"}


@pytest.fixture
def house_settings(tmp_path: Path, seeded: Path) -> Settings:
    """As elsewhere, with a second tenant whose one person holds every role."""
    policies = tmp_path / "policies"
    shutil.copytree(Path(__file__).parents[3] / "policies", policies)
    shutil.copytree(policies / "demo", policies / "other")
    for file in (policies / "other").rglob("*.yaml"):
        file.write_text(file.read_text().replace("tenant: demo", "tenant: other"))
    roles = policies / "other" / "roles.yaml"
    roles.write_text(roles.read_text().replace("person:root: [administrator]", f"person:root: {OTHER_ROLES}"))
    shutil.rmtree(policies / "other" / "cases", ignore_errors=True)
    (policies / "other" / "separation.yaml").unlink()  # or nobody could hold every role
    (tmp_path / "chargehand.db").write_bytes(seeded.read_bytes())
    return Settings(
        state_dir=tmp_path,
        policies_dir=policies,
        database_url=f"sqlite:///{tmp_path}/chargehand.db",
        tenant="demo",
        api_connectors="own",
    )


@pytest.fixture
async def names(app: FastAPI, connect: Connect, db: Database) -> dict[str, str]:
    """One of everything in the demo tenant, by the name of its path parameter."""
    amy, root, ada, li = [await sign_in(connect(), name) for name in ("amy", "root", "ada", "li")]
    run = (
        await amy.post(
            "/api/runs",
            json={"agent": "complaint-resolution", "input": {"text": MARK, "order_number": f"SO-{MARK}"}},
        )
    ).json()["id"]
    complaint = {"text": MARK, "order_number": f"SO-{MARK}"}
    schedule = (
        await amy.post(
            "/api/schedules", json={"agent": "complaint-resolution", "input": complaint, "cron": "0 8 * * MON-FRI"}
        )
    ).json()["id"]
    call = ToolCall(
        tenant="demo",
        run=run,
        key="a" * 64,
        chain=("person:amy", "agent:complaint-resolution"),
        tool="erp.create_credit_note",
        arguments=_refund(app),
        agent="complaint-resolution",
    )
    waiting = await app.state.gateway.call(call)
    assert isinstance(waiting, ApprovalNeeded), waiting
    now = clock.now()
    task = {
        "id": "task_01STRIPES", "tenant": "demo", "run": run, "agent": "complaint-resolution", "node": "ask",
        "title": "", "question": f"{MARK}?",
        "form": '{"type":"string"}', "to": "role:customer-service", "principal": "person:amy",
        "state": "open", "asked_at": clock.iso(now), "expires_at": clock.iso(now + timedelta(days=1)), "answer": "",
        "answered_by": "", "answered_at": "", "told": True,
    }  # fmt: skip
    await db.write(lambda tx: tx.connection.execute(TASK.insert(), task))
    freeze = (await root.post("/api/freezes", json={"scope": "tool", "name": "mail.send", "reason": MARK})).json()["id"]
    hold = (await root.post("/api/log/holds", json={"query": "kind:run", "reason": MARK})).json()["id"]
    until = clock.iso(now + timedelta(days=2))
    mandate = (
        await li.post(
            "/api/mandates",
            json={
                "agent": "complaint-resolution",
                "tool": "erp.create_replacement",
                "calls": 1,
                "until": until,
                "reason": MARK,
            },
        )
    ).json()["id"]
    absence = (
        await li.post("/api/absences", json={"to": "person:max", "since": clock.iso(now), "until": until})
    ).json()["id"]
    draft = (await root.post("/api/policy/drafts", json={"title": MARK, "files": {}})).json()["id"]
    await ada.post("/api/log/queries", json={"name": "striped", "query": f"kind:run {MARK}", "shared": True})
    export = (await ada.post("/api/log/exports", json={"format": "jsonl"})).json()["id"]
    token = (await amy.post("/api/tokens", json={"name": MARK})).json()["id"]
    mapped = {"name": MARK, "agent": "complaint-resolution", "mapping": {"text": "text"}}
    hook = (await li.post("/api/hooks", json=mapped)).json()
    reading = {"tool": "mail.list_new", "arguments": {"to": "c@example.com"}, "after": ""}
    intake = (await li.post("/api/intakes", json={**mapped, **reading})).json()
    record = (await ada.get("/api/log", params={"q": f"run:{run}"})).json()["items"][0]["id"]
    assert "id" in hook, hook
    assert "id" in intake, intake
    return {
        "run": run, "approval": waiting.approval, "key": "a" * 64, "task": str(task["id"]), "freeze": freeze,
        "mandate": mandate, "absence": absence, "draft": draft, "name": "striped", "export": export, "token": token,
        "schedule": schedule, "record": record, "principal": "person:amy", "alert": "alr_none",
        "hold": hold, "hook": hook["id"], "intake": intake["id"],
    }  # fmt: skip


def _refund(app: FastAPI) -> dict[str, Any]:
    schema = app.state.policy.catalogue["erp.create_credit_note"].input_schema
    known = {"order": f"SO-{MARK}", "amount": "1280.00", "currency": "EUR", "reason": "broken"}
    return {name: known.get(name, "x") for name in schema.get("required", ())} | {
        name: value for name, value in known.items() if name in schema["properties"]
    }


@pytest.fixture
async def stranger(app: FastAPI, connect: Connect, db: Database) -> httpx.AsyncClient:
    user = new_user("other", "root", "Other Root", "person", clock.now())
    hashed = hash_now(PASSWORD)
    await db.write(lambda tx: store.add_user(tx.connection, user, hashed))
    client = connect()
    answer = await client.post("/api/session", json={"tenant": "other", "name": "root", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert {"read_runs", "read_log", "export_log", "give_verdict"} <= set(answer.json()["abilities"])
    return client


async def test_no_operation_shows_or_changes_anything_of_another_tenant(
    names: dict[str, str], stranger: httpx.AsyncClient, connect: Connect
) -> None:
    ada = await sign_in(connect(), "ada")
    before = (await ada.get("/api/log/status")).json()["size"]
    created, tried, wrong = set[str](), 0, list[tuple[Any, ...]]()
    for route in routes(ROUTERS):
        for method in route.methods:
            operation, parameters = str(route.operation_id), set(route.param_convertors)
            if operation in APART:
                continue
            path = "/api" + route.path.format(**{name: names.get(name, "nothing") for name in parameters})
            body = BODIES.get(operation)
            if method == "POST" and not parameters:
                if operation not in CREATES:
                    wrong.append((operation, "has no case in CREATES"))
                    continue
                said = json.dumps(CREATES[operation]).replace("{soon}", clock.iso(clock.now() + timedelta(days=2)))
                body = json.loads(said.replace("{approval}", names["approval"]).replace("{draft}", names["draft"]))
                created.add(operation)
            answer = await stranger.request(method, path, json=body)
            tried += 1
            if unnamed := parameters - names.keys() - SHARED:
                wrong.append((operation, f"nothing is named by {unnamed}: a 404 would say nothing"))
            expected = (404,) if parameters and not parameters & SHARED else (200, 201, 202, 204, 404, 409, 503)
            if operation == "tryTool":
                expected = (403,)  # as of every name that is no reviewed read
            if method == "GET" and not parameters:
                expected = (*expected, 422)  # without its query
            if MARK in answer.text or answer.status_code not in expected:
                wrong.append((operation, method, path, answer.status_code, answer.text[:300]))
    assert not wrong, "\n".join(map(str, wrong))
    assert created == set(CREATES), "a case of an operation that is gone"
    assert tried > 60
    assert (await ada.get("/api/log/status")).json()["size"] == before
    amy = await sign_in(connect(), "amy")
    assert (await amy.get(f"/api/runs/{names['run']}")).json()["state"] == "starting"
    assert (await amy.get(f"/api/approvals/{names['approval']}")).json()["state"] == "pending"


async def test_the_same_operations_find_everything_in_the_own_tenant(
    names: dict[str, str], connect: Connect, app: FastAPI
) -> None:
    """The control: the names are right, so the 404s above mean what they should."""
    ada, root = await sign_in(connect(), "ada"), await sign_in(connect(), "root")
    for path in (f"runs/{names['run']}", f"calls/{names['key']}", f"log/records/{names['record']}"):
        answer = await ada.get(f"/api/{path}")
        assert answer.status_code == 200, (path, answer.text)
    assert (await root.get(f"/api/policy/drafts/{names['draft']}")).status_code == 200
    assert (await ada.get(f"/api/approvals/{names['approval']}")).json()["arguments"]
    assert [one["id"] for one in (await ada.get("/api/schedules")).json()] == [names["schedule"]]
    amy = await sign_in(connect(), "amy")
    for act, state in (("pause", "paused"), ("resume", "active")):
        answer = await amy.post(f"/api/schedules/{names['schedule']}/{act}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (await amy.delete(f"/api/schedules/{names['schedule']}")).status_code == 204
