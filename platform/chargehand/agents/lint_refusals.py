"""Rules `write-without-way-to-deny` and `error-branch-without-person`: what happens when a write is refused or fails.

A call that changes the world may be denied by policy, rejected by a person, expire or fail. `call(…)` raises then: it
must stand in a `try` that catches CallNotDone (or in a node with an error handler), else a denial breaks the run.
`attempt(…)` gives the outcome as data. Either way the branch in which nothing was done must lead to people: it asks
one, fails the run, or hands the reason on to a field that the result or a router reads. When it is the undoing of
something that fails, a reason is not enough: half of the work stands, so somebody must be asked.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langgraph.func import _TaskFunction  # pyright: ignore[reportPrivateUsage]  # what `@task` makes

from chargehand.agents import leaves
from chargehand.agents.lint_branches import Branch, attended, failed_branch
from chargehand.agents.lint_model import Finding
from chargehand.agents.lint_nodes import Level, Node
from chargehand.agents.lint_source import Reader, Source, is_io_node
from chargehand.agents.model import AgentSpec
from chargehand.connectors.model import Tool
from chargehand.errors import CallDenied, CallExpired, CallRejected

_REFUSALS = (CallDenied, CallRejected, CallExpired)


def check(level: Level, spec: AgentSpec, reader: Reader) -> Iterator[Finding]:
    undoing = {undo.by.name for undo in spec.undo} | {tool.compensated_by for tool in spec.tools}
    said: set[tuple[str, int, str]] = set()
    for one in level.levels():
        for name, node in one.nodes.items():
            walk = _Walk(one, name, node, reader, undoing - {""})
            for source in node.code[:1] if not node.tools else node.code:
                walk.function(source, guarded=node.handled)
            for finding in walk.findings:
                key = (finding.file, finding.line, finding.rule)
                if key not in said:
                    said.add(key)
                    yield finding


@dataclass(frozen=True)
class _Written:
    tool: Tool[..., Any]
    call: ast.Call


class _Walk:
    """Goes through a node's function and the functions it calls, and knows whether a refusal would be caught."""

    def __init__(self, level: Level, name: str, node: Node, reader: Reader, undoing: set[str]) -> None:
        self.findings: list[Finding] = []
        self._level, self._name, self._node, self._reader, self._undoing = level, name, node, reader, undoing
        self._seen: set[tuple[int, bool]] = set()

    def function(self, source: Source, *, guarded: bool) -> None:
        if (id(source.tree), guarded) in self._seen:
            return
        self._seen.add((id(source.tree), guarded))
        body = source.tree.body
        for statement in body if isinstance(body, list) else [body]:
            self._visit(source, statement, guarded)
        self._attempts(source)

    def _visit(self, source: Source, node: ast.AST, guarded: bool) -> None:
        if isinstance(node, ast.Try):
            caught = _catches(source, node.handlers)
            for statement in node.body:
                self._visit(source, statement, guarded or caught)
            if caught:
                self._handlers(source, node)
            for statement in (*node.handlers, *node.orelse, *node.finalbody):
                self._visit(source, statement, guarded)
            return
        if isinstance(node, ast.With | ast.AsyncWith) and _suppresses(source, node):
            for written in _writes(source, node.body, leaves.call):
                self._unattended(source, written, node.lineno)
            guarded = True
        if isinstance(node, ast.Call):
            self._call(source, node, guarded)
        for child in ast.iter_child_nodes(node):
            self._visit(source, child, guarded)

    def _call(self, source: Source, call: ast.Call, guarded: bool) -> None:
        called = source.resolve(call.func)
        if called is leaves.call:
            tool = _tool(source, call)
            if tool is not None and tool.effect != "read" and not guarded:
                self._say(
                    "write-without-way-to-deny",
                    source,
                    call.lineno,
                    f"{tool.name} changes the world ({tool.effect}), and a denial of it breaks the run.",
                    "Catch CallNotDone around it, or use `attempt(…)` and route on the outcome.",
                )
            return
        if isinstance(called, _TaskFunction):
            called = cast("Any", called).func
        if callable(called) and not isinstance(called, type) and not is_io_node(called):
            inner = self._reader.read(called)
            if inner is not None:
                self.function(inner, guarded=guarded)

    def _handlers(self, source: Source, node: ast.Try) -> None:
        for written in _writes(source, node.body, leaves.call):
            for handler in node.handlers:
                branch = Branch(handler.body, frozenset({handler.name} if handler.name else ()))
                if _refusals_of(source, handler) and not self._attended(source, branch, written):
                    self._unattended(source, written, handler.lineno)

    def _attempts(self, source: Source) -> None:
        for statement in ast.walk(source.tree):
            if isinstance(statement, ast.Expr):
                for written in _writes(source, [statement], leaves.attempt, directly=True):
                    self._unattended(source, written, statement.lineno)
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                for written in _writes(source, [ast.Expr(statement.value)], leaves.attempt, directly=True):
                    if isinstance(target, ast.Name):
                        found = failed_branch(source, target.id, statement)
                        if found is not None and not self._attended(source, found, written):
                            self._unattended(source, written, found.line or statement.lineno)

    def _attended(self, source: Source, branch: Branch, written: _Written) -> bool:
        return attended(source, branch, self._level, self._name, undoing=written.tool.name in self._undoing)

    def _unattended(self, source: Source, written: _Written, line: int) -> None:
        undoing = written.tool.name in self._undoing
        self._say(
            "error-branch-without-person",
            source,
            line,
            f"When {written.tool.name} is refused or fails, "
            + ("what it should take back stands, and nobody is asked." if undoing else "nobody is asked or told why."),
            "Ask somebody with `ask_person(…)`"
            + ("." if undoing else ", or hand the reason on to a field of the result or to a router."),
        )

    def _say(self, rule: Any, source: Source, line: int, wrong: str, way_out: str) -> None:
        self.findings.append(
            Finding(rule=rule, node=self._node.path, file=str(source.file), line=line, wrong=wrong, way_out=way_out)
        )


def _writes(source: Source, body: Sequence[ast.stmt], leaf: Any, *, directly: bool = False) -> Iterator[_Written]:
    """Uses of tools that write; `directly`: only where the statement is nothing but that, awaited."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and source.resolve(node.func) is leaf:
                tool = _tool(source, node)
                alone = isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is node
                if tool is not None and tool.effect != "read" and (alone or not directly):
                    yield _Written(tool, node)


def _tool(source: Source, call: ast.Call) -> Tool[..., Any] | None:
    given = source.resolve(call.args[0]) if call.args else None
    return cast("Tool[..., Any]", given) if isinstance(given, Tool) else None


def _catches(source: Source, handlers: Sequence[ast.ExceptHandler]) -> bool:
    """Whether every kind of refusal is caught and not simply raised again."""
    caught = {one for handler in handlers if not _only_raises(handler) for one in _refusals_of(source, handler)}
    return caught == set(_REFUSALS)


def _only_raises(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _refusals_of(source: Source, handler: ast.ExceptHandler) -> set[type[Exception]]:
    if handler.type is None:
        return set(_REFUSALS)
    given = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    kinds = tuple(kind for kind in map(source.resolve, given) if isinstance(kind, type))
    return {one for one in _REFUSALS if issubclass(one, kinds)}


def _suppresses(source: Source, node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and source.resolve(call.func) is contextlib.suppress:
            kinds = tuple(kind for kind in map(source.resolve, call.args) if isinstance(kind, type))
            return all(issubclass(one, kinds) for one in _REFUSALS)
    return False
