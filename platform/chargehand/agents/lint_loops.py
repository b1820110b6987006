"""Rule `unbounded-loop`: a cycle that nothing ends but the recursion limit.

What bounds a cycle: a person who is asked on it, a counter (a router compares a field that a node on the cycle counts
up), LangGraph's `remaining_steps`, a `recursion_limit` that the author chose, a limit of model calls in middleware, or
a budget on what a node of it uses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from chargehand.agents import leaves
from chargehand.agents.declare import RECURSION_LIMIT, limit_of
from chargehand.agents.lint_model import Finding
from chargehand.agents.lint_nodes import Level, Node, cycles
from chargehand.agents.lint_people import asks_person
from chargehand.agents.lint_source import Source, parsed
from chargehand.agents.lint_tools import declared_at
from chargehand.agents.model import AgentSpec

_WAY_OUT = (
    "Count the rounds in the state and compare them in the router, ask a person, choose a `recursion_limit`, "
    "or set a `Budget` on what it uses."
)

_ORDERING = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq)
_COUNTING = (ast.Add, ast.Sub)
_BOUNDING_MIDDLEWARE = ("ModelCallLimitMiddleware", "HumanInTheLoopMiddleware")


def check(level: Level, spec: AgentSpec) -> Iterator[Finding]:
    if _chose_recursion_limit(spec):
        return
    for one in level.levels():
        for cycle in cycles(one.nodes, one.edges):
            bounds = {name for name in cycle if _bounds(one, one.nodes[name], cycle, spec)}
            edges = {(a, b) for a, b in one.edges if a in cycle and b in cycle and not {a, b} & bounds}
            for left in cycles(cycle - bounds, edges):
                yield _finding(one, left, spec)
    for node in level.every():
        for source in node.code:
            for loop in _endless(source, spec):
                yield Finding(
                    rule="unbounded-loop",
                    node=node.path,
                    file=str(source.file),
                    line=loop.lineno,
                    wrong=f"`while {ast.unparse(loop.test)}` goes on for as long as the answers say so.",
                    way_out=_WAY_OUT,
                )


def _finding(level: Level, cycle: set[str], spec: AgentSpec) -> Finding:
    names = sorted(cycle)
    file, line = declared_at(spec)
    for name in names:
        for source in (*level.nodes[name].routers[:1], *level.nodes[name].code[:1]):
            file, line = str(source.file), source.tree.lineno
            break
        else:
            continue
        break
    way = " → ".join([*names, names[0]])
    return Finding(
        rule="unbounded-loop",
        node=level.nodes[names[0]].path,
        file=file,
        line=line,
        wrong=f"Nothing ends the loop {way}.",
        way_out=_WAY_OUT,
    )


def _bounds(level: Level, node: Node, cycle: set[str], spec: AgentSpec) -> bool:
    inside = [node, *(other for within in node.inside for other in within.every())]
    code = [source for one in inside for source in one.code]
    if any(asks_person(source) for source in code) or any(name in node.path for name in _BOUNDING_MIDDLEWARE):
        return True
    budget = spec.budget
    if (budget.model_calls is not None or budget.tokens is not None) and (
        any(one.model for one in inside) or any(_uses(source, "chat_model") for source in code)
    ):
        return True
    if budget.tool_calls is not None and (
        any(one.tools for one in inside) or any(_uses(source, "call", "attempt", "run_agent") for source in code)
    ):
        return True
    deciding = [*node.routers, *node.code]
    compared = {name for source in deciding for name in _compared(source)}
    if "remaining_steps" in compared:
        return True
    counting = [source for name in cycle for source in level.nodes[name].code]
    return any(_counts(field, source, level.reducers) for field in compared for source in counting)


def _compared(source: Source) -> set[str]:
    """Fields that the code compares with something: themselves, or how many there are, not one of a list."""
    through = _variables(source)
    return {
        name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and any(isinstance(one, _ORDERING) for one in node.ops)
        for name in _fields(node, through) - _looked_into(node)
    }


def _looked_into(comparison: ast.Compare) -> set[str]:
    """Fields of which only a part is compared: `state["log"][-1]`, `state["messages"][-1].content`."""
    found: set[str] = set()
    for node in ast.walk(comparison):
        if isinstance(node, ast.Subscript) and not (
            isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        ):
            found |= _fields(node.value)
    return found


def _counts(field: str, source: Source, reducers: Iterable[str]) -> bool:
    """Whether the code writes the field as itself plus or minus something, or adds to one that has a reducer."""
    through, dicts = _variables(source), [node for node in ast.walk(source.tree) if isinstance(node, ast.Dict)]
    written = {key.value for one in dicts for key in one.keys if isinstance(key, ast.Constant)}
    if field in reducers:
        return field in written
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, _COUNTING) and field in _fields(node.target):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, _COUNTING) and field in _fields(node, through):
            return field in written
    return False


def _variables(source: Source) -> dict[str, set[str]]:
    """Variables that were computed from fields."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            if any(isinstance(one, ast.Await) for one in ast.walk(node.value)):
                continue  # an answer, whatever it was asked about
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, set()).update(_fields(node.value))
    return found


def _fields(expression: ast.AST, through: Mapping[str, set[str]] = MappingProxyType({})) -> set[str]:
    """Fields of the state that an expression reads: `state.x`, `state["x"]`, `state.get("x")`, or such a variable."""
    found: set[str] = set()
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            found |= through.get(node.id, set())
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(str(node.slice.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    return found - {"get"}


def _endless(source: Source, spec: AgentSpec) -> Iterator[ast.While]:
    """Loops of the author's own that wait for answers and have none of the bounds."""
    for loop in (node for node in ast.walk(source.tree) if isinstance(node, ast.While)):
        waits = any(isinstance(node, ast.Await) for node in ast.walk(loop)) or _uses(source, "result", tree=loop)
        if not waits or asks_person(source, loop):
            continue
        budget = spec.budget
        if budget.model_calls is not None or budget.tokens is not None or budget.tool_calls is not None:
            continue
        added = [node.target for node in ast.walk(loop) if isinstance(node, ast.AugAssign)]
        compared = [name for node in ast.walk(loop) if isinstance(node, ast.Compare) for name in ast.walk(node)]
        if not _names(added) & _names(compared):
            yield loop


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _uses(source: Source, *names: str, tree: ast.AST | None = None) -> bool:
    """Whether it calls one of our leaves by these names, or (`result`) waits for a task."""
    for node in ast.walk(tree or source.tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "result" and "result" in names:
            return True
        called = source.resolve(node.func)
        if str(getattr(called, "__module__", "")).startswith(leaves.__name__.rpartition(".")[0]) and (
            getattr(called, "__name__", "") in names
        ):
            return True
    return False


def _chose_recursion_limit(spec: AgentSpec) -> bool:
    """Whether `agent(…)` or the graph says a recursion limit; the default is a safety net, no design."""
    if limit_of(spec.graph) != RECURSION_LIMIT:
        return True
    file, line = declared_at(spec)
    if not line:
        return False
    calls = (node for node in ast.walk(parsed(Path(file))) if isinstance(node, ast.Call) and node.lineno == line)
    return any(one.arg == "recursion_limit" for call in calls for one in call.keywords)
