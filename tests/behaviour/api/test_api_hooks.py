"""Webhooks: what a sender signs starts one agent once; what is not well signed, or does not fit, starts nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from standardwebhooks import Webhook

from chargehand.audit.service import AuditService
from chargehand.clock import now
from chargehand.database import Database
from chargehand.identity import store as people
from chargehand.identity.service import new_user
from chargehand.runs import store
from chargehand.runs.triggers import hooks as limits
from chargehand.testing.clock import MovingClock
from fixtures.api import Connect, sign_in

MAPPING = {"text": "join(': ', [kind, message])", "order_number": "order.number", "amount": "order.amount"}
MESSAGE = b'{"kind": "damaged", "message": "The crate was open.", "order": {"number": "SO-1042", "amount": 1280.00}}'


class Sender:
    """Signs as Standard Webhooks says, with the library that senders use, and posts past any sign-in."""

    def __init__(self, client: httpx.AsyncClient, hook: dict[str, Any]) -> None:
        self.client = client
        self.hook = hook

    async def post(
        self, message: str, body: bytes = MESSAGE, *, secret: str = "", at: datetime | None = None, **change: str
    ) -> httpx.Response:
        at = at or now()
        signature = Webhook(secret or self.hook["secret"]).sign(message, at.replace(tzinfo=UTC), body.decode())
        headers = {
            "webhook-id": message,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
            **{name.replace("_", "-"): value for name, value in change.items()},
        }
        return await self.client.post(self.hook["path"], content=body, headers=headers)


async def new_hook(client: httpx.AsyncClient, **change: Any) -> dict[str, Any]:
    body = {"name": "Web shop", "agent": "complaint-resolution", "mapping": MAPPING, **change}
    answer = await client.post("/api/hooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
async def sender(connect: Connect, li: httpx.AsyncClient) -> Sender:
    return Sender(connect(), await new_hook(li))


def runs_of(db: Database) -> list[dict[str, Any]]:
    return db.read_now(lambda connection: store.list_runs(connection, "demo", limit=1000))


async def deliveries(li: httpx.AsyncClient, hook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await li.get(f"/api/hooks/{hook['id']}/deliveries?limit=500")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_signed_message_starts_one_run_on_behalf_of_who_made_the_hook(
    sender: Sender, li: httpx.AsyncClient, db: Database
) -> None:
    answer = await sender.post("msg_1")
    assert answer.status_code == 202, answer.text
    (run,) = runs_of(db)
    assert answer.json() == {"run": run["id"], "repeated": False}
    assert (run["principal"], run["signed_in_by"], run["business_key"]) == ("person:li", "webhook", "SO-1042")
    assert run["chain"] == '["person:li","agent:complaint-resolution"]'
    # An amount is text, exactly as the sender wrote it: never a float.
    said = json.loads(run["input"])
    assert said == {"text": "damaged: The crate was open.", "order_number": "SO-1042", "amount": "1280.00"}

    again = await sender.post("msg_1", at=now() + timedelta(minutes=1))
    assert (again.status_code, again.json()) == (200, {"run": run["id"], "repeated": True})
    assert len(runs_of(db)) == 1
    assert [one["outcome"] for one in await deliveries(li, sender.hook)] == ["repeated", "started"]
    page = await AuditService(db).query("demo", "kind:run")
    events = {one.record.detail["event"]: one.record for one in page.items}
    assert set(events) == {"hook_created", "started", "delivery_repeated"}
    assert events["started"].detail["hook"] == events["delivery_repeated"].detail["hook"] == sender.hook["id"]
    assert events["delivery_repeated"].run == run["id"]


async def test_the_same_message_at_the_same_moment_starts_one_run(sender: Sender, db: Database) -> None:
    answers = await asyncio.gather(*(sender.post("msg_1") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [202]
    assert len({answer.json()["run"] for answer in answers}) == len(runs_of(db)) == 1


BADLY_SIGNED: tuple[dict[str, Any], ...] = (
    {"webhook_signature": ""},
    {"webhook_signature": "v1,"},
    {"webhook_signature": "v1"},
    {"webhook_signature": "v1,%%%"},
    {"webhook_signature": "v2,AAAA"},
    {"webhook_id": "msg_2"},
    {"webhook_id": ""},
    {"webhook_timestamp": "0"},
    {"webhook_timestamp": "nan"},
    {"webhook_timestamp": ""},
    {"ago": timedelta(minutes=6)},
    {"ago": timedelta(minutes=-6)},
    {"secret": "whsec_" + "A" * 43 + "="},
    {"x_hub_signature_256": "sha256=00", "webhook_signature": ""},
)


async def test_a_bad_signature_starts_nothing_says_nothing_and_is_recorded(
    sender: Sender, li: httpx.AsyncClient, db: Database
) -> None:
    unknown = await sender.client.post("/hooks/hook_01UNKNOWN", content=MESSAGE)
    for wrong in BADLY_SIGNED:
        change = dict(wrong)
        ago: timedelta = change.pop("ago", timedelta(0))
        answer = await sender.post("msg_1", at=now() - ago, **change)
        assert answer.status_code == unknown.status_code == 401, wrong
        assert {**answer.json(), "instance": ""} == {**unknown.json(), "instance": ""}, wrong
    assert runs_of(db) == []
    kept = await deliveries(li, sender.hook)
    assert {(one["outcome"], one["status"], one["why"], one["message"]) for one in kept} == {
        ("refused", 401, "bad signature", "")
    }
    page = await AuditService(db).query("demo", "kind:run outcome:denied")
    assert [one.record.detail["event"] for one in page.items] == ["delivery_refused"] * len(BADLY_SIGNED)
    assert {one.record.who.principal for one in page.items} == {""}
    assert len(kept) == len(BADLY_SIGNED)


async def test_a_body_that_was_changed_on_its_way_is_refused(sender: Sender, db: Database) -> None:
    at = now()
    signed = Webhook(sender.hook["secret"]).sign("msg_1", at.replace(tzinfo=UTC), MESSAGE.decode())
    answer = await sender.post("msg_1", MESSAGE.replace(b"1280", b"9280"), at=at, webhook_signature=signed)
    assert answer.status_code == 401
    answer = await sender.client.post(
        sender.hook["path"], content=b"\xff\xfe", headers={"webhook-id": "a", "webhook-signature": signed}
    )
    assert answer.status_code == 401
    assert runs_of(db) == []


async def test_what_does_not_fit_names_its_field_and_starts_nothing(
    sender: Sender, li: httpx.AsyncClient, root: httpx.AsyncClient, db: Database
) -> None:
    for message, body, field in (
        ("m1", b'{"kind": "lost", "message": "gone", "order": {"number": 7}}', "input.order_number"),
        ("m2", b'{"kind": null, "message": "x"}', "mapping.text"),
        ("m3", b'{"kind": "a", "kind": "b"}', "body"),
        ("m4", b"kind=damaged", "body"),
        ("m5", b'{"kind": "lost", "message": "gone", "order": {"amount": -5.00}}', "input.amount"),
    ):
        answer = await sender.post(message, body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field, answer.text
    assert runs_of(db) == []
    kept = await deliveries(li, sender.hook)
    assert [(one["message"], one["status"]) for one in kept] == [(f"m{n}", 422) for n in (5, 4, 3, 2, 1)]
    assert "order_number" in kept[-1]["why"]
    assert (await root.get(f"/api/hooks/{sender.hook['id']}/deliveries")).status_code == 403


async def test_another_message_under_the_same_id_is_a_conflict(sender: Sender, db: Database) -> None:
    assert (await sender.post("msg_1")).status_code == 202
    answer = await sender.post("msg_1", MESSAGE.replace(b"SO-1042", b"SO-1043"))
    assert answer.status_code == 409
    assert [run["business_key"] for run in runs_of(db)] == ["SO-1042"]


async def test_github_signs_the_body_alone_so_the_body_is_what_counts(
    connect: Connect, li: httpx.AsyncClient, db: Database
) -> None:
    hook = await new_hook(li, scheme="github")
    client = connect()

    async def post(body: bytes, delivery: str, secret: str = hook["secret"]) -> httpx.Response:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={digest}", "x-github-delivery": delivery}
        return await client.post(hook["path"], content=body, headers=headers)

    assert (await post(MESSAGE, "one")).status_code == 202
    assert (await post(MESSAGE, "two")).json()["repeated"] is True
    assert (await post(MESSAGE, "three", "other")).status_code == 401
    assert (await post(MESSAGE.replace(b"open", b"wet"), "one")).status_code == 202
    assert len(runs_of(db)) == 2


async def test_after_a_rotation_the_old_secret_is_good_for_its_grace_only(
    sender: Sender, li: httpx.AsyncClient
) -> None:
    old = sender.hook["secret"]
    rotated = (await li.post(f"/api/hooks/{sender.hook['id']}/rotate", json={"grace_hours": 2})).json()
    assert rotated["secret"] != old
    assert (await sender.post("m1", secret=old)).status_code == 202
    assert (await sender.post("m2", secret=rotated["secret"])).status_code == 202
    clock = MovingClock()
    clock.ahead = timedelta(hours=3)
    with clock.in_force():
        shown = (await li.get(f"/api/hooks/{sender.hook['id']}")).json()
        assert shown["old_secret_until"] is None
        assert (await sender.post("m3", secret=old, at=datetime.now(UTC))).status_code == 401
    again = (await li.post(f"/api/hooks/{sender.hook['id']}/rotate", json={})).json()
    assert (await sender.post("m4", secret=rotated["secret"])).status_code == 401
    assert (await sender.post("m4", secret=again["secret"])).status_code == 202


async def test_a_disabled_hook_refuses_without_saying_so(sender: Sender, li: httpx.AsyncClient, db: Database) -> None:
    assert (await li.post(f"/api/hooks/{sender.hook['id']}/disable")).json()["state"] == "disabled"
    assert (await sender.post("m1")).status_code == 401
    assert runs_of(db) == []
    assert (await deliveries(li, sender.hook))[0]["why"] == "disabled"
    assert (await li.post(f"/api/hooks/{sender.hook['id']}/enable")).json()["state"] == "active"
    assert (await sender.post("m1")).status_code == 202


async def test_the_secret_is_shown_once_and_kept_nowhere(
    sender: Sender, li: httpx.AsyncClient, db: Database, app: FastAPI
) -> None:
    secret = sender.hook["secret"].removeprefix("whsec_")
    for answer in (await li.get("/api/hooks"), await li.get(f"/api/hooks/{sender.hook['id']}")):
        assert secret not in answer.text
    await sender.post("m1")
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    state = app.state.state_dir
    for file in state.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file
    assert (state / "hooks.key").stat().st_mode & 0o077 == 0


async def test_who_may_is_policy(
    amy: httpx.AsyncClient, ada: httpx.AsyncClient, li: httpx.AsyncClient, sender: Sender, db: Database
) -> None:
    body: dict[str, Any] = {"name": "mine", "agent": "complaint-resolution", "mapping": {}}
    hook = f"/api/hooks/{sender.hook['id']}"
    for person in (amy, ada):
        assert (await person.post("/api/hooks", json=body)).status_code == 403
        assert (await person.get("/api/hooks")).json() == []
        assert (await person.get(hook)).status_code == 403
        assert (await person.post(f"{hook}/rotate", json={})).status_code == 403
        assert (await person.post(f"{hook}/disable")).status_code == 403
        assert (await person.get(f"{hook}/deliveries")).status_code == 403
    # Nobody is acted for by somebody else's doing; a service may be, if it is known.
    assert (await li.post("/api/hooks", json={**body, "principal": "person:amy"})).status_code == 403
    assert (await li.post("/api/hooks", json={**body, "principal": "agent:complaint-resolution"})).status_code == 403
    assert (await li.post("/api/hooks", json={**body, "principal": "service:shop"})).status_code == 404
    user = new_user("demo", "shop", "Shop", "service", now())
    db.write_now(lambda tx: people.add_user(tx.connection, user, "no hash"))
    shop = Sender(sender.client, await new_hook(li, principal="service:shop"))
    refused = await shop.post("m1")  # policy does not let this service start anything
    assert refused.status_code == 403
    assert "agent.complaint-resolution" in refused.json()["way_out"]
    # Who was shut out is acted for no longer.
    db.write_now(lambda tx: people.change_user(tx.connection, "demo", "person:li", {"active": False}))
    assert (await sender.post("m1")).status_code == 403
    assert runs_of(db) == []


async def test_a_hook_is_changed_by_its_maker_and_keeps_its_secret(
    sender: Sender, li: httpx.AsyncClient, connect: Connect, db: Database
) -> None:
    assert (await sender.post("m1")).status_code == 202
    hook = f"/api/hooks/{sender.hook['id']}"
    mapping = {"text": "message", "order_number": "order.number"}
    answer = await li.patch(hook, json={"mapping": mapping})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["mapping"], answer.json()["name"], answer.json()["secret_number"]) == (mapping, "Web shop", 1)
    assert (await li.patch(hook, json={"name": "The shop"})).json()["name"] == "The shop"
    assert (await li.patch(hook, json={"name": "The shop"})).status_code == 200
    assert (await sender.post("m2")).status_code == 202
    texts = [json.loads(run["input"])["text"] for run in runs_of(db)]
    assert sorted(texts) == ["The crate was open.", "damaged: The crate was open."]
    records = (await AuditService(db).query("demo", "kind:run", personal=True)).items
    told = [one.record.detail for one in records if one.record.detail["event"] == "hook_changed"]
    assert [(one["before"], one["after"]) for one in reversed(told)] == [
        ({"mapping": MAPPING}, {"mapping": mapping}),
        ({"name": "Web shop"}, {"name": "The shop"}),
    ], "what changes nothing is not recorded"
    # It is checked like a new one, and what is wrong changes nothing.
    for body, status in (
        ({"mapping": {"text": "a["}}, 422),
        ({"mapping": {"price": "a"}}, 422),
        ({"name": ""}, 422),
        ({"agent": "clerk"}, 422),
        ({"secret": "x"}, 422),
    ):
        assert (await li.patch(hook, json=body)).status_code == status, body
    # Another lead may see and disable it, but not say what it does.
    max_ = connect()
    assert await sign_in(max_, "max")
    assert (await max_.get(hook)).json()["i_may_edit"] is False
    refused = await max_.patch(hook, json={"name": "Mine now"})
    assert (refused.status_code, "who alone may change it" in refused.text) == (403, True)
    assert (await li.get(hook)).json()["name"] == "The shop"
    assert (await li.get(hook)).json()["i_may_edit"] is True


async def test_a_message_that_came_before_a_change_starts_nothing_after_it(
    sender: Sender, li: httpx.AsyncClient, db: Database
) -> None:
    first = (await sender.post("m1")).json()["run"]
    hook = f"/api/hooks/{sender.hook['id']}"
    for mapping in ({"text": "message"}, {"text": "nowhere.to.be.found"}):
        assert (await li.patch(hook, json={"mapping": mapping})).status_code == 200
        again = await sender.post("m1")
        assert (again.status_code, again.json()) == (200, {"run": first, "repeated": True})
    other = await sender.post("m1", MESSAGE.replace(b"open", b"wet"))  # another message under its id, which makes none
    assert other.status_code == 422
    assert (await li.patch(hook, json={"mapping": {"text": "message"}})).status_code == 200
    assert (await sender.post("m1", MESSAGE.replace(b"open", b"wet"))).status_code == 409
    assert [run["id"] for run in runs_of(db)] == [first]


async def test_a_mapping_is_checked_when_it_is_made_and_can_be_tried(li: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"name": "x", "agent": "complaint-resolution", "mapping": {"text": "a["}}
    answer = await li.post("/api/hooks", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mapping.text")
    answer = await li.post("/api/hooks", json={**body, "mapping": {"price": "a"}})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mapping.price")
    assert (await li.post("/api/hooks", json={**body, "agent": "nobody", "mapping": {}})).status_code == 404
    tried = {"agent": "complaint-resolution", "mapping": MAPPING, "message": MESSAGE.decode()}
    assert (await li.post("/api/hooks/try", json=tried)).json()["input"]["amount"] == "1280.00"
    tried["message"] = '{"kind": "a", "message": "b", "order": {"amount": true}}'
    answer = await li.post("/api/hooks/try", json=tried)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "input.amount")


async def test_who_may_make_an_intake_is_told_which_tools_offer_messages(
    li: httpx.AsyncClient, connect: Connect
) -> None:
    (tool,) = (await li.get("/api/intakes/tools")).json()
    assert tool["name"] == "mail.list_new"
    assert set(tool["input_schema"]["properties"]) == {"to", "limit"}
    assert {"id", "subject", "text", "references"} <= set(tool["message_fields"])
    amy = await sign_in(connect(), "amy")
    assert (await amy.get("/api/intakes/tools")).status_code == 403


async def test_too_much_and_too_many_are_refused(
    sender: Sender, li: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = b'{"kind": "' + b"x" * limits.MAX_BODY_BYTES + b'"}'
    assert (await sender.post("m0", big)).status_code == 413
    assert (await deliveries(li, sender.hook))[0]["why"] == "too big"
    monkeypatch.setattr(limits, "MOST_IN_WINDOW", 3)
    monkeypatch.setattr(limits, "MOST_UNSIGNED_IN_WINDOW", 5)
    for _ in range(20):  # a stranger's noise leaves few traces, and does not shut out the sender
        assert (await sender.post("m1", webhook_signature="v1,AAAA")).status_code == 401
    for number in range(3):
        assert (await sender.post(f"m{number}")).status_code == 202
    for number in range(3, 6):
        answer = await sender.post(f"m{number}")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    kept = [one["outcome"] for one in await deliveries(li, sender.hook)]
    assert (kept.count("refused"), kept.count("started"), kept.count("limited")) == (5, 3, 1)
    assert len(runs_of(db)) == 3


async def test_a_token_that_is_narrower_manages_no_hooks(connect: Connect, li: httpx.AsyncClient) -> None:
    made = (await li.post("/api/tokens", json={"name": "t", "days": 1, "abilities": ["read_runs"]})).json()
    client = connect(authorization=f"Bearer {made['secret']}")
    answer = await client.post("/api/hooks", json={"name": "x", "agent": "complaint-resolution", "mapping": {}})
    assert answer.status_code == 403
    assert await sign_in(connect(), "li")
