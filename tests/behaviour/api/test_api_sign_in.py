"""Signing in, staying in, getting out; and what is refused."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from chargehand import clock
from chargehand.audit.service import AuditService
from chargehand.database import Database
from chargehand.identity import service
from fixtures.api import PASSWORD, Connect, sign_in


async def test_sign_in_says_who_and_what_one_may(connect: Connect) -> None:
    client = connect()
    answer = await client.post("/api/session", json={"name": "ada", "password": PASSWORD})
    me = answer.json()
    assert (me["principal"], me["name"], me["method"]) == ("person:ada", "Ada Okafor", "password")
    assert me["roles"] == ["auditor"]
    assert {"read_log", "export_log"} <= set(me["abilities"])
    assert not {"give_verdict", "freeze", "manage_people"} & set(me["abilities"])
    assert (await client.get("/api/session")).json() == me


async def test_cookie_on_loopback_is_http_only_strict_and_carries_no_secret_of_the_database(
    connect: Connect, db: Database
) -> None:
    answer = await connect().post("/api/session", json={"name": "amy", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "chargehand"
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in rest.split(";")}
    secret = rest.partition(";")[0]
    dump = await db.read(lambda c: str(c.execute(text("SELECT * FROM identity_session")).all()))
    assert secret not in dump


async def test_cookie_over_https_is_host_bound_and_secure(connect: Connect) -> None:
    client = connect("https://chargehand.example")
    answer = await client.post("/api/session", json={"name": "amy", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-chargehand=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_a_browser_that_takes_it_on_loopback_gets_the_host_bound_cookie_there(connect: Connect) -> None:
    client = connect()
    client.cookies.set("chargehand", "an older one")
    who = {"name": "amy", "password": PASSWORD, "host_cookie": True}
    answer = await client.post("/api/session", json=who)
    secret, forgotten = answer.headers.get_list("set-cookie")
    assert secret.startswith("__Host-chargehand=")
    assert "Secure" in secret
    assert forgotten.startswith('chargehand=""')
    name, _, value = secret.partition(";")[0].partition("=")
    here = connect()
    assert (await here.get("/api/session", headers={"cookie": f"{name}={value}"})).json()["name"] == "Amy Chen"


async def test_over_https_a_cookie_without_the_prefix_signs_nobody_in(connect: Connect) -> None:
    """A neighbour under the same domain could have planted it."""
    client = connect("https://chargehand.example")
    answer = await client.post("/api/session", json={"name": "amy", "password": PASSWORD})
    secret = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    stranger = connect("https://chargehand.example")
    refused = await stranger.get("/api/session", headers={"cookie": f"chargehand={secret}"})
    assert refused.status_code == 401


async def test_plain_http_over_a_network_is_refused_before_the_password_is_looked_at(connect: Connect) -> None:
    client = connect("http://chargehand.example")
    answer = await client.post("/api/session", json={"name": "amy", "password": PASSWORD})
    assert answer.status_code == 403
    assert "in the clear" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["amy", "nobody", "", "a" * 101, "amy\x00"])
async def test_a_wrong_password_or_name_is_refused_alike(connect: Connect, name: str) -> None:
    answer = await connect().post("/api/session", json={"name": name, "password": "wrong horse battery"})
    assert answer.status_code in (401, 422)
    if answer.status_code == 401:
        assert answer.json()["detail"] == "Name or password is wrong."


async def test_sign_out_ends_the_session_on_the_server(connect: Connect) -> None:
    client = await sign_in(connect(), "amy")
    kept = client.cookies["chargehand"]
    assert (await client.delete("/api/session")).status_code == 204
    client.cookies.set("chargehand", kept)
    assert (await client.get("/api/session")).status_code == 401


async def test_a_session_ends_after_its_time(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await sign_in(connect(), "amy")
    later = clock.now() + timedelta(hours=service.SESSION_HOURS, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await client.get("/api/session")).status_code == 401


async def test_guessing_is_stopped_for_a_name_and_lets_others_in(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FAILURES_A_NAME", 3)
    for _ in range(3):
        answer = await connect().post("/api/session", json={"name": "amy", "password": "not it, surely"})
        assert answer.status_code == 401
    answer = await connect().post("/api/session", json={"name": "amy", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    await sign_in(connect(), "li")
    later = clock.now() + service.WINDOW + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    await sign_in(connect(), "amy")


async def test_guessing_is_stopped_for_an_address(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FAILURES_AN_ADDRESS", 2)
    for name in ("amy", "li"):
        await connect().post("/api/session", json={"name": name, "password": "not it, surely"})
    answer = await connect().post("/api/session", json={"name": "max", "password": PASSWORD})
    assert answer.status_code == 429


async def test_sign_ins_and_refusals_stand_in_the_action_log(connect: Connect, db: Database) -> None:
    await connect().post("/api/session", json={"name": "amy", "password": "not it, surely"})
    client = await sign_in(connect(), "amy")
    await client.delete("/api/session")
    page = await AuditService(db).query("demo", "kind:sign_in")
    found = [(r.record.who.principal, r.record.detail["what"], r.record.outcome) for r in reversed(page.items)]
    assert found == [
        ("", "refused", "denied"),
        ("person:amy", "signed_in", "succeeded"),
        ("person:amy", "signed_out", "succeeded"),
    ]
    assert PASSWORD not in str(page)


async def test_without_the_action_log_nobody_gets_in(connect: Connect, db: Database) -> None:
    await db.write(lambda tx: tx.connection.exec_driver_sql("UPDATE audit_head SET halted = 'tampered'"))
    await db.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM audit_log"))
    answer = await connect().post("/api/session", json={"name": "amy", "password": PASSWORD})
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:chargehand:audit-unavailable"
    sessions = await db.read(lambda c: c.execute(text("SELECT count(*) FROM identity_session")).scalar())
    assert sessions == 0


async def test_a_person_who_is_shut_out_is_out_at_once(connect: Connect, root: httpx.AsyncClient) -> None:
    client = await sign_in(connect(), "amy")
    token = (await client.post("/api/tokens", json={"name": "script"})).json()["secret"]
    answer = await root.patch("/api/people/person:amy", json={"active": False})
    assert answer.json()["active"] is False
    assert (await client.get("/api/session")).status_code == 401
    assert (await connect(authorization=f"Bearer {token}").get("/api/session")).status_code == 401
    assert (await connect().post("/api/session", json={"name": "amy", "password": PASSWORD})).status_code == 401


async def test_people_are_added_with_a_password_that_is_long_enough(connect: Connect, root: httpx.AsyncClient) -> None:
    short = await root.post("/api/people", json={"login": "zoe", "name": "Zoe", "password": "short"})
    assert short.status_code == 422
    assert short.json()["errors"][0]["field"] == "password"
    assert short.json()["errors"][0]["value"] == ""
    person = {"login": "zoe", "name": "Zoe", "password": PASSWORD}
    assert (await root.post("/api/people", json=person)).status_code == 201
    assert (await root.post("/api/people", json=person)).status_code == 409
    await sign_in(connect(), "zoe")
    amy = await sign_in(connect(), "amy")
    assert (await amy.post("/api/people", json=person | {"login": "eve"})).status_code == 403


@pytest.mark.parametrize(
    "body", [{"password": PASSWORD}, {"name": ["amy"], "password": [PASSWORD]}, PASSWORD, [PASSWORD]]
)
async def test_no_error_repeats_a_password(connect: Connect, body: object) -> None:
    answer = await connect().post("/api/session", json=body)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
