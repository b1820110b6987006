"""`chargehand agents lint`: what can be said about an agent before it runs, from its graph and its source.

Eight rules; each finding names node, file and line, and the way out. Nothing of the agent is run. A line that ends in
`# chargehand: allow(rule) why` keeps a finding of that rule out; without a why it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from chargehand.agents import lint_determinism, lint_loops, lint_memory, lint_refusals, lint_tools
from chargehand.agents.lint_model import Finding, Report
from chargehand.agents.lint_nodes import Level, Survey
from chargehand.agents.lint_source import Reader
from chargehand.agents.model import AgentSpec

_ALLOWED = re.compile(r"#\s*chargehand:\s*allow\(([a-z-]+)\)\s*(\S.*)$")


def lint(spec: AgentSpec) -> Report:
    """Check one agent. Findings are sorted by file and line."""
    reader = Reader(spec.module)
    level = Survey(reader).level(spec.compiled)
    not_checked = [f"{name}: its source can't be read." for name in dict.fromkeys(reader.unreadable)]
    found = sorted(_all(level, spec, reader, not_checked), key=lambda one: (one.file, one.line, one.rule))
    allowed = [one for one in found if _is_allowed(one)]
    return Report(
        agent=spec.name,
        findings=[_shown(one) for one in found if one not in allowed],
        allowed=[_shown(one) for one in allowed],
        not_checked=not_checked,
    )


def _all(level: Level, spec: AgentSpec, reader: Reader, not_checked: list[str]) -> Iterator[Finding]:
    yield from lint_loops.check(level, spec)
    yield from lint_refusals.check(level, spec, reader)
    yield from lint_determinism.check(level)
    yield from lint_memory.check(level)
    yield from lint_tools.check(level, spec, not_checked)


def _is_allowed(finding: Finding) -> bool:
    try:
        line = Path(finding.file).read_text("utf-8").splitlines()[finding.line - 1] if finding.line else ""
    except (OSError, IndexError):
        return False
    found = _ALLOWED.search(line)
    return bool(found and found[1] == finding.rule)


def _shown(finding: Finding) -> Finding:
    """With the file as people would type it here."""
    path, here = Path(finding.file), Path.cwd()
    return finding.model_copy(update={"file": str(path.relative_to(here))}) if path.is_relative_to(here) else finding
