"""Rules `tool-not-declared` and `tool-not-used`: the list in `agent(tools=[…])` against what the code can use."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.tools import BaseTool

from chargehand.agents import leaves
from chargehand.agents.lint_model import Finding
from chargehand.agents.lint_nodes import Level
from chargehand.agents.lint_source import UNKNOWN, Source, parsed
from chargehand.agents.model import AgentSpec
from chargehand.connectors.model import Tool

_LANGCHAIN_TOOLS = "chargehand.agents.langchain_tools"
_ONLY_TYPES = frozenset({"decode", "encode", "parse", "name", "effect", "delivery", "description", "result_type"})


@dataclass(frozen=True)
class Use:
    """A tool, or `agent.<name>`, that a node can use."""

    tool: str
    node: str
    file: str
    line: int


def check(level: Level, spec: AgentSpec, not_checked: list[str]) -> Iterator[Finding]:
    """Findings; what can't be told without running is added to `not_checked`, and then nothing is called unused."""
    file, line = declared_at(spec)
    doubts = len(not_checked)
    uses = list(_uses(level, file, line, not_checked))
    allowed = spec.tool_names() | {f"agent.{name}" for name in spec.agents}
    said: set[tuple[str, str]] = set()
    for use in uses:
        if use.tool not in allowed and (use.tool, use.node) not in said:
            said.add((use.tool, use.node))
            yield Finding(
                rule="tool-not-declared",
                node=use.node,
                file=use.file,
                line=use.line,
                wrong=f"{use.tool} is used and not declared, so every call of it is refused.",
                way_out=f"Add it to `agents=[…]` of agent({spec.name!r})."
                if use.tool.startswith("agent.")
                else f"Add it to `tools=[…]` of agent({spec.name!r}).",
            )
    if len(not_checked) > doubts:
        not_checked.append("Whether every declared tool is used can't be told then.")
        return
    used = {use.tool for use in uses} | {name for undo in spec.undo for name in (undo.tool.name, undo.by.name)}
    for name in sorted(allowed - used):
        yield Finding(
            rule="tool-not-used",
            node="",
            file=file,
            line=line,
            wrong=f"{name} is declared and no node uses it: authority that nobody needs.",
            way_out="Take it out of the declaration, and out of the policy.",
        )


def declared_at(spec: AgentSpec) -> tuple[str, int]:
    """File and line of `agent(…)`; line 0 where the call does not stand in its module."""
    file = str(getattr(sys.modules.get(spec.module), "__file__", "") or spec.module)
    try:
        tree = parsed(Path(file))
    except (OSError, SyntaxError):
        return file, 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for one in node.keywords:
                if one.arg == "name" and isinstance(one.value, ast.Constant) and one.value.value == spec.name:
                    return file, node.lineno
    return file, 0


def _uses(level: Level, file: str, line: int, not_checked: list[str]) -> Iterator[Use]:
    for node in level.every():
        for tool in node.tools:
            for name in _declared(tool):
                yield Use(name, node.path, file, line)
        for source in (*node.code, *node.routers):
            for place, name in _mentioned(source, not_checked):
                yield Use(name, node.path, str(source.file), place.lineno)


def _mentioned(source: Source, not_checked: list[str]) -> Iterator[tuple[ast.expr, str]]:
    only_types = {
        id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute) and node.attr in _ONLY_TYPES
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in only_types:
            for name in _tools_in(source.resolve(node)):
                yield node, name
        if isinstance(node, ast.Call) and node.args:
            called = source.resolve(node.func)
            if called is leaves.run_agent and isinstance(node.args[0], ast.Constant):
                yield node, f"agent.{node.args[0].value}"
            elif called in (leaves.call, leaves.attempt) and source.resolve(node.args[0]) is UNKNOWN:
                not_checked.append(f"{source.file}:{node.lineno}: which tool is used here, only a run decides.")


def _tools_in(given: Any) -> Iterator[str]:
    if isinstance(given, Tool):
        yield cast("Tool[..., Any]", given).name
    elif isinstance(given, BaseTool):
        yield from _declared(given)
    elif isinstance(given, dict):
        for one in cast("dict[Any, Any]", given).values():
            yield from _tools_in(one)
    elif isinstance(given, list | tuple | set | frozenset):
        for one in cast("list[Any]", given):
            yield from _tools_in(one)


def _declared(tool: BaseTool) -> Iterator[str]:
    """The tool or agent behind a LangChain tool that `as_langchain_tools` or `agent_tool` made."""
    function: Any = getattr(tool, "coroutine", None)
    if getattr(function, "__module__", "") != _LANGCHAIN_TOOLS:
        return
    names = function.__code__.co_freevars
    closure = {name: cell.cell_contents for name, cell in zip(names, function.__closure__ or (), strict=True)}
    if "declared" in closure:
        yield closure["declared"].name
    elif "name" in closure:
        yield f"agent.{closure['name']}"
