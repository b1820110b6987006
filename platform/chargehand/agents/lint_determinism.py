"""Rule `non-deterministic-call`: what gives another answer when a run is replayed, or leaves the run by itself."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from typing import Any

from chargehand.agents.lint_model import Finding
from chargehand.agents.lint_nodes import Level
from chargehand.agents.lint_source import UNKNOWN, Source

_TIME = "a run's time is `chargehand.now()`, which is the same under replay"
_WAIT = "wait with `await chargehand.sleep_until(chargehand.now() + …)`, which holds no worker"
_CHANCE = "take it from the run's input, or make it in a node marked with `@io_node`"
_SURROUNDINGS = "read it when the module is imported, or in a node marked with `@io_node`"
_IO = "use a connector's tool, or mark the function with `@io_node`, which runs it as an activity"
_ORDER = (
    "write `asyncio.…`, which keeps the order inside a run where a name imported from it may not, or `asyncio.gather`"
)
_HASH = "take `hashlib`'s, which is the same in every process"
_MODEL = "ask through `chat_model(…)`, which is recorded and budgeted"

_WAYS_OUT: dict[str, str] = {
    **dict.fromkeys(
        ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"), _TIME
    ),
    **dict.fromkeys(("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns"), _TIME),
    **dict.fromkeys(("time.perf_counter", "time.perf_counter_ns", "time.process_time", "chargehand.clock.now"), _TIME),
    "time.sleep": _WAIT,
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"), _CHANCE),
    **dict.fromkeys(("posix.urandom", "nt.urandom", "numpy.random."), _CHANCE),
    **dict.fromkeys(("random.", "secrets.", "ulid.", "chargehand.ids."), _CHANCE),
    **dict.fromkeys(("os.getenv", "os._Environ."), _SURROUNDINGS),
    **dict.fromkeys(("_io.open", "io.open", "os.popen", "os.walk", "posix.", "nt.", "genericpath.", "shutil."), _IO),
    **dict.fromkeys(("socket.", "_socket.", "ssl.", "http.client.", "urllib.request.", "smtplib.", "ftplib."), _IO),
    **dict.fromkeys(("requests.", "httpx.", "aiohttp.", "urllib3.", "websockets.", "grpc.", "boto3.", "mcp."), _IO),
    **dict.fromkeys(("sqlite3.", "_sqlite3.", "psycopg.", "psycopg2.", "sqlalchemy.engine.", "subprocess."), _IO),
    **dict.fromkeys(("asyncio.subprocess.", "asyncio.threads.", "threading.", "concurrent.futures."), _IO),
    **dict.fromkeys(("asyncio.tasks.wait", "asyncio.tasks.as_completed"), _ORDER),
    **dict.fromkeys(("builtins.hash", "builtins.id"), _HASH),
    **dict.fromkeys(("langchain_openai.", "langchain_anthropic.", "openai.", "anthropic."), _MODEL),
}
_UNLESS_GIVEN_A_TIME = frozenset({"time.localtime", "time.gmtime", "time.ctime"})
_PATH_IO = frozenset(
    {
        *("read_text", "read_bytes", "write_text", "write_bytes", "open", "touch", "mkdir", "rmdir", "unlink"),
        *("exists", "is_file", "is_dir", "iterdir", "glob", "rglob", "stat", "lstat", "resolve", "cwd", "home"),
        *("rename", "replace", "chmod", "symlink_to", "hardlink_to"),
    }
)


def check(level: Level) -> Iterator[Finding]:
    """Findings in all nodes that run inside the workflow; a marked node is an activity and may do what it likes."""
    seen: set[tuple[str, int, str]] = set()
    for node in level.every():
        for source in () if node.io else (*node.code, *node.routers):
            for place, name, way_out in _found(source):
                key = (str(source.file), place.lineno, name)
                if key not in seen:
                    seen.add(key)
                    yield Finding(
                        rule="non-deterministic-call",
                        node=node.path,
                        file=key[0],
                        line=place.lineno,
                        wrong=f"`{name}` does not give the same answer when the run is replayed.",
                        way_out=f"{way_out[0].upper()}{way_out[1:]}.",
                    )


def _found(source: Source) -> Iterator[tuple[ast.expr, str, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield from _of_call(source, node)
        elif isinstance(node, ast.Name | ast.Attribute) and source.resolve(node) is os.environ:
            yield node, "os.environ", _SURROUNDINGS


def _of_call(source: Source, call: ast.Call) -> Iterator[tuple[ast.expr, str, str]]:
    called = source.resolve(call.func)
    name = _name(called)
    way_out = _IO if _on_path(source, call) else _way_out(name)
    if way_out == _ORDER and isinstance(call.func, ast.Attribute):  # as agents.determinism has it
        way_out = ""
    if name in _UNLESS_GIVEN_A_TIME and not call.args:
        way_out = _TIME
    if called is not UNKNOWN and _seeded(name, call):
        way_out = ""
    if way_out and not name.startswith("os._Environ."):  # `os.environ` is said by itself
        yield call, ast.unparse(call.func), way_out
    for given in (*call.args, *(one.value for one in call.keywords)):  # handed to someone else to call
        function = source.resolve(given)
        if inspect.isroutine(function) and (way_out := _way_out(_name(function))):
            yield given, ast.unparse(given), way_out


def _way_out(name: str) -> str:
    found = _WAYS_OUT.get(name)
    if found is None:
        found = next((way for start, way in _WAYS_OUT.items() if start.endswith(".") and name.startswith(start)), "")
    if name.startswith("pathlib.") and name.rpartition(".")[2] in _PATH_IO:
        return _IO
    return found


def _seeded(name: str, call: ast.Call) -> bool:
    """`random.Random(7)`: the same numbers every time; and errors, which are only named."""
    return (name == "random.Random" and bool(call.args)) or name.endswith(("Error", "Exception", "Timeout"))


def _on_path(source: Source, call: ast.Call) -> bool:
    """`Path("x").read_text()`, whose owner only exists at run time."""
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr in _PATH_IO and isinstance(function.value, ast.Call)):
        return False
    return str(getattr(source.resolve(function.value.func), "__module__", "")).startswith("pathlib")


def _name(given: Any) -> str:
    """Where it is defined, with its owner: `datetime.datetime.now`, `random.Random.choice`, `uuid.uuid4`."""
    if given is UNKNOWN or inspect.ismodule(given):
        return ""
    name, owner = str(getattr(given, "__name__", "")), getattr(given, "__self__", None)
    if inspect.ismodule(owner):
        return f"{owner.__name__}.{name}"
    if owner is not None:
        kind: Any = owner if isinstance(owner, type) else type(owner)
        return f"{kind.__module__}.{kind.__qualname__}.{name}"
    return f"{getattr(given, '__module__', '')}.{getattr(given, '__qualname__', name)}"
