"""Nothing behind the door without signing in; no other site signs for a person; tokens only narrow."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from chargehand import clock
from chargehand.api.app import ROUTERS
from chargehand.api.openapi import OPEN, ability_of, routes
from chargehand.identity.routes import signed_in
from fixtures.api import Connect, sign_in


def operations() -> list[tuple[str, str, str]]:
    found = [
        (method, f"/api{route.path}", str(route.operation_id)) for route in routes(ROUTERS) for method in route.methods
    ]
    return sorted(found)


CLOSED = [one for one in operations() if one[2] not in OPEN]


async def test_every_operation_refuses_without_signing_in(connect: Connect) -> None:
    """One house for all of them: building one costs more than asking it eighty times."""
    client = connect()
    assert len(CLOSED) > 80
    for method, path, name in CLOSED:
        answer = await client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 401, name
        assert answer.headers["content-type"] == "application/problem+json", name
        assert answer.headers["www-authenticate"] == "Bearer", name
        assert answer.json()["instance"].startswith("urn:chargehand:error:err_"), name


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/openapi.json", "/mcp", "/mcp/x"])
async def test_unknown_and_hidden_paths_refuse_too(connect: Connect, path: str) -> None:
    assert (await connect().get(path)).status_code == 401


async def test_health_is_open_and_says_no_more_than_it_must(connect: Connect) -> None:
    answer = await connect().get("/api/health")
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "version"}


def test_every_operation_asks_who_it_is() -> None:
    """The gate in front is one guard; each route's own dependency is the second."""
    for route in routes(ROUTERS):
        names: set[object] = set()
        waiting = [route.dependant]
        while waiting:
            one = waiting.pop()
            names.add(one.call)
            waiting += one.dependencies
        assert signed_in in names or ability_of(route.dependant) or route.operation_id in OPEN, route.path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "http://localhost:8710"}, 201),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:9999"}, 403),
        ({"origin": "https://localhost:8710"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_a_change_by_cookie_must_come_from_our_own_page(
    connect: Connect, headers: dict[str, str], status: int
) -> None:
    client = await sign_in(connect(), "amy")
    answer = await client.post("/api/tokens", json={"name": "script"}, headers=headers)
    assert answer.status_code == status


async def test_a_change_by_cookie_without_our_header_is_refused(connect: Connect) -> None:
    client = await sign_in(connect(), "amy")
    del client.headers["x-chargehand"]
    assert (await client.post("/api/tokens", json={"name": "script"})).status_code == 403
    assert (await client.get("/api/tokens")).json() == []


async def test_signing_in_from_another_site_is_refused(connect: Connect) -> None:
    client = connect(origin="http://evil.example")
    answer = await client.post("/api/session", json={"name": "amy", "password": "whatever it is"})
    assert answer.status_code == 403


async def test_a_token_acts_as_its_owner_without_our_header(connect: Connect) -> None:
    client = await sign_in(connect(), "root")
    made = (await client.post("/api/tokens", json={"name": "script", "days": 1})).json()
    with_token = connect(authorization=f"Bearer {made['secret']}")
    del with_token.headers["x-chargehand"]
    me = (await with_token.get("/api/session")).json()
    assert (me["principal"], me["method"]) == ("person:root", "token")
    assert (await with_token.post("/api/tokens", json={"name": "another"})).status_code == 201
    assert all("secret" not in token for token in (await client.get("/api/tokens")).json())


async def test_a_token_is_never_more_than_what_made_it(connect: Connect) -> None:
    client = await sign_in(connect(), "root")
    narrow = {"name": "reader", "abilities": ["read_log"], "tools": ["erp.*"], "days": 1}
    secret = (await client.post("/api/tokens", json=narrow)).json()["secret"]
    reader = connect(authorization=f"Bearer {secret}")
    assert (await reader.get("/api/session")).json()["abilities"] == ["read_log"]
    assert (await reader.get("/api/people")).status_code == 403
    wider = (await reader.post("/api/tokens", json={"name": "wider", "days": 300})).json()
    assert (wider["abilities"], wider["tools"]) == (["read_log"], ["erp.*"])
    assert clock.parse(wider["expires_at"]) - clock.now() < timedelta(days=1)
    refused = await reader.post("/api/tokens", json={"name": "other", "tools": ["mail.send"]})
    assert refused.status_code == 422


async def test_a_revoked_an_expired_and_a_made_up_token_open_nothing(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in(connect(), "amy")
    first = (await client.post("/api/tokens", json={"name": "one"})).json()
    second = (await client.post("/api/tokens", json={"name": "two", "days": 1})).json()
    assert (await client.delete(f"/api/tokens/{first['id']}")).status_code == 204
    assert (await client.delete(f"/api/tokens/{first['id']}")).status_code == 404
    assert (await connect(authorization=f"Bearer {first['secret']}").get("/api/session")).status_code == 401
    later = clock.now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    for credential in (f"Bearer {second['secret']}", "Bearer chg_nothing", "Bearer ", "Basic YTpi", "Bearer x y"):
        assert (await connect(authorization=credential).get("/api/session")).status_code == 401


async def test_a_bad_token_is_not_saved_by_a_good_cookie(connect: Connect) -> None:
    client = await sign_in(connect(), "amy")
    answer = await client.get("/api/session", headers={"authorization": "Bearer chg_nothing"})
    assert answer.status_code == 401


async def test_one_person_can_not_revoke_a_token_of_another(connect: Connect) -> None:
    amy, li = await sign_in(connect(), "amy"), await sign_in(connect(), "li")
    token = (await amy.post("/api/tokens", json={"name": "hers"})).json()
    assert (await li.delete(f"/api/tokens/{token['id']}")).status_code == 404
    assert (await connect(authorization=f"Bearer {token['secret']}").get("/api/session")).status_code == 200


async def test_answers_carry_headers_that_bind_the_browser(connect: Connect) -> None:
    for path in ("/api/health", "/api/session", "/"):
        headers = (await connect().get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_a_bug_answers_as_a_problem_that_tells_nothing_but_its_id(
    connect: Connect, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    client = await sign_in(connect(), "root")

    class Broken:
        async def people(self, tenant: str) -> None:
            raise RuntimeError("secret detail")

        async def by_session(self, secret: str) -> object:
            return await real.by_session(secret)

    real, app.state.identity = app.state.identity, Broken()
    answer = await client.get("/api/people")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert "secret detail" not in answer.text
    error_id = problem["instance"].rpartition(":")[2]
    assert any(error_id in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"\xff", "text/plain"),
        (b"\x08\xff\xfe", "application/json"),
    ],
)
async def test_a_body_that_is_not_json_is_a_clear_error(connect: Connect, content: bytes, kind: str) -> None:
    client = await sign_in(connect(), "amy")
    answer = await client.post("/api/tokens", content=content, headers={"content-type": kind})
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_an_unknown_field_is_named(connect: Connect) -> None:
    client = await sign_in(connect(), "amy")
    answer = await client.post("/api/tokens", json={"name": "x", "admin": True})
    assert answer.json()["errors"] == [{"field": "admin", "value": "True", "detail": "Extra inputs are not permitted"}]


async def test_unknown_method_and_path_are_problems(root: httpx.AsyncClient) -> None:
    for method, path, status in (("PUT", "/api/tokens", 405), ("GET", "/api/nothing", 404)):
        answer = await root.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_nobody_writes_lines_of_their_own_into_the_log(
    root: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "chargehand.api")
    await root.get("/api/runs/x%0A2026-01-01%20ERROR%20forged")
    assert not [record for record in caplog.records if "\n" in record.getMessage()]
    assert [record for record in caplog.records if "forged" in record.getMessage()]


async def test_the_document_names_every_status_that_an_operation_gives(app: FastAPI) -> None:
    """No operation documents 500: what is not foreseen is a bug, and answers as one."""
    for path, operations_of in app.openapi()["paths"].items():
        for operation in operations_of.values():
            assert "500" not in operation["responses"], path
            assert {"401", "422", "503"} <= set(operation["responses"]), path
            assert operation["operationId"]
            assert operation["tags"]
            assert operation["description"], path
