"""Breaks one guard at a time in a throw-away copy of the tree, and wants the named tests to go red.

    python tests/mutants/runner.py [--jobs N] [--part K/N] [NAME …]   every guard, or those named (`grant.`: a prefix)

First the unbroken copy must pass the named tests: without that control a red test would say nothing. A mutant
counts as killed when a test fails, not when it can't be set up. Exit code 1: one survived, or its control failed.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import multiprocessing
import os
import py_compile
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
PACKAGE = Path("platform/chargehand")
COPIED = ("platform", "connectors", "workflows", "policies", "tests", "docs", "benchmarks", "pyproject.toml")
TEST_SECONDS = 60
IGNORED = shutil.ignore_patterns("__pycache__", "node_modules", "*.pyc")


def source(guard: Guard) -> str:
    """The code that the guard stands in, as it is now."""
    return (ROOT / PACKAGE / guard.file).read_text(encoding="utf-8")


def broken(guard: Guard) -> str:
    """The file with the guard broken.

    Raises:
        ValueError: the guard's text does not stand there exactly once, or what comes out is no Python.
    """
    text = source(guard)
    count = text.count(guard.text)
    if count != 1:
        raise ValueError(f"{guard.id}: its text stands {count} times in {guard.file}, not once: {guard.text!r}")
    mutant = text.replace(guard.text, guard.instead)
    try:
        ast.parse(mutant)
    except SyntaxError as error:
        raise ValueError(f"{guard.id}: broken like that, {guard.file} is no Python: {error}") from None
    return mutant


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """A copy in which code may be broken; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="chargehand-mutants-") as made:
        folder = Path(made)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=IGNORED)
            else:
                shutil.copy2(ROOT / name, folder / name)
        # Bytecode that is checked against its source's hash: a mutant and its cure may be of one second and one size.
        compileall.compile_dir(
            folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH, maxlevels=30
        )
        yield folder


def run(tree: Path, tests: Sequence[str], *, to_the_end: bool = False) -> tuple[set[str], int, str]:
    """(tests that did not pass, how many ran, the end of what was said) in a copy; stops at the first failure."""
    report, said = tree / "report.xml", tree / "said.txt"
    report.unlink(missing_ok=True)
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--timeout={TEST_SECONDS}"]
    # What was imported before pytest can't be rewritten, and need not be.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += [f"--junit-xml={report}", *(() if to_the_end else ("-x",)), *(f"tests/{test}" for test in tests)]
    process = SERVER.Process(target=_pytest, args=(str(tree), arguments, str(said)))
    process.start()
    process.join()
    words = said.read_text(encoding="utf-8", errors="replace")[-3000:] if said.exists() else ""
    if process.exitcode not in (0, 1) or not report.exists():
        return set(), 0, words
    cases = list(ET.parse(report).getroot().iter("testcase"))
    bad = {_test_of(case) for case in cases if case.find("failure") is not None}
    if to_the_end:
        bad |= {_test_of(case) for case in cases if case.find("error") is not None or case.find("skipped") is not None}
    return bad, len(cases), words


SERVER = multiprocessing.get_context("forkserver")
# Imported once, and inherited by every run. Nothing of ours: that comes from the copy.
SERVER.set_forkserver_preload(
    ["pytest", "sqlmodel", "fastapi", "temporalio.client", "langchain.agents", "mcp.client", "casbin"]
)


def _pytest(tree: str, arguments: list[str], said: str) -> None:
    """Run pytest in a process of its own that sees the copy, as the children that tests start do."""
    os.chdir(tree)
    ours = [f"{tree}/{name}" for name in ("platform", "connectors", "workflows")]
    sys.path[:] = [*ours, *(entry for entry in sys.path if not entry.startswith(str(ROOT)) or "site-packages" in entry)]
    os.environ |= {"PYTHONPATH": os.pathsep.join(ours), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    words = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(words, 1)
    os.dup2(words, 2)
    import pytest

    code = pytest.main(arguments)
    sys.stdout.flush()
    os._exit(code)


def _test_of(case: ET.Element) -> str:
    """As the table names it, without parameters."""
    file = "/".join(case.get("classname", "").split(".")[1:])
    return f"{file}.py::{case.get('name', '').partition('[')[0]}"


def killed(tree: Path, guard: Guard) -> tuple[bool, str]:
    """Whether one of the guard's tests fails without it, and what was said."""
    file = tree / PACKAGE / guard.file
    kept = file.read_text(encoding="utf-8")
    file.write_text(broken(guard), encoding="utf-8")
    try:
        failed, _, said = run(tree, guard.tests)
    finally:
        file.write_text(kept, encoding="utf-8")
    return bool(failed), said


def control(tree: Path, guards: Sequence[Guard]) -> dict[str, str]:
    """Guards of which a test does not pass even in the unbroken copy, with what was said."""
    tests = sorted({test for guard in guards for test in guard.tests})
    bad, ran, said = run(tree, tests, to_the_end=True)
    if not ran:
        return {guard.id: said for guard in guards}
    return {guard.id: said for guard in guards if any(test.startswith(tuple(_names(guard))) for test in bad)}


def _names(guard: Guard) -> Iterator[str]:
    for test in guard.tests:
        yield test.partition("[")[0]


def survivors(guards: Sequence[Guard], jobs: int = 1) -> dict[str, str]:
    """Guards whose absence no test notices, or whose tests fail anyway, with what they said; prints as it goes."""
    trees: Queue[Path] = Queue()
    found: dict[str, str] = {}

    def judge(guard: Guard) -> None:
        tree = trees.get()
        began = time.monotonic()
        try:
            dead, said = killed(tree, guard)
        finally:
            trees.put(tree)
        print(f"{'killed  ' if dead else 'SURVIVED'} {guard.id:24} {time.monotonic() - began:5.1f} s", flush=True)
        if not dead:
            found[guard.id] = said

    with copy_of_the_tree() as first:
        trees.put(first)
        found |= control(first, guards)
        print(f"control: with every guard in place, the tests of {len(guards) - len(found)} pass", flush=True)
        for name in found:
            print(f"NO CONTROL {name}", flush=True)
        for number in range(1, jobs):
            other = first / f"copy-{number}"
            shutil.copytree(first, other, ignore=shutil.ignore_patterns("copy-*"))
            trees.put(other)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(judge, [guard for guard in guards if guard.id not in found]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="guards, or the beginnings of their names")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--part", default="1/1", help="K/N: every Nth guard, beginning with the Kth")
    options = parser.parse_args()
    part, parts = (int(number) for number in options.part.split("/"))
    chosen = [guard for guard in GUARDS if not options.names or guard.id.startswith(tuple(options.names))]
    chosen = chosen[part - 1 :: parts]
    found = survivors(chosen, options.jobs)
    for name, said in found.items():
        print(f"\n==== {name}\n{said[-1200:]}")
    print(f"\n{len(chosen) - len(found)} of {len(chosen)} mutants died.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
