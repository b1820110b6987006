"""Starts from the command line: rows of a CSV, hooks and intakes, against a real API process."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from fixtures.cli import Command, Server

SignedIn = Callable[[str], Command]


def test_rows_of_a_file_start_once_or_not_at_all(signed_in: SignedIn, tmp_path: Path) -> None:
    command, file = signed_in("amy"), tmp_path / "complaints.csv"
    start = ("run", "start", "complaint-resolution", "--rows", str(file))
    file.write_text('text;order_number;amount\n"broken;\nreally";SO-1042;1280.00\nx;SO-1043;\nlost;SO-1044;-5\n')
    said = command(*start)
    assert said.code == 2
    assert "2 of 3 rows have problems; nothing was started." in said.err
    assert "line 4  text" in said.err
    assert "line 5  amount" in said.err
    assert command("run", "list", "--json").json["items"] == []

    file.write_text('\ufefftext,order_number,amount\n"broken,\nreally",SO-1042,1280.00\nlost,SO-1043,\n', "utf-8")
    assert "2 rows fit" in command(*start, "--check").out
    assert command("run", "list", "--json").json["items"] == []
    first = command(*start, "--json").json["runs"]
    assert command(*start, "--json").json["runs"] == first
    shown = command("run", "list", "--json").json["items"]
    assert {one["business_key"] for one in shown} == {"SO-1042", "SO-1043"}
    found = command("run", "list", "--about", "SO-1042", "--for", "person:amy", "--since", "2020-01-01", "--json").json
    assert [one["id"] for one in found["items"]] == [first[0]]
    version = found["items"][0]["agent_version"]
    assert len(command("run", "list", "--version", version, "--json").json["items"]) == 2
    page = command("run", "list", "--limit", "1", "--json").json
    following = command("run", "list", "--limit", "1", "--cursor", page["next"], "--json").json
    assert {page["items"][0]["id"], following["items"][0]["id"]} == set(first)
    assert command("run", "list", "--until", "soon").code == 2
    anew = command(*start, "--key", "again", "--json").json["runs"]
    assert set(anew) & set(first) == set()
    for bad in ("", "text\n", '"text\n'):
        file.write_text(bad)
        assert command(*start).code == 2


def test_a_hook_is_made_tried_called_rotated_and_disabled(signed_in: SignedIn, server: Server, tmp_path: Path) -> None:
    command, message = signed_in("li"), tmp_path / "message.json"
    message.write_text('{"order": {"number": "SO-1042"}, "message": "It is broken."}')
    maps = ("--map", "text=message", "--map", "order_number=order.number", "--map", "wish='refund'")
    tried = command("hook", "try", "complaint-resolution", str(message), *maps, "--json").json
    assert tried == {"text": "It is broken.", "order_number": "SO-1042", "wish": "refund"}
    made = command("hook", "create", "complaint-resolution", "--name", "Web shop", *maps, "--json").json

    def post(secret: str, name: str) -> httpx.Response:
        at = datetime.now(UTC)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(name, at, message.read_text()),
        }
        return httpx.post(f"{server.url}{made['path']}", content=message.read_bytes(), headers=headers)

    assert post(made["secret"], "msg_1").status_code == 202
    rotated = command("hook", "rotate", made["id"]).out
    assert "whsec_" in rotated
    assert made["secret"] not in rotated
    assert post(made["secret"], "msg_2").status_code == 401
    assert "Web shop" in command("hook", "list").out
    edited = command("hook", "edit", made["id"], "--map", "text=message", "--json").json
    assert (edited["mapping"], edited["name"]) == ({"text": "message"}, "Web shop")
    assert "The shop" in command("hook", "edit", made["id"], "--name", "The shop").out
    assert command("hook", "edit", made["id"], "--map", "text=a[").code == 2
    shown = command("hook", "deliveries", made["id"]).out
    assert ("started" in shown, "bad signature" in shown) == (True, True)
    assert "disabled" in command("hook", "disable", made["id"]).out
    assert "active" in command("hook", "enable", made["id"]).out
    said = command("hook", "create", "complaint-resolution", "--name", "x", "--map", "text=a[")
    assert (said.code, "mapping.text" in said.err) == (2, True)
    assert signed_in("amy")("hook", "disable", made["id"]).code == 1


def test_an_intake_that_can_not_be_read_is_not_made(signed_in: SignedIn) -> None:
    command = signed_in("li")
    create = ("intake", "create", "complaint-resolution")
    said = command(*create, "mail.send", "--name", "x")
    assert (said.code, "changes something" in said.err) == (2, True)
    said = command(*create, "mail.list_new", "--name", "x")
    assert (said.code, "arguments" in said.err) == (2, True)
    assert json.loads(command("intake", "list", "--json").out) == []
    said = command("intake", "edit", "intake_01", "--every", "30")
    assert (said.code, "There is no intake" in said.err) == (1, True)
