"""`chargehand agents`: what can be started, what it looks like, what it may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from chargehand.agents.lint_model import Report as LintReport
from chargehand.agents.views import Agent, AgentSummary, Graph
from chargehand.cli import agents_cases, agents_dev
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.graph import draw
from chargehand.cli.show import Json, clean, err, facts, json_out, out, table

app = typer.Typer(no_args_is_help=True, help="List and check agents, see their graph and tools, make new ones.")

AgentName = Annotated[str, typer.Argument(help="Name, e.g. complaint-resolution.")]


@app.command("list")
def list_agents(as_json: Json = False) -> None:
    """Agents of this installation."""
    with Api() as api:
        found = api.get(list[AgentSummary], "/agents")
    if as_json:
        json_out(found)
        return
    rows = [
        (
            f"[bold]{clean(one.name)}[/]" + ("  [red]frozen[/]" if one.frozen else ""),
            clean(one.description),
            clean(one.owner),
            clean(one.version),
            "perhaps" if one.may_ask_people else "no",
        )
        for one in found
    ]
    table(("Agent", "What it does", "Owner", "Version", "Asks people"), rows, empty="No agents are installed.")


@app.command("show")
def show(agent: AgentName, as_json: Json = False) -> None:
    """One agent: what it takes, what it may do, who may have to approve what."""
    with Api() as api:
        found = api.get(Agent, f"/agents/{agent}")
    if as_json:
        json_out(found)
        return
    facts(
        [
            ("Agent", f"[bold]{clean(found.title)}[/]  [dim]{clean(found.name)} {clean(found.version)}[/]"),
            ("What it does", clean(found.description)),
            ("Owner", clean(found.owner)),
        ]
    )
    out.print("\n[bold]Input[/]")
    required = set(found.input_schema.get("required", ()))
    rows = [
        (
            clean(name) + ("" if name in required else " [dim](optional)[/]"),
            clean(field.get("type") or field.get("title") or ""),
            clean(field.get("description") or ""),
        )
        for name, field in found.input_schema.get("properties", {}).items()
    ]
    table(("Field", "Type", "Meaning"), rows, empty="It takes no input.")
    out.print("\n[bold]Tools[/]")
    rows = [
        (
            clean(tool.name),
            tool.effect,
            ", ".join(tool.possible),
            clean("; ".join(approvers.sentence for approvers in tool.approvers)),
        )
        for tool in found.tools
    ]
    table(("Tool", "Effect", "Policy may say", "Who may have to approve"), rows, empty="It uses no tools.")


@app.command("graph")
def graph(
    agent: AgentName,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File: .svg, .mmd (Mermaid) or .json.")] = None,
    mermaid: Annotated[bool, typer.Option(help="Print Mermaid text.")] = False,
    as_json: Json = False,
) -> None:
    """Draw an agent's graph: in the terminal, as SVG, or as Mermaid. Works without the API running."""
    found = local_graph(agent)
    if output is not None:
        output.write_text(_rendered(found, output), "utf-8")
        err.print(f"[green]✓[/] {clean(output)}")
    elif as_json:
        json_out(found)
    elif mermaid:
        out.print(found.mermaid, markup=False)
    else:
        out.print(draw(found))


@app.command("lint")
def lint(
    agent: Annotated[str, typer.Argument(help="Name, e.g. complaint-resolution; default: every agent here.")] = "",
    as_json: Json = False,
) -> None:
    """Check graph and source before anything runs. Works without the API. Ends with 1 when something is found."""
    from chargehand.agents.catalog import discover_agents
    from chargehand.agents.lint import lint as check

    catalog = discover_agents()
    reports = [check(one) for one in ([catalog.find(agent)] if agent else catalog.values())]
    if as_json:
        json_out(reports)
    else:
        for report in reports:
            say_lint(report)
    if any(report.findings for report in reports):
        raise typer.Exit(NOT_DONE)


app.command("record")(agents_cases.record)
app.command("evaluate")(agents_cases.evaluate)
app.command("compare")(agents_cases.compare)
app.command("dev")(agents_dev.dev)


@app.command("new")
def new(name: Annotated[str, typer.Argument(help="Name, e.g. order-answer.")], as_json: Json = False) -> None:
    """Add an agent to the project in this folder: graph, test, README, rules and expected decisions."""
    from chargehand.cli.init import say_written
    from chargehand.cli.scaffold import find_project, new_agent

    project = find_project(Path.cwd())
    say_written(new_agent(project, name), project.folder, as_json=as_json)


def say_lint(report: LintReport) -> None:
    """A report for people."""
    for one in report.findings:
        at = f" [dim]{clean(one.node)}[/]" if one.node else ""
        out.print(f"[red]✗[/] {clean(one.place)}: [bold]{one.rule}[/]{at}\n  {clean(one.wrong)} {clean(one.way_out)}")
    for one in report.allowed:
        out.print(f"[dim]· {clean(one.place)}: {one.rule} is allowed by a comment.[/]")
    for doubt in report.not_checked:
        out.print(f"[yellow]?[/] {clean(doubt)}")
    count = len(report.findings)
    said = f"[red]✗[/] {clean(report.agent)}: {count} found." if count else f"[green]✓[/] {clean(report.agent)}: clean."
    out.print(said)


def _rendered(found: Graph, output: Path) -> str:
    match output.suffix:
        case ".svg":
            from chargehand.agents.picture import svg

            return svg(found)
        case ".mmd" | ".mermaid":
            return found.mermaid
        case ".json":
            return json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"
        case other:
            raise CommandFailed(
                f"A graph can't be written as {other or 'a file without an ending'}.",
                code=USAGE,
                way_out="Use .svg, .mmd or .json.",
            )


def local_graph(agent: str) -> Graph:
    """The graph of an installed agent. Raises NotFound that lists those there are."""
    from chargehand.agents.catalog import discover_agents
    from chargehand.agents.show import graph_of

    return graph_of(discover_agents().find(agent))
