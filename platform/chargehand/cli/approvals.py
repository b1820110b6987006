"""`chargehand approvals`: what agents want to do and may not do alone."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer

from chargehand.approvals.views import Approval, ApprovalPage, ApprovalSummary
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, CommandFailed
from chargehand.cli.run import pairs_of
from chargehand.cli.show import Json, clean, entries, err, facts, json_out, left, out, state, when

app = typer.Typer(no_args_is_help=True, help="See what waits for a decision; approve or deny it.")

ApprovalId = Annotated[str, typer.Argument(help="Approval id, e.g. apr_01…")]
Comment = Annotated[str, typer.Option("--comment", "-c", help="Why; it stands in the action log.")]
Digest = Annotated[str, typer.Option(help="What you saw (from `show`); without it you are shown and asked.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask; decide on what stands there now.")]

RISKS = {"low": "[green]low[/]", "medium": "[yellow]medium[/]", "high": "[bold red]high[/]"}
SIGNALS = {"ok": "[green]✓[/]", "medium": "[yellow]![/]", "high": "[bold red]‼[/]"}


@app.command("list")
def list_approvals(
    which: Annotated[str, typer.Option("--state", help="pending, closed or all.")] = "pending",
    mine: Annotated[bool, typer.Option(help="Only those that you may answer.")] = False,
    as_json: Json = False,
) -> None:
    """What waits for a decision, newest first."""
    with Api() as api:
        page = api.get(ApprovalPage, "/approvals", state=which, mine=mine or None)
    if as_json:
        json_out(page)
        return
    entries(map(_entry, page.items), empty="Nothing waits for a decision.")


def _entry(one: ApprovalSummary) -> tuple[list[str], list[str]]:
    """What identifies it and presses; what would run; who asks and who may answer."""
    pending = one.state == "pending"
    needs = ", ".join(f"{clean(q.role)} {q.given}/{q.needed}" for q in one.quorums)
    people = [
        f"asked by {clean(one.requester_name)}",
        f"needs {needs}" if pending and needs else "",
        _mine(one),
    ]
    first = [
        one.id,
        state(one.state),
        f"{RISKS[one.risk]} risk",
        f"time left: {left(one.expires_at)}" if pending else "",
    ]
    return first, [f"[bold]{clean(one.sentence)}[/]", " [dim]·[/] ".join(filter(None, people))]


def _mine(one: ApprovalSummary) -> str:
    if one.i_may_only_deny:
        return "[yellow]you may only deny[/]"
    return "[green]you may answer[/]" if one.i_may_answer else ""


@app.command("show")
def show(approval: ApprovalId, as_json: Json = False) -> None:
    """Exactly what will run, why policy asks, what was decided before."""
    with Api() as api:
        found = api.get(Approval, f"/approvals/{approval}")
    if as_json:
        json_out(found)
        return
    _print(found)


def _print(found: Approval) -> None:
    out.print(f"\n[bold]{clean(found.sentence)}[/]   {state(found.state)}\n")
    facts(
        [
            ("Tool", f"{clean(found.tool)} [dim]({found.effect})[/]"),
            *(
                (clean(arg.label), f"[bold]{clean(arg.text)}[/]" if arg.emphasis else clean(arg.text))
                for arg in found.arguments
            ),
            ("Risk", RISKS[found.risk]),
            ("Asked by", f"{clean(found.requester_name)}, through {clean(found.agent)}"),
            ("Needs", ", ".join(f"{clean(q.role)} {q.given} of {q.needed}" for q in found.quorums)),
            ("Until", f"{when(found.expires_at)} ({left(found.expires_at)})" if found.state == "pending" else ""),
            ("Run", found.run),
            ("Digest", f"[dim]{found.digest}[/]"),
        ]
    )
    for why in found.why:
        out.print(f"[yellow]Why:[/] {clean(why.sentence)} [dim]{clean(why.fact)} {clean(why.rule)}[/]")
    for signal in found.signals:
        out.print(f"{SIGNALS[signal.level]} {clean(signal.sentence)}")
    earlier = found.earlier
    if earlier.approved or earlier.rejected:
        out.print(f"[dim]Before, like this: {earlier.approved} approved, {earlier.rejected} denied.[/]")
    for line, text in (("If approved", found.on_approve), ("If denied", found.on_deny)):
        if text:
            out.print(f"[dim]{line}:[/] {clean(text)}")
    for verdict in found.verdicts:
        word = "[green]approved[/]" if verdict.approve else "[red]denied[/]"
        out.print(f"{when(verdict.at)}  {clean(verdict.name)} {word} {clean(verdict.comment)}")
        for other in verdict.instead:
            out.print(f"    [dim]suggests[/] {clean(other.label)}: {clean(other.text)}")
    if found.why_not:
        out.print(f"[dim]{clean(found.why_not)}[/]")


@app.command("approve")
def approve(
    approval: ApprovalId, comment: Comment = "", digest: Digest = "", yes: Yes = False, as_json: Json = False
) -> None:
    """Approve exactly what has the digest. It can't be undone."""
    _answer(approval, "approve", comment, digest, yes=yes, as_json=as_json)


@app.command("deny")
def deny(
    approval: ApprovalId,
    comment: Comment = "",
    instead: Annotated[
        list[str] | None, typer.Option("--instead", help="name=value: suggest another argument to the agent; repeat.")
    ] = None,
    digest: Digest = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deny it: the call will not run, and the agent is told why. What you suggest instead is decided afresh."""
    _answer(approval, "deny", comment, digest, yes=yes, as_json=as_json, instead=pairs_of(instead or [], "--instead"))


def _answer(
    approval: str,
    verb: Literal["approve", "deny"],
    comment: str,
    digest: str,
    *,
    yes: bool,
    as_json: bool,
    instead: dict[str, Any] | None = None,
) -> None:
    with Api() as api:
        found = api.get(Approval, f"/approvals/{approval}")
        if not digest:
            digest = found.digest
            if not yes:
                _print(found)
                if not typer.confirm(f"\n{verb.capitalize()}: {found.sentence}?", err=True):
                    raise CommandFailed("Nothing was decided.", code=NOT_DONE)
        body: dict[str, Any] = {"approve": verb == "approve", "digest": digest, "comment": comment}
        if instead:
            body["instead"] = json.loads(found.exact)["arguments"] | instead
        found = api.post(Approval, f"/approvals/{approval}/verdict", body)
    if as_json:
        json_out(found)
        return
    out.print(f"{state(found.state)}  {clean(found.sentence)}")
    if found.state == "pending":
        missing = [f"{q.needed - q.given} × {clean(q.role)}" for q in found.quorums if q.given < q.needed]
        err.print(f"[dim]Still needed: {', '.join(missing)}.[/]")


@app.command("withdraw")
def withdraw(
    approval: ApprovalId, reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")], as_json: Json = False
) -> None:
    """Take back a request that you caused."""
    with Api() as api:
        found = api.post(Approval, f"/approvals/{approval}/withdraw", {"reason": reason})
    if as_json:
        json_out(found)
        return
    out.print(f"{state(found.state)}  {clean(found.sentence)}")
