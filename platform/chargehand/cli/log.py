"""`chargehand log`: find out who did what, and take it with you."""

from __future__ import annotations

import getpass
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from chargehand.audit.views import CheckpointView, Export, FilterFieldView, RecordDetail, RecordPage
from chargehand.cli import forget
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, facts, json_out, out, pretty, state, table, when

app = typer.Typer(no_args_is_help=True, help="Query, show, export and verify the action log.")
forget.add_to(app)

POLL_SECONDS = 0.5
ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "ocsf": ".ocsf.jsonl", "evidence": ".zip"}


@app.command("query")
def query(
    what: Annotated[
        str, typer.Argument(metavar="FILTER", help="Filter, e.g. 'tool:erp.* decision:deny since:7d'; `log fields`.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many records.")] = 50,
    as_json: Json = False,
) -> None:
    """Records that match, newest first. With --json one record a line."""
    shown, cursor = 0, ""
    rows: list[tuple[str, ...]] = []
    with Api() as api:
        while shown < limit:
            page = api.get(RecordPage, "/log", q=what, cursor=cursor, limit=min(limit - shown, 500))
            for row in page.items:
                if as_json:
                    out.print(row.model_dump_json(), markup=False)
                else:
                    who = clean(row.principal) + (f" [dim]via {clean(row.agent)}[/]" if row.agent else "")
                    what = clean(row.tool or row.kind.replace("_", " "))
                    rows.append(
                        (str(row.seq), when(row.at), who, what, state(row.outcome or row.decision), clean(row.sentence))
                    )
            shown += len(page.items)
            if not page.next or not page.items:
                break
            cursor = page.next
    if not as_json:
        table(("No.", "At", "Who", "What", "How it ended", ""), rows, empty="Nothing matches.")


@app.command("fields")
def fields(as_json: Json = False) -> None:
    """What a filter can ask for."""
    with Api() as api:
        found = api.get(list[FilterFieldView], "/log/fields")
    if as_json:
        json_out(found)
        return
    rows = [(f"[bold]{clean(f.name)}[/]", clean(f.about), clean(", ".join(f.values))) for f in found]
    table(("Field", "Meaning", "Values"), rows, empty="None.")


@app.command("show")
def show(record: Annotated[str, typer.Argument(help="Number or id of the record.")], as_json: Json = False) -> None:
    """One record, whole, with the others of the same call."""
    with Api() as api:
        found = api.get(RecordDetail, f"/log/records/{record}")
    if as_json:
        json_out(found)
        return
    one = found.record
    chain = " → ".join(one.who.chain) or one.who.principal
    facts(
        [
            ("Record", f"[bold]{found.seq}[/]  {clean(one.kind)}  [dim]{clean(one.id)}[/]"),
            ("At", clean(one.at)),
            (
                "Who",
                clean(chain)
                + (f" [dim](signed in by {clean(one.who.signed_in_by)})[/]" if one.who.signed_in_by else ""),
            ),
            ("Agent", clean(f"{one.who.agent} {one.who.agent_version}".strip())),
            ("Run", clean(one.run)),
            ("Tool", clean(f"{one.tool} ({one.effect})") if one.tool else ""),
            ("Decision", f"{state(one.decision)} [dim]{clean(', '.join(one.rules))}[/]" if one.decision else ""),
            ("Policy", clean(one.policy_revision)),
            ("Approval", clean(one.approval)),
            ("Outcome", state(one.outcome) if one.outcome else ""),
            ("Digest", clean(one.digest)),
        ]
    )
    if one.arguments is not None:
        out.print(f"\n[bold]Arguments[/]\n{pretty(one.arguments)}")
    if one.detail:
        out.print(f"\n[bold]Detail[/]\n{pretty(one.detail)}")
    for row in found.related:
        if row.seq != found.seq:
            out.print(f"[dim]{row.seq}  {when(row.at)}  {clean(row.kind)}[/]  {state(row.outcome or row.decision)}")


@app.command("export")
def export(
    what: Annotated[str, typer.Argument(metavar="FILTER", help="Filter; empty: everything that you may read.")] = "",
    kind: Annotated[
        str, typer.Option("--format", help="csv, jsonl, parquet, ocsf, or evidence (with proofs).")
    ] = "jsonl",
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to; default: named for the export.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write what matches to a file. The export itself is recorded in the log."""
    if kind not in ENDINGS:
        raise CommandFailed(f"--format {kind!r} is unknown.", code=USAGE, way_out=f"One of: {', '.join(ENDINGS)}.")
    with Api() as api:
        job = api.post(Export, "/log/exports", {"format": kind, "query": what})
        target = file or Path(f"chargehand-{job.id}{ENDINGS[kind]}")
        with _progress(quiet=as_json) as progress:
            bar = progress.add_task("Collecting", total=job.total)
            while job.state == "running":
                time.sleep(POLL_SECONDS)
                job = api.get(Export, f"/log/exports/{job.id}")
                progress.update(bar, completed=job.records, total=job.total)
            if job.state != "done":
                raise CommandFailed(f"The export {job.state}: {job.failure}")
            progress.update(bar, description="Fetching", completed=0, total=job.bytes or None)
            draft = target.with_name(target.name + ".part")
            with draft.open("wb") as sink:

                def take(chunk: bytes) -> None:
                    sink.write(chunk)
                    progress.advance(bar, len(chunk))

                api.download(f"/log/exports/{job.id}/file", take)
            draft.replace(target)
    if as_json:
        json_out({"file": str(target), "records": job.records, "bytes": target.stat().st_size, "export": job.id})
        return
    out.print(f"[green]✓[/] {job.records} records in {clean(target)}")
    if kind == "evidence":
        err.print(f"[dim]Check it, anywhere: chargehand verify {clean(target)}[/]")


@contextmanager
def _progress(*, quiet: bool) -> Generator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
        yield progress


@app.command("checkpoint")
def checkpoint(as_json: Json = False) -> None:
    """The newest signed commitment to the whole log, and the keys to check it by."""
    with Api() as api:
        found = api.get(CheckpointView, "/log/checkpoint")
    if as_json:
        json_out(found)
        return
    out.print(found.checkpoint, markup=False)
    err.print(f"[dim]Key: {clean(found.first_key)}. Keep it elsewhere; verify takes it as --key.[/]")
    if found.rotations:
        err.print(f"[dim]Signed by a later key, {clean(found.key)}, which follows from it.[/]")


@app.command("rotate-key")
def rotate_key(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in every log.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Let a new key sign the log, announced under the old one. Local: for whoever keeps the state folder."""
    from chargehand.audit.model import Who
    from chargehand.audit.rotation import rotate
    from chargehand.database import Database
    from chargehand.settings import settings

    given = settings()
    if not yes and not typer.confirm(f"Change the signing key in {given.state_dir}?", err=True):
        raise CommandFailed("Nothing was changed.", code=NOT_DONE)
    db = Database(given.database)
    try:
        who = Who(principal=f"service:operator.{getpass.getuser()}", signed_in_by="local")
        done = rotate(db, given.state_dir, who=who, reason=reason)
    finally:
        db.close()
    if as_json:
        json_out({"public_key": done.public, "tenants": list(done.tenants)})
        return
    out.print(f"[green]✓[/] Announced in {len(done.tenants)} logs: {clean(', '.join(done.tenants))}")
    err.print("[dim]It signs what is recorded from now on. The key that you keep elsewhere stays good.[/]")
