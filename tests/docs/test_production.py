"""docs/production.md as an operator follows it: set-up, three processes apart, PostgreSQL, Temporal over mutual TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from chargehand.worker.dev_server import dev_server
from fixtures.processes import free_port
from fixtures.stack import PASSWORD, until
from fixtures.tls import make_certificates, tls_in_front_of

pytestmark = [pytest.mark.stack, pytest.mark.postgres, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


@contextmanager
def process(*command: str, environment: Mapping[str, str], ready: Path) -> Iterator[None]:
    """A process until the block ends; entered once it made its ready file."""
    log = ready.with_suffix(".log")
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**environment, "CHARGEHAND_READY_FILE": str(ready)}, stdout=out, stderr=out
        )
    try:
        until(lambda: ready.exists() or child.poll() is not None, 90, lambda: log.read_text()[-3000:])
        assert child.poll() is None, log.read_text()[-3000:]
        yield
    finally:
        child.kill()  # a gentle end would wait for the call that can not reach its system
        child.wait(10)


@pytest.fixture
def place(tmp_path: Path, postgres: str) -> Iterator[dict[str, str]]:
    """What every process is told: where Temporal is and how to reach it. The database is the trusted ones' alone."""
    certificates = tmp_path / "tls"
    certificates.mkdir()
    make_certificates(certificates)
    plain, ui = free_port(), free_port()
    (tmp_path / "payload.key").write_bytes(os.urandom(32))
    with ExitStack() as stack:
        temporal = dev_server(plain, ui_port=ui)
        server = subprocess.Popen(temporal, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        until(lambda: answers(f"http://127.0.0.1:{ui}"), 60, lambda: "Temporal does not answer")
        port = stack.enter_context(tls_in_front_of(plain, certificates))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CHARGEHAND_")}
        yield kept | {
            "CHARGEHAND_STATE_DIR": str(tmp_path / "state"),
            "CHARGEHAND_POLICIES_DIR": str(ROOT / "policies"),
            "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "CHARGEHAND_TEMPORAL_TLS": "true",
            "CHARGEHAND_TEMPORAL_TLS_DIR": str(certificates),
            "CHARGEHAND_PAYLOAD_KEY_FILE": str(tmp_path / "payload.key"),
            "CHARGEHAND_BLOBS_DIR": str(tmp_path / "blobs"),
            "CHARGEHAND_API_PORT": str(free_port()),
        }


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def chargehand(environment: Mapping[str, str], *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chargehand.cli", *arguments],
        cwd=ROOT, env=environment, input=told, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_an_installation_is_set_up_and_served(tmp_path: Path, postgres: str, place: dict[str, str]) -> None:
    trusted = place | {"CHARGEHAND_DATABASE_URL": postgres}
    nobody = chargehand(trusted, "setup")
    assert nobody.returncode == 2
    assert "--admin" in nobody.stderr
    powerless = chargehand(trusted, "setup", "--admin", "amy", "--password-stdin", told=f"{PASSWORD}\n")
    assert powerless.returncode == 2
    assert "roles.yaml" in powerless.stderr
    root = ("setup", "--admin", "root", "--name", "Rita Root", "--password-stdin")
    done = chargehand(trusted, *root, told=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    again = chargehand(trusted, "setup")
    assert again.returncode == 0, again.stderr
    second = chargehand(trusted, *root, told=f"{PASSWORD}\n")
    assert second.returncode == 2
    assert "already" in second.stderr

    serve = (sys.executable, "-m", "chargehand.cli", "serve")
    with ExitStack() as stack:
        for name, environment in (("api", trusted), ("gateway", trusted), ("agents", place)):
            stack.enter_context(process(*serve, name, environment=environment, ready=tmp_path / f"{name}.ready"))
        url = f"http://127.0.0.1:{place['CHARGEHAND_API_PORT']}"
        client = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
        client.headers["X-Chargehand"] = "1"
        signed_in = client.post("/api/session", json={"name": "root", "password": PASSWORD})
        assert "manage_people" in signed_in.json()["abilities"], signed_in.text
        person = {"login": "amy", "name": "Amy Chen", "password": PASSWORD}
        assert client.post("/api/people", json=person).status_code == 201
        client.delete("/api/session")
        client.post("/api/session", json={"name": "amy", "password": PASSWORD}).raise_for_status()
        complaint = {"order_number": "SO-1042", "text": "The crate was broken open, the pump is dented."}
        started = client.post("/api/runs", json={"agent": "complaint-resolution", "input": complaint, "key": "first"})
        assert started.status_code in (200, 201, 202), started.text
        run = f"/api/runs/{started.json()['id']}"
        # No ERP was set up here: the agent has begun, its call came to the gateway, and the run says what it waits for.
        until(lambda: "erp" in client.get(run).text and client.get(run).json()["state"] == "waiting", 60,
              lambda: client.get(run).text)  # fmt: skip


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_units_are_what_systemd_understands(tmp_path: Path) -> None:
    for unit in sorted((ROOT / "deploy" / "systemd").glob("*.service")):
        here = tmp_path / unit.name
        here.write_text(unit.read_text().replace("/opt/chargehand/venv/bin/chargehand", sys.executable))
        told = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
        assert unit.name not in told.stderr, told.stderr


def test_a_wrong_way_to_temporal_is_named(tmp_path: Path, postgres: str, place: dict[str, str]) -> None:
    trusted = place | {"CHARGEHAND_DATABASE_URL": postgres}
    plain = chargehand(trusted | {"CHARGEHAND_TEMPORAL_TLS": "false"}, "setup")
    assert plain.returncode != 0
    assert "CHARGEHAND_TEMPORAL_ADDRESS" in plain.stderr
    open_key = chargehand(
        trusted | {"CHARGEHAND_TEMPORAL_TLS": "false", "CHARGEHAND_TEMPORAL_API_KEY_FILE": str(tmp_path / "key")},
        "setup",
    )
    assert "CHARGEHAND_TEMPORAL_API_KEY_FILE" in open_key.stderr
    (tmp_path / "tls" / "client.key").unlink()
    half = chargehand(trusted, "setup")
    assert half.returncode != 0
    assert "client.key" in half.stderr
