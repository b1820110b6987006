"""No I/O from a workflow: whatever a node tries on the workflow's thread fails at once, and says what to do.

A Python audit hook sees sockets, processes and files whoever opens them, also inside libraries, and on the threads to
which LangGraph hands a node's work. Replay would repeat them, and nothing would have been asked or recorded. Imports
and the tracebacks of errors may read source files. Whoever asks the event loop for a connection is told no by the loop
(`refuse`). What a library does in C, such as a database's driver, is not seen.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
from typing import Any

from chargehand.agents.runtime import running
from chargehand.agents.where import where
from chargehand.errors import BadInput

_CALLS = {
    "socket.connect": "opens a connection",
    "socket.bind": "opens a socket",
    "socket.sendto": "sends a datagram",
    "socket.sendmsg": "sends a datagram",
    "socket.getaddrinfo": "looks up a host name",
    "socket.gethostbyname": "looks up a host name",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.exec": "starts a process",
    "os.fork": "starts a process",
    "open": "opens a file",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.mkdir": "makes a folder",
    "os.rmdir": "removes a folder",
    "os.listdir": "lists a folder",
    "os.scandir": "lists a folder",
    "shutil.rmtree": "removes a folder",
    "sqlite3.connect": "opens a database",
}
_WAY_OUT = "Mark what does it with @io_node, so that it runs as an activity, or use a connector's tool."
_THREADS = "temporal_workflow_"
# Python's own machinery reads source files to import a module or to print a traceback.
_MACHINERY = frozenset({"importlib", "linecache", "tokenize", "traceback", "zipimport", "logging", "inspect"})
# LangGraph's synchronous `invoke` works on threads, which carry the node's context: the hook sees what they do.
_CARRIES_CONTEXT = frozenset({"langgraph", "langchain_core"})
_STARTS = frozenset({__name__.partition(".")[0], "threading", "concurrent"})

_installed = False


class WorkflowDidIO(BadInput):
    """A node did I/O of its own inside the workflow. Names the node and the call."""

    code = "workflow-did-io"


def install() -> None:
    """Watch this process's workflow threads. Audit hooks can't be removed, so this is done once."""
    global _installed  # so is a process's audit hook
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
        threading.Thread.start = _no_start


_sleep = time.sleep


def _no_sleep(seconds: float, /) -> None:
    """`time.sleep`, which before Python 3.13 no audit hook sees; on a workflow's thread it would stall the worker."""
    if _in_workflow() and where().node:
        raise WorkflowDidIO(
            f"the node {where().path!r} sleeps (time.sleep({seconds})) inside the workflow, which holds the worker",
            way_out="Wait with `await chargehand.sleep_until(chargehand.now() + …)`, which holds none.",
        )
    _sleep(seconds)


_start = threading.Thread.start


def _no_start(self: threading.Thread) -> None:
    """`Thread.start`, which before Python 3.12 no audit hook sees; nobody would see what it does, or wait for it."""
    if _in_workflow() and where().node and not _by_langgraph():
        raise refuse("starts a thread", f"threading, {self.name}")
    _start(self)


# When this is imported, which is before any agent: `from time import sleep` takes what stands there then.
time.sleep = _no_sleep


def refuse(does: str, call: str) -> WorkflowDidIO:
    """The error that says what the running node does inside the workflow, by which call, and the way out."""
    return WorkflowDidIO(
        f"the node {where().path!r} {does} ({call[:160]}) inside the workflow, where it would be repeated",
        way_out=_WAY_OUT,
    )


def _in_workflow() -> bool:
    return threading.current_thread().name.startswith(_THREADS) or running() is not None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    does = _CALLS.get(event)
    if does is None or not _in_workflow() or not where().node or _by_machinery():
        return
    target = str(args[1]) if "socket" in event and len(args) > 1 and event != "socket.getaddrinfo" else str(args[:1])
    raise refuse(does, f"{event} {target}")


def _by_machinery() -> bool:
    frame = inspect.currentframe()
    for _ in range(14):
        if frame is None:
            break
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module in _MACHINERY or module == "_frozen_importlib_external" or "importlib" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _by_langgraph() -> bool:
    """Whether it was LangGraph or LangChain that asked the standard library for a thread."""
    frame = inspect.currentframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in _STARTS:
            return module in _CARRIES_CONTEXT
        frame = frame.f_back
    return False
