"""`chargehand agents dev`: the agents of this project on a stack of their own, and again on every save.

The stack is a `chargehand dev` that leaves out the demo systems that no agent of the project uses; one that runs
already is used as it is.

A save is tried in a process of its own first: what can't be imported, compiled or permitted is shown, and the version
before goes on. Only then are the processes that know the agents started anew. Runs in flight go on with the new code
where their history fits; those that do not are named, and wait.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.cli.project import packages_in
from chargehand.cli.show import clean, err, out
from chargehand.cli.spare import LINE
from chargehand.settings import settings

RELOAD_SECONDS = 90.0
START_SECONDS = 600.0
POLL_SECONDS = 0.05
ENDINGS = (".py", ".yaml", ".yml", ".conf")


def dev(
    as_json: Annotated[bool, typer.Option("--json", help="Say each event as one line of JSON.")] = False,
) -> None:
    """Run the agents of this project with console, API, gateway and Temporal, and take over each save.

    Demo systems that no agent of the project uses are left out. A `chargehand dev` that runs here is used as it is.
    A mistake is shown and the version before goes on. Ctrl-C ends it, and what it started.
    """
    say = _json_line if as_json else _line
    folders = watched_folders()
    with _stack(say), _stopping() as stop, closing(_Trial()) as trial:
        before: dict[str, Any] = {}
        found = trial.check()
        if isinstance(found, str):
            say("broken", why=found)
        else:
            before = found
            say("serving", **_served(found), folders=[str(one) for one in folders])
        trial.prepare()
        for changed in _saves(folders, stop):
            _take_over(changed, before, trial, say)
            trial.prepare()


def _take_over(changed: set[str], before: dict[str, Any], trial: _Trial, say: Callable[..., None]) -> None:
    """Try a save; where it is right and changes something, have it served. Keeps what is served in `before`."""
    began = time.monotonic()
    say("saved", files=[_short(Path(one)) for one in sorted(changed)])
    found = trial.check()
    if isinstance(found, str):
        say("broken", why=found)
    elif found["agents"] == before.get("agents") and not _policies(changed):
        say("same")
    else:
        _reload()
        before.update(found)
        say("serving", **_served(found), seconds=round(time.monotonic() - began, 1))


def _served(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of agents that are served. `lacks`: demo systems that they use and the stack was started without."""
    there = _facts().get("systems", found["systems"])
    lacks = [title for name, title in found["systems"].items() if name not in there]
    return {"agents": found["agents"], "runs": found["runs"], "waits": found["waits"], "lacks": lacks}


def watched_folders() -> list[Path]:
    """Source of this project's agents, and the policies folder in force. Raises CommandFailed: there is none."""
    mine = [place for places in packages_in(Path.cwd()).values() for place in places]
    if not mine:
        raise CommandFailed(
            "No agents that are installed have their source in this folder.",
            code=USAGE,
            way_out="Go to the project's folder, and install it with `pip install -e .` first.",
        )
    policies = settings().policies.resolve()
    return [*mine, *([policies] if policies.is_dir() else [])]


def _saves(folders: Iterable[Path], stop: threading.Event) -> Generator[set[str]]:
    from watchfiles import watch

    def ours(_change: Any, path: str) -> bool:
        return path.endswith(ENDINGS) and "__pycache__" not in path

    for changes in watch(*folders, watch_filter=ours, stop_event=stop, debounce=300, raise_interrupt=False):
        yield {path for _, path in changes}


def _policies(changed: Iterable[str]) -> bool:
    return any(not one.endswith(".py") for one in changed)


class _Trial:
    """Tries what the project's agents are now, in a process of its own that has its libraries before it is asked."""

    def __init__(self) -> None:
        self._spare: subprocess.Popen[str] | None = None

    def check(self) -> dict[str, Any] | str:
        """What the agents are now; or what is wrong with them."""
        trying, self._spare = self._spare or self._start(), None
        answered, complaints = trying.communicate(LINE.decode())
        if trying.returncode == 0:
            found: dict[str, Any] = json.loads(answered)
            return found
        lines = complaints.strip().splitlines()
        return "\n".join(lines[-12:]) or f"It ended with code {trying.returncode}."

    def prepare(self) -> None:
        """Have a process ready for the next one."""
        self._spare = self._spare or self._start()

    def close(self) -> None:
        """End the process that waits."""
        if self._spare is not None:
            self._spare.kill()
            self._spare.communicate()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "chargehand.cli.spare", "chargehand.cli.agents_check"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)  # noqa: S603  # ours


@contextmanager
def _stack(say: Callable[..., None]) -> Generator[None]:
    """A running `chargehand dev`: the one there is, or one of our own that ends with us."""
    if _facts().get("up"):
        yield
        return
    say("starting")
    command = [sys.executable, "-m", "chargehand.cli", "dev", "--light", "--spares"]
    # A session of its own: Ctrl-C reaches us alone, and we tell it.
    child = subprocess.Popen(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    try:
        _until(
            lambda: child.poll() is not None or bool(_facts().get("up")), START_SECONDS, "`chargehand dev` to come up"
        )
        if child.poll() is not None:
            raise CommandFailed("`chargehand dev` could not be started; it says why above.")
        yield
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            child.wait()


@contextmanager
def _stopping() -> Generator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reload() -> None:
    """Have the processes that know the agents started anew, and wait until they serve."""
    facts = _facts()
    if not facts.get("up"):
        raise CommandFailed("`chargehand dev` has ended.", way_out="Start it again.")
    os.kill(int(facts["supervisor"]), signal.SIGUSR1)
    _until(lambda: _facts().get("told", 0) > facts["told"], RELOAD_SECONDS, "the processes to come up again")


def _facts() -> dict[str, Any]:
    """What `chargehand dev` says of itself; empty when it does not run."""
    try:
        found: dict[str, Any] = json.loads((settings().state_dir / "dev.json").read_text("utf-8"))
        os.kill(int(found["supervisor"]), 0)
    except (OSError, ValueError, KeyError):
        return {}
    return found


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise CommandFailed(f"Waited {seconds:.0f} s for {what}.", way_out="Its logs are in the state folder.")
        time.sleep(POLL_SECONDS)


def _short(file: Path) -> str:
    here = Path.cwd().resolve()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


def _json_line(event: str, **data: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _line(event: str, **data: Any) -> None:
    """One event for people."""
    match event:
        case "starting":
            err.print("Starting `chargehand dev` …")
        case "saved":
            out.print(f"[dim]Saved {clean(', '.join(data['files']))}[/]")
        case "same":
            out.print("[dim]· Nothing changed for the agents.[/]")
        case "broken":
            lines = "\n  ".join(clean(line) for line in str(data["why"]).splitlines())
            out.print(f"[red]✗[/] {lines}\n  [yellow]The version before goes on.[/]")
        case _:
            names = ", ".join(f"[bold]{clean(name)}[/] {clean(version)}" for name, version in data["agents"].items())
            took = f" [dim]({data['seconds']} s)[/]" if "seconds" in data else ""
            out.print(f"[green]✓[/] {names}{took}")
            waits: dict[str, str] = data.get("waits") or {}
            going = int(data.get("runs", 0)) - len(waits)
            if going:
                out.print(f"  {going} runs in flight go on with it.")
            for run in waits:
                out.print(
                    f"  [yellow]…[/] {clean(run)} began on other code and waits: "
                    f"chargehand run stop {clean(run)} --hard -r changed, or bring that code back."
                )
            for system in data.get("lacks", ()):
                out.print(f"  [yellow]![/] {clean(system)} is not up, and your agents use it: start this anew.")
            if "folders" in data:
                out.print(f"[dim]Watching {clean(', '.join(_short(Path(one)) for one in data['folders']))}[/]")
