"""Rules `shared-state`, `leaf-not-awaited`, and walks over sets: what a node leaves in memory, forgets or disorders.

A run moves between processes and is replayed in them: what it, or another run, left in a module is not there then. A
leaf that is not awaited is never called. A set is walked in another order in another process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, cast

from chargehand.agents import chat, leaves
from chargehand.agents.lint_model import Finding, Rule
from chargehand.agents.lint_nodes import Level, Node
from chargehand.agents.lint_source import UNKNOWN, Source

_LEAVES = (
    *(leaves.call, leaves.attempt, leaves.ask_person, leaves.run_agent, leaves.sleep_until, leaves.wait_for),
    chat.has_model,
)
_CHANGING = frozenset(
    {
        *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "add", "discard", "update"),
        *("setdefault", "popitem", "appendleft", "popleft", "extendleft"),
    }
)
_STATE = "Keep it in the graph's state, which goes where the run goes"


def check(level: Level) -> Iterator[Finding]:
    """Findings in all code that runs inside the workflow."""
    seen: set[tuple[str, int, str]] = set()
    for node in level.every():
        for source in () if node.io else (*node.code, *node.routers):
            for finding in (*_shared(node, source), *_forgotten(node, source), *_disordered(node, source)):
                key = (finding.file, finding.line, finding.wrong)
                if key not in seen:
                    seen.add(key)
                    yield finding


def _shared(node: Node, source: Source) -> Iterator[Finding]:
    for place in ast.walk(source.tree):
        if isinstance(place, ast.Global):
            names = ", ".join(place.names)
            wrong = f"`global {names}` is written, and another process that goes on with the run has another one."
            yield _finding("shared-state", node, source, place.lineno, wrong, f"{_STATE}.")
        elif isinstance(place, ast.Call) and isinstance(place.func, ast.Attribute) and place.func.attr in _CHANGING:
            if _is_kept(source, place.func.value):
                yield _changed(node, source, place.lineno, place.func.value)
        elif isinstance(place, ast.Assign | ast.AugAssign | ast.Delete):
            for target in [place.target] if isinstance(place, ast.AugAssign) else place.targets:
                if isinstance(target, ast.Subscript) and _is_kept(source, target.value):
                    yield _changed(node, source, place.lineno, target.value)


def _changed(node: Node, source: Source, line: int, what: ast.expr) -> Finding:
    wrong = f"`{ast.unparse(what)}` lives in the module: every run of this process shares it, and a replay repeats it."
    return _finding("shared-state", node, source, line, wrong, f"{_STATE}.")


def _is_kept(source: Source, expression: ast.expr) -> bool:
    """Whether it is a list, dict or set that is made when a module is imported."""
    found = source.resolve(expression)
    return (
        found is not UNKNOWN
        and isinstance(found, list | dict | set)
        and isinstance(expression, ast.Name | ast.Attribute)
    )


def _forgotten(node: Node, source: Source) -> Iterator[Finding]:
    for place in ast.walk(source.tree):
        if isinstance(place, ast.Expr) and isinstance(place.value, ast.Call):
            called = source.resolve(place.value.func)
            if called in _LEAVES:
                name = ast.unparse(place.value.func)
                wrong = f"`{name}(…)` is not awaited, so nothing happens."
                yield _finding("leaf-not-awaited", node, source, place.lineno, wrong, f"Write `await {name}(…)`.")


def _disordered(node: Node, source: Source) -> Iterator[Finding]:
    for place in ast.walk(source.tree):
        walked: list[ast.expr] = []
        if isinstance(place, ast.For) and any(
            isinstance(one, ast.Await) for part in place.body for one in ast.walk(part)
        ):
            walked = [place.iter]
        elif isinstance(place, ast.ListComp | ast.GeneratorExp):
            inner = [one for one in ast.walk(place.elt) if isinstance(one, ast.Await | ast.Call)]
            if any(isinstance(one, ast.Await) or source.resolve(one.func) in _LEAVES for one in inner):
                walked = [one.iter for one in place.generators]
        for one in walked:
            if _is_set(source, one):
                wrong = (
                    f"`{ast.unparse(one)}` is walked in another order in another process, and so are its calls made."
                )
                yield _finding(
                    "non-deterministic-call", node, source, one.lineno, wrong, "Walk `sorted(…)` of it, or a list."
                )


def _is_set(source: Source, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Set | ast.SetComp):
        return True
    if isinstance(expression, ast.Call):
        return source.resolve(expression.func) in (set, frozenset)
    found = source.resolve(expression) if isinstance(expression, ast.Name | ast.Attribute) else UNKNOWN
    return isinstance(found, set | frozenset) and bool(cast("set[Any]", found))


def _finding(rule: Rule, node: Node, source: Source, line: int, wrong: str, way_out: str) -> Finding:
    return Finding(rule=rule, node=node.path, file=str(source.file), line=line, wrong=wrong, way_out=way_out)
