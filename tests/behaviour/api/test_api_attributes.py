"""Attributes of people over HTTP: who may set them, what is refused, and that policy's answers follow."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargehand.policy.service import PolicyService

LI, AMY, ROOT = (f"/api/people/person:{name}/attributes" for name in ("li", "amy", "root"))
RULE = """
- id: sales-only
  for: complaint-handling
  tool: erp.get_order
  effect: read
  when: 'not person.department == "sales"'
  then: deny
  says: {en: Orders are for sales., zh: 订单仅限销售部。}
"""


async def explained(client: httpx.AsyncClient) -> dict[str, Any]:
    question = {"tool": "erp.get_order", "principal": "person:amy", "arguments": {"number": "SO-1"}}
    answer = await client.post("/api/policy/explain", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()["decision"]


async def test_policys_answer_follows_the_attribute(root: httpx.AsyncClient, app: FastAPI) -> None:
    policies: PolicyService = app.state.policy
    documents = dict(policies.policy("demo").documents)
    documents["rules.yaml"] += RULE
    policies.put_in_force(policies.compile("demo", documents))

    assert (await root.patch(AMY, json={"attributes": {"department": None}})).status_code == 200
    denied = await explained(root)
    assert denied["verdict"] == "deny"
    assert "person.department is missing" in denied["reasons"][0]["sentences"]["en"]
    changed = await root.patch(AMY, json={"attributes": {"department": "sales"}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["attributes"] == {"department": "sales"}
    assert (await explained(root))["verdict"] == "allow"
    who = (
        await root.post("/api/policy/who-can", json={"tool": "erp.get_order", "arguments": {"number": "SO-1"}})
    ).json()
    assert "person:amy" in {one["principal"] for one in who}
    await root.patch(AMY, json={"attributes": {"department": "finance"}})
    assert (await explained(root))["reasons"][0]["rule"] == "sales-only"


async def test_people_show_their_attributes_and_the_policy_names_them(root: httpx.AsyncClient) -> None:
    await root.patch(LI, json={"attributes": {"department": "sales"}})
    people = {one["principal"]: one["attributes"] for one in (await root.get("/api/people")).json()}
    assert people["person:li"] == {"department": "sales"}
    declared = (await root.get("/api/policy")).json()["attributes"]
    assert declared == {"department": {"en": "Department", "zh": "部门"}}


async def test_only_who_policy_grants_it_may(amy: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    for client in (amy, li):
        refused = await client.patch(LI, json={"attributes": {"department": "sales"}})
        assert refused.status_code == 403
        assert "set_attributes" in refused.json()["detail"]


async def test_nobody_sets_their_own(root: httpx.AsyncClient) -> None:
    refused = await root.patch(ROOT, json={"attributes": {"department": "sales"}})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"departement": "sales"}, 422),
        ({"id": "person:root"}, 422),
        ({"department": " "}, 422),
        ({"department": "a\nb"}, 422),
        ({"department": "x" * 201}, 422),
        ({}, 422),
        ({"never-there": None}, 200),
    ],
)
async def test_what_is_refused_changes_nothing(
    root: httpx.AsyncClient, attributes: dict[str, str | None], status: int
) -> None:
    before = (await root.get("/api/people")).json()
    answer = await root.patch(LI, json={"attributes": attributes})
    assert answer.status_code == status, answer.text
    assert (await root.get("/api/people")).json() == before


async def test_a_person_who_is_not_there(root: httpx.AsyncClient) -> None:
    answer = await root.patch("/api/people/person:nobody/attributes", json={"attributes": {"department": "x"}})
    assert answer.status_code == 404
