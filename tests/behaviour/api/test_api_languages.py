"""What the server says of a call is there in each language that tool and rules have."""

from __future__ import annotations

from fastapi import FastAPI

from chargehand.gateway.model import ApprovalNeeded, ToolCall
from fixtures.api import Connect, sign_in


async def test_a_request_is_said_in_the_tools_own_languages_and_may_be_handed_to_those_named(
    app: FastAPI, connect: Connect
) -> None:
    arguments = {
        "order": "SO-1042",
        "return_number": "RT-1",
        "customer": "Lakeside Mill",
        "amount": "1280.00",
        "currency": "CNY",
        "reason": "Broken",
    }
    call = ToolCall(
        tenant="demo",
        run="run_test",
        key="k" * 64,
        chain=("person:amy", "agent:complaint-resolution"),
        tool="erp.create_credit_note",
        arguments=arguments,
        agent="complaint-resolution",
    )
    waiting = await app.state.gateway.call(call)
    assert isinstance(waiting, ApprovalNeeded)
    li = await sign_in(connect(), "li")
    shown = (await li.get(f"/api/approvals/{waiting.approval}")).json()
    listed = (await li.get("/api/approvals", params={"mine": True})).json()["items"][0]
    assert shown["sentences"] == listed["sentences"]
    assert shown["sentences"]["en"] == shown["sentence"]
    assert "退款 1,280.00 CNY" in shown["sentences"]["zh"]
    assert all(why["sentences"]["zh"] != why["sentences"]["en"] for why in shown["why"])
    offered = (await li.get(f"/api/approvals/{waiting.approval}/candidates")).json()
    assert offered[0] == {"principal": "person:max", "name": "Max Bauer", "holds": ["customer-service-lead"]}
    assert "person:amy" not in [one["principal"] for one in offered]
    amy = await sign_in(connect(), "amy")
    assert (await amy.get(f"/api/approvals/{waiting.approval}/candidates")).status_code == 403
    ada = await sign_in(connect(), "ada")
    (row,) = (await ada.get("/api/log", params={"q": "kind:decision run:run_test"})).json()["items"]
    kept = (await ada.get(f"/api/log/records/{row['id']}")).json()["record"]["detail"]["reasons"]
    assert {one["sentences"]["zh"] for one in kept} == {why["sentences"]["zh"] for why in shown["why"]}
