"""The supervisor against real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chargehand.cli.supervisor import Port, ProcessSpec, Supervisor, answers_tcp, only_one, require_free
from chargehand.errors import BadSettings, Unavailable

SERVER = "import socket,time\ns=socket.create_server(('127.0.0.1',{port}))\nwhile True: s.accept()[0].close()"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def server(port: int, name: str = "server") -> ProcessSpec:
    return ProcessSpec(
        name=name,
        title="The server",
        command=[sys.executable, "-c", SERVER.format(port=port)],
        environment=dict(os.environ),
        ready=lambda: answers_tcp("127.0.0.1", port),
        ports=(Port(port, "CHARGEHAND_API_PORT"),),
    )


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_starts_waits_and_stops_without_orphans(tmp_path: Path) -> None:
    port = free_port()
    supervisor = Supervisor(tmp_path, print)
    supervisor.start(server(port))
    pid = supervisor.pids()["server"]
    assert answers_tcp("127.0.0.1", port)
    supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_spare_becomes_what_is_renewed_and_none_is_left(tmp_path: Path) -> None:
    port = free_port()
    serve = ["http.server", str(port), "--bind", "127.0.0.1"]
    spec = ProcessSpec(
        name="server",
        title="The server",
        command=[sys.executable, "-m", *serve],
        environment=dict(os.environ),
        ready=lambda: answers_tcp("127.0.0.1", port),
        spare=[sys.executable, "-m", "chargehand.cli.spare", *serve],
    )
    changes: list[int] = []
    supervisor = Supervisor(tmp_path, print, lambda: changes.append(1))

    def waiting() -> set[int]:
        command = b"\0".join(one.encode() for one in spec.spare)
        return {int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and command in _command(one)}

    became: list[int] = []
    with supervisor.renew_on_signal("server"):
        supervisor.start(spec)
        first = supervisor.pids()["server"]

        def meanwhile() -> None:
            until(lambda: len(waiting()) == 1)
            became.extend(waiting())
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda: bool(changes))
            until(lambda: bool(waiting() - set(became)))  # the next one
            supervisor.end()

        helper = threading.Thread(target=meanwhile)
        helper.start()
        supervisor.run()
        helper.join()
    assert supervisor.pids()["server"] == became[0] != first
    assert answers_tcp("127.0.0.1", port)
    supervisor.stop()
    assert waiting() == set()


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_what_is_renewed_on_a_signal_is_stopped_gently_and_answers_again(tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    changes: list[int] = []
    supervisor = Supervisor(tmp_path, print, lambda: changes.append(1))
    with supervisor.renew_on_signal("server"):
        supervisor.start(server(port))
        supervisor.start(server(other, "other"))
        before = supervisor.pids()

        def meanwhile() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda: bool(changes))
            supervisor._stopping = True

        helper = threading.Thread(target=meanwhile)
        helper.start()
        supervisor.run()
        helper.join()
    after = supervisor.pids()
    assert after["server"] != before["server"]
    assert after["other"] == before["other"]
    assert answers_tcp("127.0.0.1", port)
    supervisor.stop()


def test_what_does_not_come_up_again_is_said_and_the_others_go_on(tmp_path: Path) -> None:
    port, said = free_port(), list[str]()
    sign = tmp_path / "broken"
    code = f"import pathlib,sys\nif pathlib.Path({str(sign)!r}).exists(): sys.exit(3)\n" + SERVER.format(port=port)
    spec = ProcessSpec("server", "The server", [sys.executable, "-c", code], dict(os.environ),
                       ready=lambda: answers_tcp("127.0.0.1", port))  # fmt: skip
    supervisor = Supervisor(tmp_path, said.append)
    supervisor.start(spec)
    sign.touch()
    with supervisor.renew_on_signal("server"):

        def meanwhile() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda: any("ended with code 3" in one for one in said))
            sign.unlink()
            until(lambda: answers_tcp("127.0.0.1", port))
            supervisor._stopping = True

        helper = threading.Thread(target=meanwhile)
        helper.start()
        supervisor.run()
        helper.join()
    supervisor.stop()


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    port = free_port()
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    supervisor.start(server(port))
    first = supervisor.pids()["server"]
    runner = threading.Thread(target=supervisor.run)
    runner.start()
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.pids()["server"] != first and answers_tcp("127.0.0.1", port))
    supervisor._stopping = True
    runner.join()
    supervisor.stop()
    assert said
    assert "SIGKILL" in said[0]


def test_a_process_that_dies_while_starting_is_named_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, print)
    spec = ProcessSpec(
        "bad", "The bad one", [sys.executable, "-c", "raise SystemExit('no such ledger')"], {}, lambda: False
    )
    with pytest.raises(Unavailable, match=r"The bad one ended with code 1.*no such ledger"):
        supervisor.start(spec)
    supervisor.stop()


def test_a_taken_port_names_port_and_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=rf"CHARGEHAND_API_PORT = {number}.*port {number} can't be used"):
            require_free(Port(number, "CHARGEHAND_API_PORT"))


def test_a_second_supervisor_on_one_folder_is_refused(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(BadSettings, match=f"process {os.getpid()} already runs"),
        only_one(tmp_path),
    ):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    code = f"""
import os, sys, time
from pathlib import Path
from chargehand.cli.supervisor import ProcessSpec, Supervisor, answers_tcp
supervisor = Supervisor(Path({str(tmp_path)!r}), print)
supervisor.start(ProcessSpec("s", "S", [sys.executable, "-c", {SERVER.format(port=port)!r}], dict(os.environ),
                             lambda: answers_tcp("127.0.0.1", {port})))
print(supervisor.pids()["s"], flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not Path(f"/proc/{child}").exists() or "zombie" in Path(f"/proc/{child}/status").read_text())
    assert not answers_tcp("127.0.0.1", port)
