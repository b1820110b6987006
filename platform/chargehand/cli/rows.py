"""A CSV file as the inputs of many runs: its header names the fields, an empty cell leaves one out."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from chargehand.agents.views import Agent
from chargehand.cli.client import Api
from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.cli.show import clean, err, json_out, out
from chargehand.runs.model import ENDED
from chargehand.runs.views import MAX_ROWS, BatchView, RowsChecked, StartedRows

DELIMITERS = ",;\t"
YES, NO = {"true", "yes", "1"}, {"false", "no", "0"}


def start_rows(agent: str, file: Path, key: str, *, check: bool, follow: bool, as_json: bool) -> None:
    """The file itself makes the key unless one is given: starting it again starts nothing twice."""
    with Api() as api:
        schema = api.get(Agent, f"/agents/{agent}").input_schema
        rows, lines, made = read_rows(file, schema)
        key = key or made
        body = {"agent": agent, "rows": rows, "key": key}
        found = api.post(RowsChecked, "/runs/check", body)
        if found.problems:
            for one in found.problems:
                err.print(f"[red]✗[/] line {lines[one.row]}  [bold]{clean(one.field)}[/]  {clean(one.detail)}")
            count = len({one.row for one in found.problems})
            raise CommandFailed(
                f"{count} of {found.rows} rows have problems; nothing was started.",
                code=USAGE,
                way_out="Mend the file.",
            )
        if check:
            out.print(f"[green]✓[/] {found.rows} rows fit.")
            return
        started = api.post(StartedRows, "/runs/batch", body)
        err.print(
            f"[green]✓[/] {len(started.runs)} runs. [dim]The same file starts them once; --key starts it anew.[/]"
        )
        if follow:
            _follow_rows(api, key)
    if as_json:
        json_out(started)
        return
    for line, run in zip(lines, started.runs, strict=True):
        out.print(f"[dim]line {line}[/]  {run}")


def _follow_rows(api: Api, key: str) -> None:
    """Say how far they are until all have ended."""
    said = ""
    while True:
        found = api.get(BatchView, "/runs/batch", key=key)
        now = ", ".join(f"{count} {name}" for name, count in sorted(found.by_state.items()))
        if now != said:
            err.print(f"[dim]{now}[/]")
            said = now
        if set(found.by_state) <= ENDED:
            return
        time.sleep(1)


def read_rows(file: Path, schema: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[int], str]:
    """Inputs as the schema wants them, the line of the file that each ends on (from 1), and a key made of the file.

    A cell that can't be what the schema says stays text: the check says so, by row and field.

    Raises:
        CommandFailed (2): the file can't be read, has no header, or has too many rows.
    """
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CommandFailed(f"{file} can't be read: {reason}.", code=USAGE, way_out="Save it as CSV, UTF-8.") from None
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    properties: Mapping[str, Any] = schema.get("properties", {})
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        for cells in cast("Any", reader):
            row = {
                str(name).strip(): _value(cell, properties.get(str(name).strip(), {}))
                for name, cell in cast("dict[str | None, Any]", cells).items()
                if cell not in (None, "")
            }
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise CommandFailed(f"{file}:{reader.line_num}: this is no CSV: {error}.", code=USAGE) from None
    if not rows:
        raise CommandFailed(f"{file} has no rows below its header.", code=USAGE, way_out="The first line names fields.")
    if len(rows) > MAX_ROWS:
        raise CommandFailed(f"{file} has {len(rows)} rows, at most {MAX_ROWS} start at once.", code=USAGE)
    return rows, lines, f"rows-{sha256(raw).hexdigest()[:24]}"


def _value(cell: Any, schema: Mapping[str, Any]) -> Any:
    """The cell as the field's schema wants it, if it can be that; else the text."""
    if not isinstance(cell, str):  # more cells than fields
        return cell
    kinds = _kinds(schema)
    text = cell.strip()
    if "string" in kinds or not kinds:
        return cell
    if "integer" in kinds and text.lstrip("-").isdecimal():
        return int(text)
    if "boolean" in kinds and text.lower() in YES | NO:
        return text.lower() in YES
    if kinds & {"number", "array", "object"}:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return cell
    return cell


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a field may have; empty if its schema says nothing of them."""
    kind: Any = schema.get("type")
    found = {kind} if isinstance(kind, str) else set(cast("list[str]", kind or []))
    for one in cast("list[Mapping[str, Any]]", schema.get("anyOf") or schema.get("oneOf") or []):
        found |= _kinds(one)
    return found
