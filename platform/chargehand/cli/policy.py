"""`chargehand policy`: check it, ask it, and see what a change would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, NOT_VERIFIED, USAGE, CommandFailed
from chargehand.cli.run import plain
from chargehand.cli.show import Json, clean, err, facts, json_out, out, state, table, when
from chargehand.policy.views import (
    BacktestView,
    DecisionView,
    DraftSummary,
    DraftView,
    Explanation,
    PolicyOverview,
    RevisionView,
    SimulatedView,
    WhoCanView,
)
from chargehand.settings import settings

app = typer.Typer(no_args_is_help=True, help="Check the policy, ask it, and see what a change would do.")

ToolName = Annotated[str, typer.Argument(help="Tool, e.g. erp.create_credit_note.")]
As = Annotated[str, typer.Option("--as", help="Person or service, e.g. person:amy; default: you.")]
Agent = Annotated[str, typer.Option(help="Agent that acts for them, e.g. complaint-resolution.")]
Pairs = Annotated[list[str] | None, typer.Option("--arg", "-a", help="Argument as name=value; repeat.")]
DraftId = Annotated[str, typer.Argument(help="Draft id; `policy drafts` lists them.")]


@app.command("check")
def check(
    folder: Annotated[Path | None, typer.Argument(help="The policies folder; default: the one in force.")] = None,
    as_json: Json = False,
) -> None:
    """Lint the files and run every expected decision in cases/. Works without the API. Ends with 4 if one differs."""
    from chargehand.agents.catalog import discover_agents
    from chargehand.agents.known import known_tools
    from chargehand.connectors.registry import load_connectors
    from chargehand.policy.cases import check as run_cases
    from chargehand.policy.compiling import load_policies

    place = folder or settings().policies
    if not place.is_dir():
        raise CommandFailed(f"There is no folder {place}.", code=USAGE, way_out="Name the policies folder.")
    snapshot = load_policies(place, known_tools(load_connectors(place), discover_agents().values()))
    found = [(tenant, run_cases(policy), policy.warnings) for tenant, policy in snapshot.tenants.items()]
    failed = sum(not result.passed for _, results, _ in found for result in results)
    if as_json:
        json_out(
            [
                {
                    "tenant": tenant,
                    "cases": [{"name": r.name, "place": r.place, "failed": list(r.failed)} for r in results],
                    "warnings": [str(warning) for warning in warnings],
                }
                for tenant, results, warnings in found
            ]
        )
    else:
        for tenant, results, warnings in found:
            for warning in warnings:
                out.print(f"[yellow]![/] {clean(warning)}")
            for result in results:
                for line in result.failed:
                    out.print(f"[red]✗[/] {clean(result.place)}: {clean(result.name)}: {clean(line)}")
            good = sum(result.passed for result in results)
            out.print(f"[green]✓[/] {clean(tenant)}: {good} of {len(results)} expected decisions hold.")
    if failed:
        raise CommandFailed(
            f"{failed} expected decisions are not met.", code=NOT_VERIFIED, way_out="Correct rules or cases."
        )


@app.command("show")
def show(as_json: Json = False) -> None:
    """What is in force, where it comes from, and whether the files on disk are the same."""
    with Api() as api:
        found = api.get(PolicyOverview, "/policy")
    if as_json:
        json_out(found)
        return
    since = "the files" if found.origin == "files" else "the database"
    facts(
        [
            ("In force", clean(found.revision)),
            ("Comes from", f"{since}: {clean(found.source)}"),
            ("On disk", _on_disk(found)),
            ("Rules", str(len(found.rules))),
            ("Roles", clean(", ".join(role.name for role in found.roles))),
            ("Attributes", clean(", ".join(found.attributes))),
            ("Warnings", str(len(found.warnings) or "")),
        ]
    )
    for warning in found.warnings:
        out.print(f"[yellow]![/] {clean(warning.where)}: {clean(warning.detail)}")


def _on_disk(found: PolicyOverview) -> str:
    if not found.differs_on_disk:
        return "[green]the same[/]"
    way_out = "restart to use them" if found.origin == "files" else "draft them to use them"
    return f"[yellow]differs in {clean(', '.join(found.differs_on_disk))}[/] ({way_out})"


@app.command("list")
def revisions(as_json: Json = False) -> None:
    """Revisions that were in force, newest first. None: nothing was activated yet, so the files are."""
    with Api() as api:
        found = api.get(list[RevisionView], "/policy/revisions")
        now = api.get(PolicyOverview, "/policy")
    if as_json:
        json_out(found)
        return
    rows = [
        (
            clean(one.revision[:23]),
            clean(one.title),
            clean(", ".join(one.authors)),
            clean(one.reviewed_by),
            clean(one.activated_by),
            when(one.activated_at),
            "[green]in force[/]" if one.in_force else ("rolled back to" if one.rolled_back else ""),
        )
        for one in found
    ]
    columns = ("Revision", "What", "By", "Reviewed by", "Activated by", "At", "")
    table(columns, rows, empty="Nothing was activated: the files are in force.")
    out.print(f"[dim]On disk:[/] {_on_disk(now)}")


@app.command("explain")
def explain(tool: ToolName, as_: As = "", agent: Agent = "", args: Pairs = None, as_json: Json = False) -> None:
    """What policy would answer, by which rules, and what would change it. Ends with 1 if it would be denied."""
    with Api() as api:
        found = api.post(Explanation, "/policy/explain", _question(api, tool, as_, agent, args))
    if as_json:
        json_out(found)
    else:
        _say(found.decision)
        for one in found.considered:
            if one.outcome != "applies":
                why = clean(one.because.get("en", ""))
                out.print(f"[dim]· {clean(one.rule.id)} {clean(one.outcome)}. {why}[/]")
        for change in found.would_change:
            out.print(f"[dim]→[/] {clean(change.sentences.get('en', ''))}")
    if found.decision.verdict == "deny":
        raise CommandFailed("It would be denied.", code=NOT_DONE)


def _say(decision: DecisionView) -> None:
    asked = f"  needs {clean(', '.join(decision.approval))}" if decision.approval else ""
    out.print(f"{state(decision.verdict)}{asked}  [dim]policy {clean(decision.policy_revision[:16])}[/]")
    for reason in decision.reasons:
        out.print(f"  {clean(reason.sentences.get('en', ''))} [dim]{clean(reason.rule)} · {clean(reason.principal)}[/]")


@app.command("who-can")
def who_can(tool: ToolName, args: Pairs = None, as_json: Json = False) -> None:
    """Everyone who may use a tool, with these arguments or with any."""
    body = {"tool": tool, "arguments": _arguments(args) if args else None}
    with Api() as api:
        found = api.post(list[WhoCanView], "/policy/who-can", body)
    if as_json:
        json_out(found)
        return
    rows = [
        (
            clean(one.name if one.name != one.principal else one.principal),
            clean(", ".join(one.roles)),
            state(one.verdict),
            clean(", ".join(one.approval)),
            f"{len(one.depends)} conditions" if one.depends else "",
        )
        for one in found
    ]
    table(("Who", "Roles", "May", "Needs", "Depending on"), rows, empty="Nobody may use it.")


@app.command("drafts")
def drafts(as_json: Json = False) -> None:
    """Proposed changes, newest first."""
    with Api() as api:
        found = api.get(list[DraftSummary], "/policy/drafts")
    if as_json:
        json_out(found)
        return
    rows = [(one.id, clean(one.title), clean(one.author), one.state, when(one.changed_at)) for one in found]
    table(("Draft", "What", "By", "State", "Changed"), rows, empty="No changes are proposed.")


@app.command("draft")
def draft(
    title: Annotated[str, typer.Argument(help="What changes, in a few words.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Changed files of the tenant's policy, e.g. rules.yaml.")
    ] = None,
    delete: Annotated[
        list[str] | None, typer.Option("--delete", help="File of the policy to delete, e.g. cases/old.yaml; repeat.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Propose a change. It is linted; a second person reviews and activates it in the console."""
    contents: dict[str, str | None] = dict.fromkeys(delete or ())
    for file in files or ():
        try:
            contents[f"cases/{file.name}" if file.parent.name == "cases" else file.name] = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(f"{file} can't be read: {error}", code=USAGE, way_out="Check the path.") from None
    if not contents:
        raise CommandFailed("Nothing changes.", code=USAGE, way_out="Name a file, or one to --delete.")
    with Api() as api:
        made = api.post(DraftView, "/policy/drafts", {"title": title, "reason": reason, "files": contents})
    if as_json:
        json_out(made)
        return
    out.print(f"[green]✓[/] {made.id}")
    err.print(f"[dim]See what it would do: chargehand policy backtest {made.id}[/]")


@app.command("simulate")
def simulate(
    draft: DraftId, tool: ToolName, as_: As = "", agent: Agent = "", args: Pairs = None, as_json: Json = False
) -> None:
    """One call decided now and under a draft, side by side."""
    with Api() as api:
        body = {"draft": draft, "questions": [_question(api, tool, as_, agent, args)]}
        found = api.post(list[SimulatedView], "/policy/simulate", body)
    if as_json:
        json_out(found)
        return
    for one in found:
        out.print("[bold]Now[/]")
        _say(one.now)
        out.print("[bold]Under the draft[/]")
        _say(one.candidate)
        out.print("[yellow]The answer changes.[/]" if one.flipped else "[green]The answer stays.[/]")


@app.command("backtest")
def backtest(
    draft: DraftId,
    last: Annotated[int, typer.Option(min=1, max=50_000, help="So many recorded calls.")] = 1000,
    as_json: Json = False,
) -> None:
    """Re-decide recorded calls under a draft and list every decision that flips."""
    with Api() as api, err.status("Deciding again …"):
        found = api.post(BacktestView, f"/policy/drafts/{draft}/backtest", {"last": last})
    if as_json:
        json_out(found)
        return
    rows = [
        (
            str(flip.seq),
            when(flip.at),
            clean(" → ".join(flip.chain)),
            clean(flip.tool),
            state(flip.before),
            state(flip.after.verdict),
        )
        for flip in found.flips
    ]
    table(("No.", "At", "Who", "Tool", "Then", "Under the draft"), rows, empty="No decision flips.")
    skipped = f", {found.skipped} skipped" if found.skipped else ""
    err.print(f"[dim]{found.decided} calls decided again in {found.milliseconds} ms{skipped}.[/]")


def _question(api: Api, tool: str, principal: str, agent: str, pairs: list[str] | None) -> dict[str, Any]:
    if not principal:
        from chargehand.identity.views import Me

        principal = api.get(Me, "/session").principal
    return {"tool": tool, "principal": principal, "agent": agent, "arguments": _arguments(pairs)}


def _arguments(pairs: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise CommandFailed(f"--arg {pair!r} is not name=value.", code=USAGE, way_out="e.g. --arg amount=1280.00")
        found[name] = plain(text)
    return found
