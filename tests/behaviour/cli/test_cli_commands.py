"""The command line against a real API process: what people type, what they read, what scripts get."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from chargehand import clock
from chargehand import settings as settings_module
from chargehand.cli.client import Api
from chargehand.cli.main import COMMANDS, GROUPS
from chargehand.database import Database
from chargehand.runs import store
from fixtures.cli import PASSWORD, Command, Server, start, stop

SignedIn = Callable[[str], Command]
START = ("run", "start", "complaint-resolution")


def test_login_keeps_a_token_that_only_the_user_can_read(signed_in: SignedIn, tmp_path: Path, server: Server) -> None:
    command = signed_in("amy")
    file = tmp_path / "config" / "login.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    assert "person:amy" in command("whoami").out
    file.chmod(0o644)
    said = command("whoami")
    assert (said.code, "chmod 600" in said.err) == (2, True)


def test_logout_revokes_the_token(signed_in: SignedIn, tmp_path: Path, server: Server) -> None:
    command = signed_in("amy")
    token = json.loads((tmp_path / "config" / "login.json").read_text())["token"]
    assert command("logout").code == 0
    assert command("whoami").code == 1
    answer = httpx.get(f"{server.url}/api/session", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("name", [name for name, _, _ in (*COMMANDS, *GROUPS)])
def test_every_command_has_help(command: Command, name: str) -> None:
    said = command(name, "--help")
    assert said.code == 0
    assert "Usage" in said.out


def test_without_signing_in_the_way_out_is_said(command: Command) -> None:
    said = command("run", "list")
    assert said.code == 1
    assert said.err.strip() == "✗ You are not signed in. chargehand login"


def test_an_api_that_does_not_answer_is_unavailable(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from chargehand import settings as settings_module

    monkeypatch.setenv("CHARGEHAND_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CHARGEHAND_API_TOKEN", "chg_x")
    settings_module.settings.cache_clear()
    said = command("run", "list")
    assert said.code == 3
    assert "chargehand dev" in said.err
    assert "Traceback" not in said.err


def test_a_run_is_started_listed_shown_and_drawn(signed_in: SignedIn, tmp_path: Path) -> None:
    command = signed_in("amy")
    file = tmp_path / "complaint.json"
    file.write_text(json.dumps({"text": "The lamp arrived broken.", "order_number": "SO-1042"}))
    started = command(*START, "--input", str(file), "--key", "once", "--json").json
    again = command(*START, "--input", str(file), "--key", "once", "--json").json
    assert started["id"] == again["id"]
    assert started["id"] in command("run", "list", "--about", "SO-1042").out
    shown = command("run", "show", started["id"])
    assert shown.code == 0
    assert "Create credit note" in shown.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"text": ', ["input.json:1:", "not JSON"]),
        ("[1]", ["object", "list"]),
        ('{"text": "broken", "amount": "1.280,00"}', ["amount", "1280.00"]),
        ('{"order_number": "SO-1"}', ["text"]),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    signed_in: SignedIn, tmp_path: Path, content: str, words: list[str]
) -> None:
    command = signed_in("amy")
    file = tmp_path / "input.json"
    file.write_text(content)
    before = command("run", "list", "--json", "--limit", "200").json["items"]
    said = command(*START, "--input", str(file))
    assert said.code == 2
    assert all(word in said.err for word in words), said.err
    assert "Traceback" not in said.err
    assert command("run", "list", "--json", "--limit", "200").json["items"] == before


def test_a_missing_file_and_an_unknown_agent_say_so(signed_in: SignedIn) -> None:
    command = signed_in("amy")
    said = command(*START, "--input", "nowhere.json")
    assert (said.code, "nowhere.json" in said.err) == (2, True)
    said = command("run", "start", "nobody", "--set", "text=broken")
    assert (said.code, "complaint-resolution" in said.err) == (1, True)
    failed = command("run", "show", "run_none", "--json")
    assert failed.code == 1
    assert failed.json["exit_code"] == 1


def test_what_policy_refuses_ends_with_1_and_says_why(signed_in: SignedIn) -> None:
    command = signed_in("fay")
    said = command(*START, "--set", "text=broken")
    assert said.code == 1
    assert "complaint-resolution" in said.err


def test_usage_errors_end_with_2(command: Command) -> None:
    assert command("run", "start").code == 2
    assert command("run", "nonsense").code == 2
    assert command("freeze", "now", "everything", "--reason", "x", "--yes").code == 2


def test_evidence_is_exported_and_verified_and_a_changed_byte_is_found(signed_in: SignedIn, tmp_path: Path) -> None:
    import zipfile

    command = signed_in("ada")
    file, changed = tmp_path / "evidence.zip", tmp_path / "changed.zip"
    until = time.monotonic() + 20
    while (exported := command("log", "export", "--format", "evidence", "-o", str(file))).code == 1:
        assert "signed" in exported.err
        assert time.monotonic() < until, exported.err
        time.sleep(0.2)
    assert exported.code == 0, exported.err
    assert command("verify", str(file)).code == 0
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(changed, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            edited = data.replace(b"sign_in", b"sign_on") if name == "records.jsonl" else data
            assert name != "records.jsonl" or edited != data, "the newest checkpoint covers a sign-in"
            bad.writestr(name, edited)
    said = command("verify", str(changed))
    assert said.code == 4
    (tmp_path / "not.zip").write_text("nothing")
    assert command("verify", str(tmp_path / "not.zip")).code == 2


def test_the_log_is_queried_as_lines_for_programs(signed_in: SignedIn) -> None:
    command = signed_in("ada")
    said = command("log", "query", "kind:sign_in", "--json", "--limit", "3")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["kind"] for line in lines] == ["sign_in"] * 3
    assert command("log", "query", "tool:").code == 2


def test_policy_is_checked_asked_and_explained(signed_in: SignedIn, tmp_path: Path) -> None:
    command = signed_in("ada")
    assert command("policy", "check").code == 0
    said = command("policy", "explain", "erp.create_credit_note", "--as", "person:amy", "-a", "amount=1280.00", "-a",
                   "order=SO-1", "-a", "currency=EUR", "--json")  # fmt: skip
    assert said.json["decision"]["verdict"] == "ask"
    denied = command("policy", "explain", "erp.create_credit_note", "--as", "person:ada", "-a", "amount=10")
    assert denied.code == 1
    assert "Amy Chen" in command("policy", "who-can", "erp.create_credit_note").out
    broken = tmp_path / "policies"
    import shutil

    shutil.copytree("policies" if Path("policies").exists() else os.environ["CHARGEHAND_POLICIES_DIR"], broken)
    rules = broken / "demo" / "rules.yaml"
    rules.write_text(rules.read_text().replace("tool: erp.create_credit_note", "tool: erp.create_creditnote", 1))
    said = command("policy", "check", str(broken))
    assert said.code == 2
    assert "rules.yaml:" in said.err
    assert command("policy", "check", str(tmp_path / "nowhere")).code == 2


def test_the_stop_switch(signed_in: SignedIn) -> None:
    command = signed_in("root")
    frozen = command("freeze", "now", "tool:mail.send", "--reason", "drill", "--yes", "--json").json["freeze"]
    assert "drill" in command("freeze", "list").out
    assert command("freeze", "lift", frozen["id"], "--reason", "over").code == 0
    assert "drill" not in command("freeze", "list").out


def test_tokens_are_made_narrow_and_revoked(signed_in: SignedIn, server: Server) -> None:
    command = signed_in("ada")
    made = command("token", "create", "nightly", "--ability", "read_log", "--days", "1", "--json").json
    with Api(url=server.url, token=made["secret"]) as api:
        assert api.get(dict, "/session")["abilities"] == ["read_log"]
    assert made["id"] in command("token", "list").out
    assert command("token", "revoke", made["id"]).code == 0
    assert command("token", "revoke", made["id"]).code == 1


def test_graphs_are_drawn_without_the_api(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xml.etree.ElementTree as Tree

    monkeypatch.setenv("CHARGEHAND_API_URL", "http://127.0.0.1:9")
    svg = tmp_path / "graph.svg"
    assert command("agents", "graph", "complaint-resolution", "-o", str(svg)).code == 0
    labels = [element.text for element in Tree.fromstring(svg.read_text()).iter() if element.tag.endswith("text")]
    assert "Create credit note" in labels
    assert "graph TD" in command("agents", "graph", "complaint-resolution", "--mermaid").out
    assert command("agents", "graph", "complaint-resolution", "-o", str(tmp_path / "graph.gif")).code == 2


def test_what_comes_from_outside_can_not_pose_as_markup(signed_in: SignedIn) -> None:
    command = signed_in("amy")
    command(*START, "--set", "text=broken", "--set", "order_number=[red]\x1b[2J")
    shown = command("run", "list").out
    assert "\x1b[2J" not in shown
    assert "[red]" in shown


def test_pins_of_our_own_connectors_are_as_reviewed(command: Command) -> None:
    assert command("connectors", "pin", "--check").code == 0


def test_as_a_program_it_ends_with_the_code_and_no_traceback(server: Server, tmp_path: Path) -> None:
    environment = os.environ | {"CHARGEHAND_API_URL": server.url, "CHARGEHAND_CONFIG_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", "from chargehand.cli.main import main; main()", "run", "list"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


def test_following_goes_on_when_the_api_is_restarted_and_streams_end_when_it_stops(tmp_path: Path) -> None:
    """A follower with an open stream must neither hold the process up nor lose or repeat an event."""
    first = start(tmp_path)
    url = first.url
    token = _token(url, "amy")
    with Api(url=url, token=token) as api:
        run = api.post(dict, "/runs", {"agent": "complaint-resolution", "input": {"text": "broken"}})["id"]
    db = Database(f"sqlite:///{first.database}")
    seen: list[int] = []
    first_seen = threading.Event()

    def follow() -> None:
        with Api(url=url, token=token) as api:
            for event in api.follow(f"/runs/{run}/events"):
                seen.append(event.data["seq"])
                first_seen.set()

    follower = threading.Thread(target=follow)
    _tell(db, run, 1, 3)
    follower.start()
    assert first_seen.wait(20)
    began = time.monotonic()
    assert stop(first.process) == 0
    assert time.monotonic() - began < 10
    _tell(db, run, 4, 5)
    environment = os.environ | {
        "CHARGEHAND_STATE_DIR": str(tmp_path),
        "CHARGEHAND_API_PORT": url.rpartition(":")[2],
        "CHARGEHAND_POLICIES_DIR": str(Path(__file__).parents[3] / "policies"),
    }
    second = subprocess.Popen([sys.executable, "-m", "chargehand.api"], env=environment, cwd=tmp_path)
    try:
        _tell(db, run, 6, 6)
        db.write_now(
            lambda tx: store.set_state(tx, run, "succeeded", of=("starting",), ended_at=clock.iso(clock.now()))
        )
        follower.join(60)
        assert not follower.is_alive()
        assert seen == [1, 2, 3, 4, 5, 6]
    finally:
        db.close()
        stop(second)


def _token(url: str, name: str) -> str:
    with httpx.Client(base_url=url, headers={"x-chargehand": "1"}) as client:
        client.post("/api/session", json={"name": name, "password": PASSWORD}).raise_for_status()
        return str(client.post("/api/tokens", json={"name": "test"}).json()["secret"])


def _tell(db: Database, run: str, first: int, last: int) -> None:
    events = [
        {
            "seq": seq, "at": clock.iso(clock.now() + timedelta(milliseconds=seq)), "kind": "note", "step": "",
            "data": json.dumps({"text": f"event {seq}"}),
        }
        for seq in range(first, last + 1)
    ]  # fmt: skip
    db.write_now(lambda tx: store.add_events(tx, "demo", run, events))


def test_attributes_of_people_are_set_shown_and_taken_away(signed_in: SignedIn) -> None:
    command = signed_in("root")
    assert "sales" in command("people", "set", "person:li", "department=sales").out
    assert json.loads(command("people", "show", "person:li", "--json").out)["attributes"] == {"department": "sales"}
    assert "department=sales" in command("people", "list").out
    unknown = command("people", "set", "person:li", "departement=sales")
    assert (unknown.code, "Declared in tenant.yaml: department" in unknown.err) == (2, True)
    assert command("people", "set", "person:li", "department").code == 2
    assert command("people", "set", "person:root", "department=sales").code == 1
    assert json.loads(command("people", "set", "person:li", "department=", "--json").out)["attributes"] == {}


def test_the_policy_in_force_its_origin_and_a_draft_that_deletes_a_file(signed_in: SignedIn) -> None:
    command = signed_in("root")
    assert "the same" in command("policy", "show").out
    shown = json.loads(command("policy", "show", "--json").out)
    assert (shown["origin"], shown["differs_on_disk"]) == ("files", [])
    listed = command("policy", "list")
    assert "the files are in force" in listed.out
    case = next(name for name in shown["files"] if name.startswith("cases/"))
    drafted = json.loads(command("policy", "draft", "Without a case", "--delete", case, "--json").out)
    assert case not in drafted["files"]
    assert command("policy", "draft", "Nothing").code == 2
    missing = command("policy", "draft", "Not there", "--delete", "cases/none.yaml")
    assert (missing.code, "can't be deleted" in missing.err) == (2, True)


def test_the_logs_key_is_changed_beside_the_running_platform(
    signed_in: SignedIn, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = signed_in("ada")
    monkeypatch.setenv("CHARGEHAND_STATE_DIR", str(server.database.parent))
    settings_module.settings.cache_clear()
    until = time.monotonic() + 30
    while "key" not in (before := json.loads(command("log", "checkpoint", "--json").out)):
        assert time.monotonic() < until, before
        time.sleep(0.1)
    assert command("log", "rotate-key", "--reason", "yearly").code == 1, "it asks first"
    done = json.loads(command("log", "rotate-key", "--reason", "yearly", "--yes", "--json").out)
    assert done["tenants"] == ["demo"]
    assert command("log", "export", "-o", str(tmp_path / "all.jsonl")).code == 0, "which is recorded"
    until = time.monotonic() + 30
    while (now := json.loads(command("log", "checkpoint", "--json").out)).get("key", "") == before["key"]:
        assert time.monotonic() < until, now
        time.sleep(0.1)
    assert "key" in now, now
    assert now["first_key"] == before["first_key"] == before["key"]
    assert [one["index"] for one in now["rotations"]] == [one["size"] - 1 for one in now["rotations"]]
    evidence = tmp_path / "evidence.zip"
    assert command("log", "export", "--format", "evidence", "-o", str(evidence)).code == 0
    said = command("verify", str(evidence), "--key", before["key"])
    assert (said.code, "and 1 that followed it" in said.out) == (0, True)
    assert "checkpoint_key" in command("log", "query", "kind:checkpoint_key", "--json").out
