"""Start processes in order, wait until each answers, start a dead one again, stop all of them.

The Supervisor owns its children: each runs in a session of its own, writes to a log file (never a pipe that can fill),
and is told to end by the kernel should the supervisor itself be killed. When `run` returns, no child is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from chargehand.cli.spare import LINE
from chargehand.errors import BadSettings, Unavailable

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
SPARE_SECONDS = 2.0
"""Between the starts of two spares."""
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
"""A process that ran this long before it died starts again without delay."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that must be free before its process starts, and the setting that moves it."""

    number: int
    setting: str
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process: how to start it, and how to see that it answers."""

    name: str
    title: str
    command: Sequence[str]
    environment: dict[str, str]
    ready: Callable[[], bool]
    ports: tuple[Port, ...] = ()
    where: str = ""
    renewed: Callable[[], None] = lambda: None
    """Called before it is started again on purpose: takes back what said that it answers."""
    spare: Sequence[str] = ()
    """How to start a process that becomes it at once when told (`chargehand.cli.spare`); empty: there is none."""


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    failures: int = 0
    spare: subprocess.Popen[bytes] | None = None


class Supervisor:
    """Runs processes until it is told to stop. One per state folder: see `only_one`."""

    def __init__(self, logs: Path, say: Callable[[str], None], changed: Callable[[], None] = lambda: None) -> None:
        self._logs = logs
        self._say = say
        self._changed = changed
        self._children: list[_Child] = []
        self._stopping = False
        self._renewing: tuple[str, ...] = ()
        self._next_spare = 0.0

    def start(self, spec: ProcessSpec) -> float:
        """Start one process and wait until it answers; returns the seconds it took.

        Raises:
            BadSettings: its port is taken.
            Unavailable: it ended or did not answer in time; names the log file.
        """
        for port in spec.ports:
            require_free(port)
        child = _Child(spec, self._spawn(spec))
        self._children.append(child)
        self._await_ready(child)
        return time.monotonic() - child.started

    def run(self) -> None:
        """Keep everything running until SIGINT or SIGTERM arrives; at SIGUSR1 see `renew_on_signal`."""
        while not self._stopping:
            if self._renewing:
                self._renew()
            self._keep_spares()
            for child in self._children:
                if child.process.poll() is not None and not self._stopping:
                    self._restart(child)
            time.sleep(POLL_SECONDS)

    def end(self) -> None:
        """Have `run` return, from another thread."""
        self._stopping = True

    def stop(self) -> None:
        """Stop every process, the last started first. Returns when all have ended."""
        self._stopping = True
        for child in reversed(self._children):
            _dismiss(child)
            self._end(child)
        self._children.clear()

    @contextlib.contextmanager
    def signals(self) -> Generator[None]:
        """While inside, SIGINT and SIGTERM end `run` and any waiting for readiness."""

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self._stopping = True

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def renew_on_signal(self, *names: str) -> Generator[None]:
        """While inside, SIGUSR1 makes `run` stop these gently and start them again, one after the other."""

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self._renewing = names

        before = signal.signal(signal.SIGUSR1, on_signal)
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR1, before)

    @property
    def stopping(self) -> bool:
        return self._stopping

    def pids(self) -> dict[str, int]:
        """Process ids by name, for tests and for `chargehand dev --json`."""
        return {child.spec.name: child.process.pid for child in self._children}

    def log_file(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _spawn(self, spec: ProcessSpec, *, spare: bool = False) -> subprocess.Popen[bytes]:
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log_file(spec.name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 — the commands are ours
                list(spec.spare if spare else spec.command),
                env=spec.environment,
                stdin=subprocess.PIPE if spare else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def _keep_spares(self) -> None:
        """Start the next spare that is wanted, one at a time: they must not slow down what was just renewed."""
        wanted = [child for child in self._children if child.spec.spare]
        for child in wanted:
            if child.spare is not None and child.spare.poll() is not None:
                _dismiss(child)
        late = next((child for child in wanted if child.spare is None), None)
        if late is not None and time.monotonic() > self._next_spare:
            late.spare, self._next_spare = self._spawn(late.spec, spare=True), time.monotonic() + SPARE_SECONDS

    def _renew(self) -> None:
        """What does not come up again is said and tried again like whatever else died; the others go on.

        All are stopped together, and then started together: they wait for each other's systems, not for each other.
        """
        names, self._renewing = self._renewing, ()
        renewed = [one for name in names for one in self._children if one.spec.name == name]
        for child in renewed:
            _signal_group(child.process, signal.SIGTERM)
        for child in renewed:
            self._end(child)
            child.spec.renewed()
            child.process = _told(child) or self._spawn(child.spec)
            child.started, child.failures = time.monotonic(), 0
        for child in renewed:
            try:
                self._await_ready(child)
            except Unavailable as error:
                self._say(str(error))
        self._next_spare = time.monotonic() + SPARE_SECONDS
        self._changed()

    def _end(self, child: _Child) -> None:
        """Stop one process and whatever it left behind."""
        _signal_group(child.process, signal.SIGTERM)
        try:
            child.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._say(f"{child.spec.title} did not stop within {STOP_SECONDS:.0f} s: killing it.")
        _signal_group(child.process, signal.SIGKILL)
        child.process.wait()

    def _await_ready(self, child: _Child) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._stopping:
            if (code := child.process.poll()) is not None:
                raise Unavailable(
                    f"{child.spec.title} ended with code {code} while starting: {self._last_words(child.spec.name)}",
                    way_out=f"See {self.log_file(child.spec.name)}.",
                )
            if child.spec.ready():
                return
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{child.spec.title} did not answer within {READY_SECONDS:.0f} s.",
                    way_out=f"See {self.log_file(child.spec.name)}.",
                )
            time.sleep(POLL_SECONDS)

    def _restart(self, child: _Child) -> None:
        code = child.process.returncode
        child.failures = 0 if time.monotonic() - child.started > STEADY_SECONDS else child.failures + 1
        delay = BACKOFF_SECONDS[min(child.failures, len(BACKOFF_SECONDS)) - 1] if child.failures else 0.0
        self._say(f"{child.spec.title} ended ({_cause(code)}); starting it again in {delay:g} s.")
        _signal_group(child.process, signal.SIGKILL)  # what it left behind
        resume = time.monotonic() + delay
        while time.monotonic() < resume and not self._stopping:
            time.sleep(POLL_SECONDS)
        if not self._stopping:
            child.process = self._spawn(child.spec)
            child.started = time.monotonic()
            self._changed()

    def _last_words(self, name: str) -> str:
        lines = self.log_file(name).read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing."


@contextlib.contextmanager
def only_one(state_dir: Path) -> Generator[None]:
    """Hold the state folder for this process.

    Raises:
        BadSettings: another process holds it; names its process id.
    """
    import fcntl

    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "dev.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BadSettings(
                f"process {lock.read().strip() or 'unknown'} already runs `chargehand dev` on this folder.",
                field="CHARGEHAND_STATE_DIR",
                value=str(state_dir),
                way_out="Stop it, or set another folder (and other ports).",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def require_free(port: Port) -> None:
    """Raises BadSettings when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
        except OSError as error:
            raise BadSettings(
                f"port {port.number} can't be used: {error.strerror}.",
                field=port.setting,
                value=port.number,
                way_out=f"Stop what listens there, or set {port.setting} to a free port.",
            ) from None


def answers_tcp(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, prctl(2)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _told(child: _Child) -> subprocess.Popen[bytes] | None:
    """The child's spare, told to become it; None where there is none that lives."""
    spare, child.spare = child.spare, None
    if spare is None or spare.stdin is None or spare.poll() is not None:
        return None
    try:
        spare.stdin.write(LINE)
        spare.stdin.close()
    except BrokenPipeError:
        spare.wait()
        return None
    return spare


def _dismiss(child: _Child) -> None:
    """End the child's spare, if it has one."""
    spare, child.spare = child.spare, None
    if spare is not None:
        _signal_group(spare, signal.SIGKILL)
        spare.wait()
        if spare.stdin is not None:
            spare.stdin.close()


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"code {code}"
    return signal.Signals(-code).name
