"""Writes docs/promises.md from the table of guards: promise, guard, test, mutant.

python tests/mutants/promises.py
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.guards import GUARDS, PROMISES, Guard

PAGE = Path(__file__).parents[2] / "docs" / "promises.md"

HEAD = """\
# What is promised, what guards it, what shows it

Each line is a guard in the code. `make mutants` takes them away one at a time, in a copy, and fails if the tests named
here stay green without one (`tests/mutants/guards.py` holds the exact text and its mutation). `make test` breaks a few
each day, and checks that every guard's text still stands in the code exactly once. This page is written by
`python tests/mutants/promises.py`; a test compares.

What no single guard carries is shown by exploration and by force: `tests/crash/gateway` runs every schedule of faults
over the real gateway, with 14 broken gateways that it must find out, and kills real processes;
`tests/behaviour/gateway/test_mutations.py` makes more than 10,000 changes between approval and execution;
`test_evil_model.py` emits what a hostile model could.
"""


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for name, promise in PROMISES.items():
        rows = "\n".join(_row(guard) for guard in GUARDS if guard.promise == name)
        parts.append(f"## {promise}\n\n| guard | in | shown by | mutant |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(guard: Guard) -> str:
    tests = ", ".join(dict.fromkeys(_short(test) for test in guard.tests))
    return f"| {guard.says} | `{guard.file}` | {tests} | `{guard.id}` |"


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return f"`{Path(file).name}::{name}`" if name else f"`{file}`"


if __name__ == "__main__":
    PAGE.write_text(page())
