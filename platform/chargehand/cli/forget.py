"""`chargehand log erase, hold, holds, lift, retire`: what the action log forgets, and what it must not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from chargehand.audit.views import Erasure, HoldView, Retirement
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out, table, when

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the log.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def erase(
    subject: Annotated[str, typer.Argument(help="Whom, e.g. 'customer:li wei'; 'run:run_…' for one run.")],
    reason: Reason,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a person: keys, working copies, opened exports, histories. It can't be undone; proofs stay valid."""
    _sure(yes, f"Erase {subject} for good?")
    with Api() as api:
        found = api.post(Erasure, "/log/erasures", {"subject": subject, "reason": reason})
    if as_json:
        json_out(found)
        return
    out.print(
        f"[green]✓[/] {found.keys} keys destroyed, {len(found.runs)} runs emptied, {found.exports} exports removed"
    )
    if found.left:
        rows = [(clean(one.place), clean(one.id)) for one in found.left]
        table(("The name still stands in", "Id"), rows, empty="")
        err.print("[dim]These belong to no run of that person: look at them.[/]")


def hold(
    what: Annotated[str, typer.Argument(metavar="FILTER", help="Filter; what matches is kept.")],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Keep records for the law, whatever their age, until the hold is lifted."""
    with Api() as api:
        found = api.post(HoldView, "/log/holds", {"query": what, "reason": reason})
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] {clean(found.id)} keeps {clean(found.query or 'everything')}")


def holds(as_json: Json = False) -> None:
    """The legal holds in force."""
    with Api() as api:
        found = api.get(list[HoldView], "/log/holds")
    _show(found, as_json)


def lift(hold: Annotated[str, typer.Argument(help="Id of the hold.")], reason: Reason, as_json: Json = False) -> None:
    """End a hold; shows those that are left."""
    with Api() as api:
        found = api.post(list[HoldView], f"/log/holds/{hold}/lift", {"reason": reason})
    _show(found, as_json)


def retire(
    before: Annotated[str, typer.Argument(help="A day or time with its zone, e.g. 2024-01-01T00:00:00Z.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Drop the content of signed records older than that, unless a hold keeps them. Hashes and proofs stay."""
    try:
        at = datetime.fromisoformat(before)
    except ValueError:
        raise CommandFailed(f"{before!r} is no time.", code=USAGE, way_out="E.g. 2024-01-01T00:00:00Z.") from None
    if at.tzinfo is None:
        raise CommandFailed(f"{before!r} has no zone.", code=USAGE, way_out=f"E.g. {at.isoformat()}Z.")
    _sure(yes, f"Drop the content of every record before {at.isoformat()}?")
    with Api() as api:
        found = api.post(Retirement, "/log/retirements", {"before": at.isoformat()})
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] {found.records} records retired")


def add_to(app: typer.Typer) -> None:
    """Put the commands into `chargehand log`."""
    for name, command in (("erase", erase), ("hold", hold), ("holds", holds), ("lift", lift), ("retire", retire)):
        app.command(name)(command)


def _show(found: list[HoldView], as_json: bool) -> None:
    if as_json:
        json_out(found)
        return
    rows = [(clean(h.id), clean(h.query), clean(h.reason), clean(h.placed_by), when(h.placed_at)) for h in found]
    table(("Hold", "Keeps", "Why", "By", "Since"), rows, empty="No hold is in force.")


def _sure(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise CommandFailed("Nothing was changed.", code=NOT_DONE)
