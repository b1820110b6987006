"""`chargehand init`: a project of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargehand.cli.scaffold import check_name, find_project, new_agent, new_project
from chargehand.cli.show import Json, clean, json_out, out


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project; its name becomes the package's.")],
    agent: Annotated[str, typer.Option(help="Name of its first agent.")] = "order-answer",
    as_json: Json = False,
) -> None:
    """Make a project with an agent, its test, and policies. Overwrites nothing."""
    check_name(agent, "An agent")
    written = new_project(folder)
    written = list(dict.fromkeys([*written, *new_agent(find_project(folder), agent)]))
    say_written(written, folder, as_json=as_json)
    if not as_json:
        out.print(clean(f"Next: cd {folder} && pip install -e '.[dev]' && pytest && chargehand agents dev"))


def say_written(files: list[Path], folder: Path, *, as_json: bool) -> None:
    """What was written, for people or programs."""
    if as_json:
        json_out({"files": [str(file) for file in files]})
        return
    for file in files:
        shown = file.relative_to(folder) if file.is_relative_to(folder) else file
        out.print(f"[green]✓[/] {clean(shown)}")
