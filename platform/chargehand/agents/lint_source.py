"""Author code as the static check reads it: a live function, its syntax tree, and what each name in it stands for.

Names are looked up in the function's own module and closure, not guessed: `erp.get_order` is the very Tool that the
node would use, whatever it was imported as. Nothing of the author's is run.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast

from chargehand.agents.io_node import marked

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
UNKNOWN = object()
"""What a name stands for that only a run decides: an argument, a local variable."""

_OURS = ("chargehand", "langgraph", "langchain", "langchain_core", "temporalio", "pydantic")


@dataclass(frozen=True, eq=False)
class Source:
    """One function of the author's: `function` is alive, `tree` its syntax, `file` where it stands."""

    function: Any
    tree: Function
    file: Path
    first: Any = UNKNOWN
    """What its first parameter stands for: the object of a bound method."""

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__qualname__", "")).rpartition(".")[2] or "lambda"

    def resolve(self, expression: ast.expr | None) -> Any:
        """The object that a name or a dotted name stands for; UNKNOWN where only a run can tell."""
        if isinstance(expression, ast.Name):
            return self._name(expression.id)
        if isinstance(expression, ast.Attribute):
            owner = self.resolve(expression.value)
            return UNKNOWN if owner is UNKNOWN else _attribute(owner, expression.attr)
        return UNKNOWN

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def _name(self, name: str) -> Any:
        if name in self._imported:
            return self._imported[name]
        if name in self._local:
            return self._local[name]
        code = self.function.__code__
        for free, cell in zip(code.co_freevars, self.function.__closure__ or (), strict=False):
            if free == name:
                return _content(cell)
        return self.function.__globals__.get(name, getattr(builtins, name, UNKNOWN))

    @cached_property
    def _local(self) -> dict[str, Any]:
        arguments = self.tree.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        names += [one.arg for one in (arguments.vararg, arguments.kwarg) if one]
        found: dict[str, Any] = dict.fromkeys(names, UNKNOWN)
        if names and self.first is not UNKNOWN:
            found[names[0]] = self.first
        shared = {name for node in ast.walk(self.tree) if isinstance(node, ast.Global) for name in node.names}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in shared:
                found[node.id] = UNKNOWN
        return found

    @cached_property
    def _imported(self) -> dict[str, Any]:
        """What the function imports for itself."""
        found: dict[str, Any] = {}
        package = str(self.function.__globals__.get("__package__") or "")
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    module = _module(one.name)
                    found[one.asname or one.name.partition(".")[0]] = (
                        module if one.asname else _module(one.name.partition(".")[0])
                    )
            elif isinstance(node, ast.ImportFrom):
                module = _module("." * node.level + (node.module or ""), package)
                for one in node.names:
                    found[one.asname or one.name] = _attribute(module, one.name)
        return found


@dataclass
class Reader:
    """Finds the author's functions behind what LangGraph holds; remembers those that it could not read."""

    package: str
    unreadable: list[str] = field(default_factory=list[str])

    def read(self, given: Any) -> Source | None:
        """The author's function behind a callable, decorators taken off; None for what is not the author's."""
        first: Any = UNKNOWN
        function: Any = given
        while True:
            if isinstance(function, functools.partial):
                function = cast("Any", function).func
            elif inspect.ismethod(function):
                first, function = function.__self__, cast("Any", function.__func__)
            elif (inner := getattr(function, "__wrapped__", None)) is not None:
                function = inner
            else:
                break
        kind = cast("type[Any]", type(function))
        if callable(function) and not inspect.isfunction(function) and _own(kind.__module__, self.package):
            first, function = function, kind.__call__
        if not inspect.isfunction(function) or not _own(function.__module__, self.package):
            return None
        found = _source(function)
        if found is None:
            self.unreadable.append(f"{function.__module__}.{function.__qualname__}")
            return None
        return Source(function, found[0], found[1], first)


def is_io_node(given: Any) -> bool:
    """Whether a callable was marked with `@io_node`."""
    inner = inspect.unwrap(given) if callable(given) else given
    name = f"{getattr(inner, '__module__', '')}:{getattr(inner, '__qualname__', '')}"
    return marked(name) is inner and inner is not given


def _own(module: str | None, package: str) -> bool:
    top = (module or "").partition(".")[0]
    return bool(top) and top == package.partition(".")[0] and top not in _OURS


@lru_cache(maxsize=4096)
def _source(function: Callable[..., Any]) -> tuple[Function, Path] | None:
    try:
        file = Path(inspect.getsourcefile(function) or "")
        tree = _parsed(file, file.stat().st_mtime_ns)
    except (OSError, TypeError, SyntaxError, UnicodeDecodeError):
        return None
    line, name = function.__code__.co_firstlineno, function.__code__.co_name
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            if name == "<lambda>" and node.lineno == line and _same(node, function):
                return node, file
        elif (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name == name
            and line in (node.lineno, *(one.lineno for one in node.decorator_list))
        ):
            return node, file
    return None


def _same(node: ast.Lambda, function: Callable[..., Any]) -> bool:
    """Whether this lambda is that one, where several stand on a line."""
    columns = {place[2] for place in function.__code__.co_positions() if place[0] == node.body.lineno}
    return node.body.col_offset in columns or not any(columns)


@lru_cache(maxsize=512)
def _parsed(file: Path, _changed: int) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def parsed(file: Path) -> ast.Module:
    """A file's syntax tree. Raises OSError, SyntaxError."""
    return _parsed(file, file.stat().st_mtime_ns)


def _module(name: str, package: str = "") -> Any:
    try:
        return importlib.import_module(name, package or None)
    except Exception:  # noqa: BLE001, RUF100  # an import that only works elsewhere is the author's affair
        return UNKNOWN


def _attribute(owner: Any, name: str) -> Any:
    if owner is UNKNOWN:
        return UNKNOWN
    try:
        return inspect.getattr_static(owner, name) if _computes(owner, name) else getattr(owner, name)
    except Exception:  # noqa: BLE001, RUF100  # a lazy module or a property of the author's may raise anything
        return UNKNOWN


def _computes(owner: Any, name: str) -> bool:
    """Whether looking it up would run the author's code."""
    return isinstance(inspect.getattr_static(cast("Any", type(owner)), name, None), property)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNKNOWN
