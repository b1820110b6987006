"""Approvals, policy changes, the log, the stop switch and live events through the real routes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargehand.gateway.model import ApprovalNeeded, ToolCall
from fixtures.api import Connect, sign_in


async def ask(app: FastAPI, amount: str, *, key: str = "k" * 64) -> ApprovalNeeded:
    """A refund that policy asks people about, proposed by the agent on behalf of amy."""
    schema = app.state.policy.catalogue["erp.create_credit_note"].input_schema
    known = {"order": "SO-1042", "amount": amount, "currency": "EUR", "reason": "broken"}
    arguments = {name: known.get(name, "x") for name in schema.get("required", ())}
    arguments |= {name: value for name, value in known.items() if name in schema["properties"]}
    call = ToolCall(
        tenant="demo",
        run="run_test",
        key=key,
        chain=("person:amy", "agent:complaint-resolution"),
        tool="erp.create_credit_note",
        arguments=arguments,
        agent="complaint-resolution",
    )
    answer = await app.state.gateway.call(call)
    assert isinstance(answer, ApprovalNeeded), answer
    return answer


async def test_an_approver_sees_exactly_what_will_run_and_approves_its_digest(
    app: FastAPI, amy: httpx.AsyncClient, li: httpx.AsyncClient
) -> None:
    waiting = await ask(app, "1280.00")
    inbox = (await li.get("/api/approvals", params={"mine": True})).json()
    assert (inbox["waiting_for_me"], [one["id"] for one in inbox["items"]]) == (1, [waiting.approval])
    shown = (await li.get(f"/api/approvals/{waiting.approval}")).json()
    assert [one["text"] for one in shown["arguments"] if one["emphasis"]] == ["1280.00"]
    assert "1280.00" in shown["exact"]
    assert shown["quorums"] == [{"role": "customer-service-lead", "needed": 1, "given": 0}]
    mine = (await amy.get(f"/api/approvals/{waiting.approval}")).json()
    assert (mine["i_may_answer"], bool(mine["why_not"])) == (False, True)
    path = f"/api/approvals/{waiting.approval}/verdict"
    assert (await amy.post(path, json={"approve": True, "digest": shown["digest"]})).status_code == 403
    stale = await li.post(path, json={"approve": True, "digest": "0" * 64})
    assert stale.status_code == 409
    done = await li.post(path, json={"approve": True, "digest": shown["digest"], "comment": "fine"})
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    again = await li.post(path, json={"approve": False, "digest": shown["digest"]})
    assert again.status_code == 409


async def test_a_large_refund_needs_two_different_people(app: FastAPI, li: httpx.AsyncClient, connect: Connect) -> None:
    waiting = await ask(app, "6000.00")
    fay = await sign_in(connect(), "fay")
    digest = (await li.get(f"/api/approvals/{waiting.approval}")).json()["digest"]
    body = {"approve": True, "digest": digest}
    first = (await li.post(f"/api/approvals/{waiting.approval}/verdict", json=body)).json()
    assert first["state"] == "pending"
    assert (await li.post(f"/api/approvals/{waiting.approval}/verdict", json=body)).status_code == 403
    assert (await fay.post(f"/api/approvals/{waiting.approval}/verdict", json=body)).json()["state"] == "approved"


async def test_only_its_people_see_an_approval(app: FastAPI, connect: Connect) -> None:
    waiting = await ask(app, "1280.00")
    stranger = await sign_in(connect(), "root")
    person = {"login": "zoe", "name": "Zoe", "password": "correct horse battery staple"}
    await stranger.post("/api/people", json=person)
    zoe = await sign_in(connect(), "zoe")
    assert (await zoe.get(f"/api/approvals/{waiting.approval}")).status_code == 404
    assert (await zoe.get("/api/approvals", params={"state": "all"})).json()["items"] == []


@pytest.mark.parametrize("amount", ["1,280.00", "1.280,00", "1e3", "NaN", "-5", " 5", "0x10"])
async def test_a_mandate_takes_plain_amounts_only(li: httpx.AsyncClient, amount: str) -> None:
    body = {
        "agent": "complaint-resolution", "tool": "erp.create_credit_note", "calls": 3, "field": "amount",
        "each": amount, "currency": "EUR", "until": "2030-01-01T00:00:00Z", "reason": "many equal ones",
    }  # fmt: skip
    answer = await li.post("/api/mandates", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in ("each", "until")


async def test_a_policy_change_needs_a_second_person(root: httpx.AsyncClient, connect: Connect) -> None:
    fay = await sign_in(connect(), "fay")
    files = (await root.get("/api/policy")).json()["files"]
    rules = files["rules.yaml"] + "# looked at again\n"
    broken = await root.post("/api/policy/drafts", json={"title": "x", "files": {"rules.yaml": "- id: x"}})
    assert broken.status_code == 422
    made = await root.post("/api/policy/drafts", json={"title": "Comment", "files": {"rules.yaml": rules}})
    assert made.status_code == 201, made.text
    draft = made.json()
    body = {"approve": True, "content_hash": draft["content_hash"]}
    path = f"/api/policy/drafts/{draft['id']}"
    assert (await root.post(f"{path}/review", json=body)).status_code == 403
    assert (await fay.post(f"{path}/activate", json={"content_hash": draft["content_hash"]})).status_code == 409
    assert (await fay.post(f"{path}/review", json=body | {"content_hash": "other"})).status_code == 409
    assert (await fay.post(f"{path}/review", json=body)).json()["state"] == "reviewed"
    activated = await fay.post(f"{path}/activate", json={"content_hash": draft["content_hash"]})
    assert activated.status_code == 200, activated.text
    revisions = (await fay.get("/api/policy/revisions")).json()
    assert revisions[0]["in_force"]


async def test_simulate_and_backtest_show_what_would_flip(
    app: FastAPI, root: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    await ask(app, "1280.00")
    files = (await root.get("/api/policy")).json()["files"]
    stricter = files["rules.yaml"].replace(
        "when: args.amount > 500 and args.amount <= 5000\n  then: ask\n  approval: [lead]\n",
        "when: args.amount > 500 and args.amount <= 5000\n  then: deny\n",
    )
    assert stricter != files["rules.yaml"]
    cases = {name: text for name, text in files.items() if not name.startswith("cases/")} | {"rules.yaml": stricter}
    made = await root.post("/api/policy/drafts", json={"title": "Deny medium", "files": cases})
    assert made.status_code == 201, made.text
    draft = made.json()["id"]
    question = {
        "tool": "erp.create_credit_note", "principal": "person:amy", "agent": "complaint-resolution",
        "arguments": {"order": "SO-1", "amount": "1280.00", "currency": "EUR"},
    }  # fmt: skip
    simulated = (await ada.post("/api/policy/simulate", json={"draft": draft, "questions": [question]})).json()[0]
    assert (simulated["now"]["verdict"], simulated["candidate"]["verdict"]) == ("ask", "deny")
    found = (await ada.post(f"/api/policy/drafts/{draft}/backtest", json={"last": 100})).json()
    assert [(flip["before"], flip["after"]["verdict"]) for flip in found["flips"]] == [("ask", "deny")]
    diff = (await ada.get(f"/api/policy/drafts/{draft}/diff")).json()
    assert diff["changed"][0]["after"]["verdict"] == "deny"
    assert any(not case["passed"] for case in diff["cases"])


async def test_the_log_is_charted_proved_and_exported(ada: httpx.AsyncClient) -> None:
    chart = (await ada.get("/api/log/facets", params={"q": "kind:sign_in", "by": "kind"})).json()
    assert (chart["total"], chart["histogram"][0]["value"]) == (1, "sign_in")
    row = (await ada.get("/api/log")).json()["items"][0]
    for _ in range(100):
        proof = await ada.get(f"/api/log/records/{row['id']}/proof")
        if proof.status_code == 200:
            break
        await asyncio.sleep(0.1)
    assert proof.json()["fits"]
    wrong = await ada.get("/api/log", params={"q": "tool:"})
    assert wrong.status_code == 422
    job = (await ada.post("/api/log/exports", json={"format": "jsonl", "query": "kind:sign_in"})).json()
    for _ in range(100):
        job = (await ada.get(f"/api/log/exports/{job['id']}")).json()
        if job["state"] != "running":
            break
        await asyncio.sleep(0.05)
    assert (job["state"], job["records"]) == ("done", 1)
    file = await ada.get(f"/api/log/exports/{job['id']}/file")
    assert "attachment" in file.headers["content-disposition"]
    assert json.loads(file.text.splitlines()[0])["kind"] == "sign_in"
    recorded = (await ada.get("/api/log", params={"q": "kind:access"})).json()["items"]
    assert len(recorded) == 1


async def test_the_stop_switch_stops_and_shows_itself(
    app: FastAPI, root: httpx.AsyncClient, amy: httpx.AsyncClient
) -> None:
    scope = {"scope": "agent", "name": "complaint-resolution", "reason": "it errs"}
    assert (await amy.post("/api/freezes", json=scope)).status_code == 403
    frozen = (await root.post("/api/freezes", json=scope)).json()
    assert [one["reason"] for one in (await amy.get("/api/freezes")).json()] == ["it errs"]
    assert (await amy.get("/api/agents")).json()[0]["frozen"]
    with pytest.raises(AssertionError, match="denied"):
        await ask(app, "1280.00")
    await root.post(f"/api/freezes/{frozen['id']}/lift", json={"reason": "mended"})
    await ask(app, "1280.00", key="l" * 64)


async def test_repeated_denials_raise_an_alert_that_is_handled_once(
    app: FastAPI, root: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    for index in range(5):
        call = ToolCall(
            tenant="demo", run="run_x", key=f"{index:064d}", chain=("person:ada",), tool="erp.get_order",
            arguments={"number": "SO-1"},
        )  # fmt: skip
        await app.state.gateway.call(call)
    alerts = (await root.get("/api/alerts")).json()
    assert [alert["detector"] for alert in alerts] == ["denials"]
    path = f"/api/alerts/{alerts[0]['id']}/handle"
    assert (await ada.post(path, json={})).status_code == 403
    assert (await root.post(path, json={"comment": "a mistake"})).json()["state"] == "acknowledged"
    assert (await root.post(path, json={})).status_code == 409
    assert (await root.get("/api/alerts")).json() == []


async def test_live_events_say_what_changed_and_resume(app: FastAPI, connect: Connect) -> None:
    li = await sign_in(connect(), "li")
    who = (await li.get("/api/session")).json()
    feed, abilities = app.state.feed, set(who["abilities"])
    from chargehand.identity.model import Principal, SignedIn

    me = SignedIn(Principal("demo", "person:li", "Li Wei"), "password")

    async def until(kind: str, after: int | None = None) -> tuple[int, Any]:
        stream = feed.events(me, abilities.__contains__, after)
        try:
            async for position, event in stream:
                if event.kind == kind:
                    return position, event
        finally:
            await stream.aclose()
        raise AssertionError("the stream ended")

    start, counts = await asyncio.wait_for(until("counts"), 10)
    assert counts.counts.approvals_waiting_for_me == 0
    heard = asyncio.create_task(until("approval"))
    await asyncio.sleep(0)
    waiting = await ask(app, "1280.00")
    position, event = await asyncio.wait_for(heard, 10)
    assert (event.id, event.run) == (waiting.approval, "run_test")
    resumed = await asyncio.wait_for(until("approval", after=start), 10)
    assert resumed[0] == position
    _, reset = await asyncio.wait_for(until("reset", after=position + 1000), 10)
    assert reset.kind == "reset"


async def test_rows_are_checked_and_started_together_or_not_at_all(amy: httpx.AsyncClient) -> None:
    good, bad = {"text": "The lamp is broken"}, {"text": "x"}
    body = {"agent": "complaint-resolution", "rows": [good, bad, {}], "key": "monday"}
    found = (await amy.post("/api/runs/check", json=body)).json()
    assert [(one["row"], one["field"]) for one in found["problems"]] == [(1, "text"), (2, "")]
    refused = await amy.post("/api/runs/batch", json=body)
    assert refused.status_code == 422
    assert (await amy.get("/api/runs")).json()["items"] == []
    body["rows"] = [good, good]
    first = (await amy.post("/api/runs/batch", json=body)).json()["runs"]
    assert (await amy.post("/api/runs/batch", json=body)).json()["runs"] == first
    assert len({*first}) == 2


async def test_people_see_their_own_runs_and_those_with_the_ability_all(
    amy: httpx.AsyncClient, li: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    body = {"agent": "complaint-resolution", "input": {"text": "Mine", "order_number": "SO-1"}}
    run = (await li.post("/api/runs", json=body)).json()["id"]
    assert (await amy.get(f"/api/runs/{run}")).status_code == 404
    assert (await amy.get("/api/runs")).json()["items"] == []
    assert (await amy.get("/api/runs", params={"principal": "person:li"})).status_code == 403
    assert (await ada.get("/api/runs")).json()["items"][0]["id"] == run
    assert (await amy.post(f"/api/runs/{run}/stop", json={"reason": "x"})).status_code == 404


async def test_the_console_answers_every_page_and_hides_nothing_behind_a_wrong_asset(connect: Connect) -> None:
    client = connect()
    page = await client.get("/runs/run_01")
    assert page.headers["content-type"].startswith("text/html")
    if page.status_code == 200:
        assert page.headers["cache-control"] == "no-cache"
        assert "script-src 'self';" in page.headers["content-security-policy"]
    missing = await client.get("/assets/gone-123.js")
    assert missing.status_code in (404, 503)
    for path in ("/../pyproject.toml", "/%2e%2e/pyproject.toml", "/assets/../../../pyproject.toml"):
        assert "[build-system]" not in (await client.get(path)).text


async def test_an_agent_is_reviewed_by_a_person_who_answers_for_it(
    app: FastAPI, li: httpx.AsyncClient, connect: Connect
) -> None:
    path = "/api/agents/complaint-resolution"
    ada = await sign_in(connect(), "ada")
    agent = (await ada.get(path)).json()
    assert agent["last_review"] is None
    assert (await li.post(f"{path}/reviews", json={"version": agent["version"]})).status_code == 403
    assert (await ada.post(f"{path}/reviews", json={"version": "another"})).status_code == 409
    given = await ada.post(f"{path}/reviews", json={"version": agent["version"], "comment": "graph and tools"})
    assert (given.status_code, given.json()["name"], given.json()["current"]) == (201, "Ada Okafor", True)
    assert (await li.get(path)).json()["last_review"] == given.json()
    found = (await ada.get("/api/log", params={"q": "kind:agent_review"})).json()["items"]
    assert [one["principal"] for one in found] == ["person:ada"]
    elsewhere = await app.state.reviews.last("other", "complaint-resolution")
    assert elsewhere is None
