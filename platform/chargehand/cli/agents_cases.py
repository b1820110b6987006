"""`chargehand agents record|evaluate|compare`: cases from real runs, judged, and played on two versions."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from chargehand.approvals.views import Approval, ApprovalPage
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out, state, table
from chargehand.runs.model import ENDED
from chargehand.runs.views import Run
from chargehand.testing.case import Case
from chargehand.testing.comparison import Comparison
from chargehand.testing.evaluation import CaseReport, Evaluation
from chargehand.testing.from_run import Said

POLL_SECONDS = 1.0


def record(
    run: Annotated[str, typer.Argument(help="Id of a run that has ended; left out with --again.")] = "",
    to: Annotated[Path | None, typer.Option("--to", help="File to write, e.g. cases/small-refund.yaml.")] = None,
    again: Annotated[
        Path | None, typer.Option(help="Start this case's agent anew with its input, and record that.")
    ] = None,
    about: Annotated[str, typer.Option(help="One sentence: what the case is about.")] = "",
    as_json: Json = False,
) -> None:
    """Record a real run as a case: answers of the real systems, what people did, what came of it. Without secrets.

    Reads the run's history from Temporal, so it needs the payload key of the installation. Read the file before you
    commit it: what a free text says about a person stays in it.
    """
    if bool(run) == bool(again):
        raise CommandFailed("Name a run, or a case with --again.", code=USAGE)
    with Api() as api:
        before = _load(again) if again else None
        if before is not None:
            run = _start_again(api, before)
        found = api.get(Run, f"/runs/{run}")
        tree = [found]
        for one in tree:  # it grows meanwhile: the runs that it delegated to
            tree += [api.get(Run, f"/runs/{child}") for child in one.children]
        verdicts: dict[str, list[Said]] = {}
        for one in tree:
            approvals = api.get(ApprovalPage, "/approvals", run=one.id, state="closed", limit=200)
            verdicts |= {each.id: _said(api, each.id) for each in approvals.items}
    file = to or again or Path(f"{run}.yaml")
    case = asyncio.run(quietly(_recorded(tree, verdicts, about or (before.about if before else ""))))
    from chargehand.testing.case import save_case

    save_case(case, file)
    if as_json:
        json_out({"file": str(file), "calls": len(case.calls), "people": len(case.people), "model": len(case.model)})
        return
    out.print(
        f"[green]✓[/] {clean(file)}: {len(case.calls)} calls, {len(case.people)} steps of people, "
        f"{len(case.model)} answers of models. Read it before you commit it."
    )


def evaluate(
    cases: Annotated[list[Path], typer.Argument(help="Folders or files with cases.")],
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    agent: Annotated[str, typer.Option(help="Only cases of this agent.")] = "",
    as_json: Json = False,
) -> None:
    """Play cases with the agents and the policy that are here, and judge them. Ends with 1 when one fails.

    Nothing real is called: systems, models and people answer as recorded, and time that a run waits for passes at once.
    """
    from chargehand.testing.page import evaluation_page
    from chargehand.testing.played import play_all

    chosen = [one for one in _cases(cases) if agent in ("", one.agent)]
    found = asyncio.run(quietly(play_all(chosen)))
    if html is not None:
        html.write_text(evaluation_page(found), "utf-8")
        err.print(f"[green]✓[/] {clean(html)}")
    if as_json:
        json_out(found)
    else:
        _say_evaluation(found)
    if found.passed < len(found.cases):
        raise typer.Exit(NOT_DONE)


def compare(
    old: Annotated[str, typer.Argument(help="A git revision, a folder, a wheel, or `here`.")],
    new: Annotated[str, typer.Argument(help="The same; `here` is what is installed here.")],
    cases: Annotated[list[Path], typer.Argument(help="Folders or files with cases.")],
    html: Annotated[Path | None, typer.Option(help="Write the comparison as one HTML file.")] = None,
    as_json: Json = False,
) -> None:
    """Play the same cases on two versions of the agents, and say what would have been done differently.

    Effects are stubbed: nothing real is called. Both run under the policy that is in force here.
    """
    from chargehand.cli.versions import evaluate_version
    from chargehand.testing.comparison import compare as compare_two
    from chargehand.testing.page import comparison_page

    _cases(cases)  # a case that can't be read is said once, before anything is started
    with err.status("Playing both versions …"), ThreadPoolExecutor(2) as both:
        before, after = both.submit(evaluate_version, old, cases), both.submit(evaluate_version, new, cases)
    found = compare_two(before.result(), after.result(), names=(old, new))
    if html is not None:
        html.write_text(comparison_page(found), "utf-8")
        err.print(f"[green]✓[/] {clean(html)}")
    if as_json:
        json_out(found)
        return
    _say_comparison(found)


async def _recorded(tree: list[Run], verdicts: dict[str, list[Said]], about: str) -> Case:
    from chargehand.agents.catalog import discover_agents
    from chargehand.connectors.pins import PinBook
    from chargehand.runs.client import connect
    from chargehand.runs.moments import film_of
    from chargehand.settings import settings
    from chargehand.testing.from_run import case_of
    from chargehand.testing.scrub import Scrubber

    agents = discover_agents()
    client = await connect(settings(), wait_seconds=5)
    agents.find(tree[0].agent)
    films = [await film_of(client, agents, one.id) for one in tree]
    case = case_of(films, agents, by=tree[0].principal, verdicts=verdicts, about=about)
    personal = {name: pin.personal for name, pin in PinBook(settings().policies).all().items()}
    return Scrubber(_credentials(), personal).case(case)


def _credentials() -> list[str]:
    """Values of the connectors' own variables and the model's key, as far as this process has them."""
    from chargehand.connectors.registry import load_connectors
    from chargehand.settings import settings

    names = {name for one in load_connectors(settings().policies) for name in one.environment}
    found = [os.environ[name] for name in names if os.environ.get(name) and name.upper().endswith(_SECRET_ENDINGS)]
    key = settings().model_api_key
    return [*found, key.get_secret_value()] if key else found


_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS", "_DSN")


def _said(api: Api, approval: str) -> list[Said]:
    found = api.get(Approval, f"/approvals/{approval}")
    return [Said(one.person, one.approve, one.comment) for one in found.verdicts]


def _start_again(api: Api, case: Case) -> str:
    run = api.post(Run, "/runs", {"agent": case.agent, "input": case.input, "key": ""})
    err.print(f"Started {clean(run.title)}: {run.id}. People answer as for any run; it is recorded once it has ended.")
    while run.state not in ENDED:
        time.sleep(POLL_SECONDS)
        run = api.get(Run, f"/runs/{run.id}")
    return run.id


def _load(file: Path) -> Case:
    from chargehand.testing.case import load_case

    return load_case(file)


def _cases(places: list[Path]) -> list[Case]:
    from chargehand.testing.case import load_cases

    return [case for place in places for case in load_cases(place)]


async def quietly(work: Any) -> Any:
    """Do the work with standard output shut: Temporal's core writes its own log to it."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        return await work
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def _say_evaluation(found: Evaluation) -> None:
    rows = [
        (
            "[green]✓[/]" if one.passed else "[red]✗[/]",
            clean(one.name),
            state(one.state) if one.state else "",
            _decided(one),
            (f"{one.tokens} tokens" if one.model_calls else "")
            + clean("".join(f", {amount} {name}" for name, amount in one.cost.items())),
            (f"{one.days:g} d, in " if one.days else "") + f"{one.seconds:.2f} s",
        )
        for one in found.cases
    ]
    heads = ("", "Case", "State", "Decisions", "Used", "Took")
    table(heads, rows, empty="There are no cases of that agent.")
    for one in found.cases:
        for problem in one.problems:
            out.print(f"[red]✗[/] [bold]{clean(one.name)}[/]: {_lines(problem)}")
    total = len(found.cases)
    style = "green" if found.passed == total else "red"
    out.print(f"\n[{style}]{found.passed} of {total} cases passed.[/]")


def _decided(one: CaseReport) -> str:
    """`5 allow, 1 ask → approved`."""
    said = ", ".join(f"{count} {verdict}" for verdict, count in one.decisions.items())
    ends = [each.rpartition(": ")[2] for each in one.approvals]
    return clean(f"{said} → {', '.join(ends)}" if ends else said)


def _say_comparison(found: Comparison) -> None:
    for one in found.cases:
        sign = "[yellow]≠[/]" if one.changes else "[green]=[/]"
        out.print(f"{sign} [bold]{clean(one.name)}[/] [dim]{clean(one.about)}[/]")
        for change in one.changes:
            out.print(f"    {_lines(change.says)}")
    if len(found.cases) > 1 and found.kinds:
        out.print("\n[bold]What differs, and in how many cases[/]")
        for what, cases in found.kinds.items():
            out.print(f"  {len(cases):>3}  {clean(what)}")
    out.print(f"\n{found.changed} of {len(found.cases)} cases are done differently by {clean(found.new)}.")


def _lines(text: str) -> str:
    return "\n    ".join(clean(line) for line in text.splitlines())
