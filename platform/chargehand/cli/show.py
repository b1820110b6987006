"""What commands print: results to standard output, what happens meanwhile to standard error.

Text that came from outside (arguments, results, names) is escaped, so that it can't pose as markup or move the cursor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from chargehand import clock
from chargehand.cli.client import as_json

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

STYLES = {
    "succeeded": "green", "approved": "green", "allow": "green", "up": "green", "pinned": "green", "active": "green",
    "failed": "magenta", "in_doubt": "magenta", "down": "magenta", "changed": "yellow", "unpinned": "yellow",
    "denied": "red", "deny": "red", "rejected": "red", "expired": "red", "stopped": "red",
    "waiting": "yellow", "pending": "yellow", "ask": "yellow", "running": "blue", "starting": "blue",
    "paused": "yellow",
}  # fmt: skip
SIGNS = {
    "succeeded": "✓", "approved": "✓", "allow": "✓", "pinned": "✓", "up": "✓",
    "failed": "✗", "denied": "✗", "deny": "✗", "rejected": "✗", "expired": "✗", "down": "✗",
    "in_doubt": "?", "waiting": "…", "pending": "…", "ask": "…", "running": "▶", "starting": "▶", "stopped": "■",
    "paused": "‖",
}  # fmt: skip

INDENT = "  "


def json_out(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(as_json(value), ensure_ascii=False, indent=2) + "\n")


def clean(value: object) -> str:
    """Text from outside: printable, and without markup."""
    text = "".join(character if character.isprintable() else "�" for character in str(value))
    return escape(text)


def state(name: str) -> str:
    """A state as sign, word and colour."""
    style = STYLES.get(name, "dim")
    return f"[{style}]{SIGNS.get(name, '·')} {clean(name.replace('_', ' '))}[/]"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A plain table; cells are markup (pass text from outside through `clean`)."""
    found = Table(box=None, padding=(0, 2, 0, 0), header_style="bold dim")
    for index, column in enumerate(columns):  # the first names the row and must survive being copied; a state, reading
        found.add_column(column, overflow="fold", no_wrap=index == 0 or column == "State")
    count = 0
    for row in rows:
        found.add_row(*row)
        count += 1
    out.print(found if count else f"[dim]{empty}[/]")


def entries(found: Iterable[tuple[Sequence[str], Sequence[str]]], *, empty: str) -> None:
    """What needs more room than a row: each with a first line and those below it, wrapped to the width that there is.

    The first line begins with what names the entry, so that it survives being copied. Parts are markup; empty ones are
    left out.
    """
    count = 0
    for first, below in found:
        if count:
            out.print()
        out.print("  ".join(filter(None, first)))
        for line in filter(None, below):
            for part in Text.from_markup(line).wrap(out, out.width - len(INDENT)):
                part.rstrip()  # nothing is copied that is not there
                out.print(Text.assemble(INDENT, part))
        count += 1
    if not count:
        out.print(f"[dim]{empty}[/]")


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Name and value, one a line, without empty ones; values are markup."""
    found = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    found.add_column(style="dim")
    found.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            found.add_row(name, value)
    out.print(found)


def when(at: datetime | None) -> str:
    """A time as people say it: today by the clock, else with its date."""
    if at is None:
        return ""
    local = at.astimezone()
    today = clock.now().astimezone().date()
    return local.strftime("%H:%M:%S") if local.date() == today else local.strftime("%Y-%m-%d %H:%M")


def left(until: datetime | None) -> str:
    """How long until then."""
    return "" if until is None else span(until - clock.now())


def span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 0:
        return "over"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def pretty(value: Any) -> str:
    """A JSON value on one line, or over several where it is long; safe to print."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > 100 and not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return "\n".join(clean(line) for line in text.splitlines())
