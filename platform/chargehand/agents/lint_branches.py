"""The branch of a node in which a write was not done, and whether it leads to people."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from chargehand.agents.lint_nodes import Level, Node
from chargehand.agents.lint_people import asks_person, is_asking
from chargehand.agents.lint_source import Source

_SAYS_FAILED: frozenset[object] = frozenset({"denied", "rejected", "expired", "failed", "in_doubt"})


@dataclass(frozen=True, eq=False)
class Branch:
    """Statements that run when nothing was done; `given` are the variables that hold the outcome or the exception."""

    body: Sequence[ast.stmt]
    given: frozenset[str]

    @property
    def line(self) -> int:
        return self.body[0].lineno if self.body else 0

    @cached_property
    def names(self) -> frozenset[str]:
        """Those, and the variables of the branch that were made from them."""
        found = set(self.given)
        for statement in self.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Assign) and _mentions(node.value, frozenset(found)):
                    found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return frozenset(found)


def failed_branch(source: Source, name: str, since: ast.stmt) -> Branch | None:
    """The statements that run when the outcome in `name` is no success; None where the author does otherwise with it.

    An outcome of which only the value is used, or nothing at all, gives an empty branch.
    """
    names = frozenset({name})
    for body in _bodies(source.tree):
        for place, statement in enumerate(body):
            if not isinstance(statement, ast.If) or statement.lineno < since.lineno:
                continue
            match _says(statement.test, name):
                case "failed":
                    return Branch(statement.body, names)
                case "succeeded":
                    rest = body[place + 1 :] if _leaves(statement.body) else []
                    return Branch(statement.orelse or rest, names)
                case "neither":
                    continue
    read = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    values = {
        id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute) and node.attr == "value"
    }
    return None if any(id(node) not in values for node in read) else Branch([], names)


def attended(source: Source, branch: Branch, level: Level, node: str, *, undoing: bool) -> bool:
    """Whether the branch asks a person, fails the run, or (not when undoing) hands the reason on to a reader of it."""
    if any(isinstance(inner, ast.Raise) for one in branch.body for inner in ast.walk(one)):
        return True
    if asks_person(source, list(branch.body)) or _asks_through_helper(source, branch, level.nodes[node]):
        return True
    after = level.after(node)
    people = {name for name in after if any(asks_person(code) for code in _all_code(level.nodes[name]))}
    gone_to = {
        constant.value for one in branch.body for constant in ast.walk(one)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and constant.value in level.nodes
    }  # fmt: skip
    if gone_to and people & {name for target in gone_to for name in (target, *level.after(target))}:
        return True
    flagged, told = _written(branch)
    routed = any(
        field in _read(router)
        for name in (node, *after)
        for router in level.nodes[name].routers
        for field in flagged | told
    )
    if routed and people:
        return True
    if undoing:
        return False
    downstream = [code for name in after for code in (*level.nodes[name].code, *level.nodes[name].routers)]
    read = level.outputs.union(*map(_read, [*downstream, *level.nodes[node].routers]))
    return _returns_it(branch) or bool(told & read)


def _asks_through_helper(source: Source, branch: Branch, node: Node) -> bool:
    helpers = {code.function: code for code in node.code}
    for one in branch.body:
        for inner in ast.walk(one):
            if isinstance(inner, ast.Call):
                called = source.resolve(inner.func)
                if is_asking(called) or (called in helpers and asks_person(helpers[called])):
                    return True
    return False


def _written(branch: Branch) -> tuple[set[str], set[str]]:
    """Fields that the branch writes, and those of them whose value speaks of the failure."""
    flagged: set[str] = set()
    told: set[str] = set()

    def add(field: str, value: ast.AST) -> None:
        (told if _mentions(value, branch.names) else flagged).add(field)

    for one in branch.body:
        for node in ast.walk(one):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant):
                        add(str(key.value), value)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        add(target.attr, node.value)
                    elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                        add(str(target.slice.value), node.value)
    return flagged, told


def _returns_it(branch: Branch) -> bool:
    """Whether the outcome is given back as it is, or to a helper: then the caller deals with it."""
    return any(
        isinstance(node, ast.Return)
        and node.value is not None
        and not isinstance(node.value, ast.Dict)
        and _mentions(node.value, branch.names)
        for one in branch.body
        for node in ast.walk(one)
    )


def _mentions(value: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(value))


def _read(source: Source) -> set[str]:
    """Names of fields that the code reads."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(str(node.slice.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    return found


def _all_code(node: Node) -> Iterator[Source]:
    yield from node.code
    for inside in node.inside:
        for one in inside.every():
            yield from one.code


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                yield body


def _says(test: ast.expr, name: str) -> Literal["succeeded", "failed", "neither"]:
    """What a condition on an outcome means, in the forms that people write."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _says(test.operand, name)
        return "failed" if inner == "succeeded" else "succeeded" if inner == "failed" else "neither"
    if isinstance(test, ast.Attribute) and _is(test.value, name):
        return "succeeded" if test.attr == "succeeded" else "failed" if test.attr == "failure" else "neither"
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Attribute) and _is(test.left.value, name):
        return _compared(test, test.left.attr)
    return "neither"


def _compared(test: ast.Compare, field: str) -> Literal["succeeded", "failed", "neither"]:
    against, positive = test.comparators[0], isinstance(test.ops[0], ast.Eq | ast.Is | ast.In)
    values: set[object] = {one.value for one in ast.walk(against) if isinstance(one, ast.Constant)}
    if field == "failure" and values == {None}:
        return "succeeded" if positive else "failed"
    if field == "state" and values == {"succeeded"}:
        return "succeeded" if positive else "failed"
    if field == "state" and values and values <= _SAYS_FAILED and positive:
        return "neither" if _SAYS_FAILED - values else "failed"
    return "neither"


def _is(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Name) and expression.id == name


def _leaves(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
