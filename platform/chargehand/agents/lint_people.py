"""Where author code asks a person."""

from __future__ import annotations

import ast
from typing import Any

from langgraph.types import interrupt

from chargehand.agents.leaves import ask_person
from chargehand.agents.lint_source import Source


def asks_person(source: Source, within: ast.AST | list[ast.stmt] | None = None) -> bool:
    """Whether the function, or a part of it, calls `ask_person` or `interrupt` itself."""
    parts = within if isinstance(within, list) else [within or source.tree]
    return any(
        is_asking(source.resolve(node.func)) for part in parts for node in ast.walk(part) if isinstance(node, ast.Call)
    )


def is_asking(called: Any) -> bool:
    return called is ask_person or called is interrupt
