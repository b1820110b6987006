"""The graph as the static check sees it: nodes with the author's functions behind them, and the ways between them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.tools import BaseTool
from langgraph.func import _TaskFunction  # pyright: ignore[reportPrivateUsage]  # what `@task` makes
from langgraph.prebuilt import ToolNode

from chargehand.agents.lint_source import UNKNOWN, Reader, Source, is_io_node

START, END = "__start__", "__end__"


@dataclass(eq=False)
class Node:
    """A node, e.g. `refund/credit`. `code` is all of the author's code that it may run, itself first."""

    path: str
    code: tuple[Source, ...] = ()
    routers: tuple[Source, ...] = ()
    io: bool = False
    model: bool = False
    """LangChain's own node that asks a model."""
    tools: tuple[BaseTool, ...] = ()
    handled: bool = False
    """Whether LangGraph takes its errors to a node of the author's."""
    inside: tuple[Level, ...] = ()
    """Its subgraph, and graphs that its code runs by itself."""


@dataclass(eq=False)
class Level:
    """One graph: its nodes by name, its edges, and which of its fields have a reducer."""

    nodes: dict[str, Node]
    edges: set[tuple[str, str]]
    reducers: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()

    def every(self) -> Iterator[Node]:
        for node in self.nodes.values():
            yield node
            for inside in node.inside:
                yield from inside.every()

    def levels(self) -> Iterator[Level]:
        yield self
        for node in self.nodes.values():
            for inside in node.inside:
                yield from inside.levels()

    def after(self, name: str) -> set[str]:
        """Every node that can still run after this one."""
        return _reach(name, self.edges) & self.nodes.keys()


@dataclass
class Survey:
    """Reads a compiled graph. `reader` says which code is the author's."""

    reader: Reader
    _seen: set[int] = field(default_factory=set[int])

    def level(self, compiled: Any, prefix: str = "") -> Level:
        builder: Any = getattr(compiled, "builder", None)
        if builder is None:  # the functional API: one function, no edges
            nodes = {str(name): self._functional(str(name), node, prefix) for name, node in compiled.nodes.items()}
            return Level({name: node for name, node in nodes.items() if name != START}, set())
        nodes = {str(name): self._node(str(name), spec, prefix) for name, spec in builder.nodes.items()}
        edges = {(str(a), str(b)) for a, b in builder.edges}
        edges |= {(str(a), str(target)) for sources, target in builder.waiting_edges for a in sources}
        for source, branches in builder.branches.items():
            found = tuple(self._behind(branch.path) for branch in branches.values())
            routers = tuple(one for code in found for one in code)
            if source in nodes:
                nodes[source].routers += routers
            for branch in branches.values():
                edges |= {(str(source), target) for target in self._targets(branch, nodes)}
        for name, spec in builder.nodes.items():
            edges |= {(str(name), str(end)) for end in spec.ends or ()}
            edges |= {(str(name), target) for target in _gone_to(nodes[str(name)], nodes)}
            if spec.error_handler_node:
                edges.add((str(name), str(spec.error_handler_node)))
        reducers = {str(name) for name, one in compiled.channels.items() if hasattr(one, "operator")}
        outputs = compiled.output_channels
        named = [outputs] if isinstance(outputs, str) else list(outputs)
        return Level(nodes, edges, frozenset(reducers), frozenset(str(one) for one in named))

    def _node(self, name: str, spec: Any, prefix: str) -> Node:
        runnable, path = spec.runnable, f"{prefix}{name}"
        handled = bool(spec.error_handler_node)
        if _is_graph(runnable):
            return Node(path, inside=(self.level(runnable, f"{path}/"),), handled=handled)
        if isinstance(runnable, ToolNode):
            code = self._tools(runnable)
            return Node(path, code, tools=tuple(runnable.tools_by_name.values()), inside=self._run_by(code, path))
        code = self._behind(runnable)
        given = getattr(runnable, "afunc", None) or getattr(runnable, "func", None)
        module = str(getattr(given, "__module__", ""))
        return Node(
            path,
            code,
            inside=self._run_by(code, path) or self._held_by(runnable, path),
            io=any(is_io_node(one) for one in _callables(runnable)),
            model=module == "langchain.agents.factory" and name == "model",
            handled=handled,
        )

    def _functional(self, name: str, node: Any, prefix: str) -> Node:
        code, path = self._behind(node.bound), f"{prefix}{name}"
        return Node(path, code, inside=self._run_by(code, path))

    def _run_by(self, code: Iterable[Source], path: str) -> tuple[Level, ...]:
        """Graphs that the code mentions, each once a survey."""
        found: list[Level] = []
        for source in code:
            for node in ast.walk(source.tree):
                given = source.resolve(node) if isinstance(node, ast.Name | ast.Attribute) else UNKNOWN
                if given is not UNKNOWN and _is_graph(given) and id(given) not in self._seen:
                    self._seen.add(id(given))
                    found.append(self.level(given, f"{path}/"))
        return tuple(found)

    def _held_by(self, runnable: Any, path: str) -> tuple[Level, ...]:
        """Graphs that a function of another package runs for the author, e.g. the agents of a supervisor."""
        found: list[Level] = []
        for given in _callables(runnable):
            for held in inspect.getclosurevars(given).nonlocals.values() if inspect.isfunction(given) else ():
                if _is_graph(held) and id(held) not in self._seen:
                    self._seen.add(id(held))
                    found.append(self.level(held, f"{path}/"))
        return tuple(found)

    def _tools(self, runnable: ToolNode) -> tuple[Source, ...]:
        """The author's own LangChain tools run inside the node."""
        found = [self._behind(tool) for tool in runnable.tools_by_name.values()]
        return tuple(one for code in found for one in code)

    def _behind(self, runnable: Any) -> tuple[Source, ...]:
        found: dict[int, Source] = {}
        for given in _callables(runnable):
            source = self.reader.read(given)
            if source is not None and id(source.tree) not in found:
                found[id(source.tree)] = source
                for one in reached(source, self.reader):
                    found.setdefault(id(one.tree), one)
        return tuple(found.values())

    def _targets(self, branch: Any, nodes: Mapping[str, Node]) -> set[str]:
        """Where a router may lead: as annotated or mapped, else the names that stand in its source, else anywhere."""
        if branch.ends is not None:
            return {str(one) for one in branch.ends.values()}
        named = {
            constant.value
            for source in self._behind(branch.path)
            for constant in ast.walk(source.tree)
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
        }
        return {one for one in named if one in nodes} or set(nodes)


def reached(source: Source, reader: Reader, seen: set[int] | None = None) -> Iterator[Source]:
    """The author's functions that this one mentions, and those that they mention; marked I/O nodes are left out."""
    seen = {id(source.tree)} if seen is None else seen
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        given = source.resolve(node)
        if given is UNKNOWN or isinstance(given, type) or not callable(given) or is_io_node(given):
            continue
        if isinstance(given, _TaskFunction):
            given = cast("Any", given).func
        found = reader.read(given)
        if found is not None and id(found.tree) not in seen:
            seen.add(id(found.tree))
            yield found
            yield from reached(found, reader, seen)


def _gone_to(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    """Where the node's own code sends the run with `Command(goto=…)` or `Send(…)`, as far as the source says."""
    found: set[str] = set()
    for source in node.code:
        for call in source.calls():
            name = getattr(source.resolve(call.func), "__name__", "")
            given = [one.value for one in call.keywords if one.arg == "goto"] if name == "Command" else []
            given += call.args[:1] if name == "Send" else []
            for one in (inner for each in given for inner in ast.walk(each)):
                if isinstance(one, ast.Constant) and one.value in nodes:
                    found.add(str(one.value))
    return found


def _is_graph(given: Any) -> bool:
    """Whether it is a graph that was compiled."""
    return not isinstance(given, type) and all(hasattr(given, name) for name in ("astream", "get_state", "channels"))


def _callables(runnable: Any) -> list[Any]:
    """What a LangChain runnable or tool runs."""
    named = [getattr(runnable, name, None) for name in ("afunc", "func", "coroutine")]
    found = [
        one for one in named if callable(one) and getattr(one, "__module__", "") != "langgraph._internal._runnable"
    ]
    found = [one for one in found if getattr(getattr(one, "func", one), "__name__", "") != "run_in_executor"]
    if found:
        return found
    steps = getattr(runnable, "steps", None)
    if steps:
        return [one for step in steps for one in _callables(step)]
    return [runnable] if callable(runnable) else []


def cycles(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Strongly connected parts that have an edge inside (by reachability: graphs of agents are small)."""
    names, pairs = set(nodes), set(edges)
    reach = {name: _reach(name, pairs) & names for name in names}
    found: list[set[str]] = []
    for name in sorted(names):
        if name in reach[name] and not any(name in cycle for cycle in found):
            found.append({other for other in reach[name] if name in reach[other]})
    return found


def _reach(name: str, edges: set[tuple[str, str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        for source, target in edges:
            if source == here and target not in found:
                found.add(target)
                todo.append(target)
    return found
