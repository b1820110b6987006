"""`chargehand run`: start agents and follow what they do."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from chargehand.agents.views import Graph
from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.graph import draw
from chargehand.cli.rows import start_rows
from chargehand.cli.show import Json, clean, err, facts, json_out, left, out, pretty, span, state, table, when
from chargehand.cli.words import Words, printable
from chargehand.runs.model import ENDED
from chargehand.runs.views import (
    PersonTaskView,
    Run,
    RunEventView,
    RunPage,
    RunTextView,
    SentEventView,
    Step,
    StepPage,
    WaitingView,
)

app = typer.Typer(no_args_is_help=True, help="Start agents, follow, stop and answer them.")

RunId = Annotated[str, typer.Argument(help="Run id, e.g. run_01…")]


@app.command("start")
def start(
    agent: Annotated[str, typer.Argument(help="Which agent, e.g. complaint-resolution. `agents list` shows all.")],
    file: Annotated[str, typer.Option("--input", "-i", help="JSON file with its input; - reads standard input.")] = "",
    pairs: Annotated[list[str] | None, typer.Option("--set", help="name=value instead of a file; repeat.")] = None,
    key: Annotated[str, typer.Option(help="The same key starts the same run: safe to repeat.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow it until it ends.")] = False,
    rows: Annotated[Path | None, typer.Option(help="CSV file: one run for each row, or none if a row is bad.")] = None,
    check: Annotated[bool, typer.Option(help="With --rows: say what does not fit; start nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Start an agent on your behalf. Its input is checked first."""
    if rows is not None:
        start_rows(agent, rows, key, check=check, follow=follow, as_json=as_json)
        return
    body = {"agent": agent, "input": read_input(file, pairs or []), "key": key}
    with Api() as api:
        run = api.post(Run, "/runs", body)
        if follow:
            _say_started(run)
            _follow(api, run.id, as_json=as_json)
            return
    if as_json:
        json_out(run)
        return
    _say_started(run)
    err.print(f"[dim]Follow it: chargehand run follow {run.id}[/]")


def _say_started(run: Run) -> None:
    err.print(f"[green]✓[/] Started [bold]{clean(run.title)}[/]: {run.id}")


def read_input(file: str, pairs: list[str]) -> dict[str, Any]:
    """The input from a file and pairs; pairs win. Raises CommandFailed (2) with line and column for broken JSON."""
    value: Any = {}
    if file:
        try:
            text = typer.get_text_stream("stdin").read() if file == "-" else Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise CommandFailed(f"{file} can't be read: {reason}.", code=USAGE, way_out="Check the path.") from None
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            where = f"{file}:{error.lineno}:{error.colno}"
            raise CommandFailed(
                f"{where}: this is not JSON: {error.msg}.", code=USAGE, way_out="Mend the file at that place."
            ) from None
        if not isinstance(value, dict):
            raise CommandFailed(
                f"{file}: an object {{…}} is expected, not {type(value).__name__}.",
                code=USAGE,
                way_out="`chargehand agents show AGENT` shows the fields.",
            )
    return value | pairs_of(pairs, "--set")


def pairs_of(pairs: list[str], option: str) -> dict[str, Any]:
    """`name=value` texts as values. Raises CommandFailed (2) that names the option and the text."""
    value: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise CommandFailed(
                f"{option} {pair!r} is not name=value.", code=USAGE, way_out=f"e.g. {option} amount=500.00"
            )
        value[name] = plain(text)
    return value


def plain(text: str) -> Any:
    """`true`, `false`, `null`, lists and objects are JSON; everything else, numbers too, stays text as typed."""
    if text in ("true", "false", "null") or text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


@app.command("list")
def list_runs(
    agent: Annotated[str, typer.Option(help="Only this agent.")] = "",
    version: Annotated[str, typer.Option(help="Only this version of it, as `agents versions` shows it.")] = "",
    states: Annotated[list[str] | None, typer.Option("--state", help="running, waiting, failed, …; repeat.")] = None,
    search: Annotated[str, typer.Option(help="Text in title or id.")] = "",
    order: Annotated[str, typer.Option("--about", help="What it is about, e.g. an order number.")] = "",
    person: Annotated[str, typer.Option("--for", help="On whose behalf, e.g. person:amy.")] = "",
    since: Annotated[str, typer.Option(help="Started then or later, e.g. 2026-12-01 or 2026-12-01T08:00.")] = "",
    until: Annotated[str, typer.Option(help="Started before.")] = "",
    cursor: Annotated[str, typer.Option(help="Go on after a page, with the cursor that it ended with.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: Json = False,
) -> None:
    """Your runs, newest first; everybody's if you may see them."""
    with Api() as api:
        page = api.get(
            RunPage,
            "/runs",
            agent=agent,
            version=version,
            state=states,
            q=search,
            business_key=order,
            principal=person,
            since=_moment(since, "--since"),
            until=_moment(until, "--until"),
            cursor=cursor,
            limit=limit,
        )
    if as_json:
        json_out(page)
        return
    rows = [
        (
            run.id,
            state(run.state) + (" [red]held up[/]" if run.held_up else ""),
            clean(run.title),
            clean(run.principal_name),
            when(run.started_at),
            clean(run.held_up.sentence) if run.held_up else _waits(run.waiting),
        )
        for run in page.items
    ]
    table(
        ("Run", "State", "What", "For", "Started", "Waits for"),
        rows,
        empty="No runs yet. Start one: chargehand run start AGENT --input FILE",
    )
    if page.next:
        err.print(f"[dim]There are more: narrow the list, or go on with --cursor {page.next}[/]")


def _moment(text: str, option: str) -> str | None:
    """A time with its offset, or in this machine's zone. Raises CommandFailed (2)."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise CommandFailed(
            f"{option} {text!r} is no time.", code=USAGE, way_out="e.g. 2026-12-01 or 2026-12-01T08:00+01:00"
        ) from None


@app.command("show")
def show(
    run: RunId,
    at: Annotated[
        str, typer.Option(help="Travel to a step: a node's path, or an event's number. Local: replays the history.")
    ] = "",
    nth: Annotated[int, typer.Option(min=1, help="The nth time that the node ran.")] = 1,
    as_json: Json = False,
) -> None:
    """One run: where it stands in its graph, whom it waits for, what it did. With --at, its state at that step."""
    if at:
        from chargehand.cli.travel import show_moment

        show_moment(run, at, nth, as_json=as_json)
        return
    with Api() as api:
        found = api.get(Run, f"/runs/{run}")
        steps = api.get(StepPage, f"/runs/{run}/steps", limit=500)
        graph = api.get(Graph, f"/agents/{found.agent}/graph")
    if as_json:
        json_out({"run": found.model_dump(mode="json"), "steps": steps.model_dump(mode="json")["items"]})
        return
    until = found.ended_at
    facts(
        [
            ("Run", f"[bold]{found.id}[/]  {state(found.state)}"),
            ("What", clean(found.title)),
            ("Agent", f"{clean(found.agent)} [dim]{clean(found.agent_version)}[/]"),
            ("For", clean(found.principal_name)),
            ("Started", when(found.started_at) + (f", took {span(until - found.started_at)}" if until else "")),
            ("Waits for", _waits(found.waiting)),
            ("Held up", _held_up(found)),
            ("Way out", clean(found.held_up.way_out) if found.held_up else ""),
            ("Failed", clean(found.failure.detail) if found.failure else ""),
            ("At", clean(f"{found.failure.node} {found.failure.line}".strip()) if found.failure else ""),
            ("Way out", clean(found.failure.way_out) if found.failure else ""),
            ("Cost", f"{found.cost.amount} {found.cost.currency}, {found.tokens} tokens" if found.cost else ""),
        ]
    )
    out.print()
    out.print(draw(graph, found.nodes))
    out.print()
    for step in steps.items:
        _say_step(step)
        if step.text is not None:
            for line in printable(step.text.text).splitlines():
                out.print(f"      [dim]│[/] {clean(line)}")
    if found.result is not None:
        out.print(f"\n[bold]Result[/]\n{pretty(found.result)}")


@app.command("follow")
def follow(run: RunId, as_json: Json = False) -> None:
    """Follow a run until it ends; goes on by itself when the connection breaks. Ends with 1 if the run failed."""
    with Api() as api:
        _follow(api, run, as_json=as_json)


def _follow(api: Api, run: str, *, as_json: bool) -> None:
    waiting: set[str] = set()
    words = Words()

    def lost(text: str) -> None:
        words.pause()
        err.print(f"[yellow]{text}[/]")

    for event in api.follow(f"/runs/{run}/events", lost=lost):
        view = (RunTextView if event.name == "text" else RunEventView).model_validate(event.data)
        if as_json:
            out.print(view.model_dump_json(), markup=False)
            continue
        if isinstance(view, RunTextView):
            words.hear(view)
            continue
        if view.step is not None:
            words.step(view.step)
            _say_step(view.step)
        for one in view.waiting:
            if one.id not in waiting:
                waiting.add(one.id)
                words.pause()
                err.print(f"[yellow]…[/] Waits: {clean(one.sentence)} [dim]{_way_on(one)}[/]")
    words.end()
    found = api.get(Run, f"/runs/{run}")
    if not as_json:
        out.print(f"\n{state(found.state)}  {clean(found.title)}")
        if found.result is not None:
            out.print(pretty(found.result))
    if found.state in ENDED and found.state != "succeeded":
        detail = found.failure.detail if found.failure else f"The run was {found.state}."
        raise CommandFailed(detail, code=NOT_DONE, way_out=found.failure.way_out if found.failure else "")


def _way_on(one: WaitingView) -> str:
    if one.kind == "approval":
        return f"chargehand approvals show {one.id}"
    return f"chargehand run answer {one.id} VALUE" if one.kind == "task" else ""


@app.command("stop")
def stop(
    run: RunId,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the action log.")],
    hard: Annotated[bool, typer.Option(help="End it at once; nothing is taken back.")] = False,
    as_json: Json = False,
) -> None:
    """Stop a run: its current step is finished, and what can be taken back is taken back."""
    _steer(run, "stop", {"reason": reason, "hard": hard}, as_json=as_json)


@app.command("pause")
def pause(
    run: RunId,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the action log.")] = "",
    as_json: Json = False,
) -> None:
    """Pause a run: its current step is finished, then nothing new begins until it is resumed."""
    _steer(run, "pause", {"reason": reason}, as_json=as_json)


@app.command("resume")
def resume(
    run: RunId,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the action log.")] = "",
    as_json: Json = False,
) -> None:
    """Let a paused run go on."""
    _steer(run, "resume", {"reason": reason}, as_json=as_json)


def _steer(run: str, how: str, body: dict[str, Any], *, as_json: bool) -> None:
    with Api() as api:
        found = api.post(Run, f"/runs/{run}/{how}", body)
    if as_json:
        json_out(found)
        return
    out.print(f"{state(found.state)}  {found.id}")


@app.command("send")
def send(
    run: RunId,
    name: Annotated[str, typer.Argument(help="What the agent waits for, e.g. goods.arrived.")],
    value: Annotated[str, typer.Argument(help="What it gets: text, or JSON.")] = "null",
    key: Annotated[str, typer.Option(help="The same key is one event: safe to repeat.")] = "",
    as_json: Json = False,
) -> None:
    """Send a run an event that it may wait for."""
    with Api() as api:
        found = api.post(SentEventView, f"/runs/{run}/events", {"name": name, "payload": plain(value), "id": key})
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] Sent {clean(name)}: {found.id}")


@app.command("retry")
def retry(
    run: RunId,
    step: Annotated[str, typer.Option("--from", help="A step at which to take it up; else from its input.")] = "",
    as_json: Json = False,
) -> None:
    """Start a failed or stopped run again, from its input or at a step, as a new run."""
    with Api() as api:
        found = api.post(Run, f"/runs/{run}/retry", {"from": step} if step else {})
    if as_json:
        json_out(found)
        return
    _say_started(found)


@app.command("tasks")
def tasks(run: Annotated[str, typer.Option(help="Only of this run.")] = "", as_json: Json = False) -> None:
    """Questions that agents ask you."""
    with Api() as api:
        found = api.get(list[PersonTaskView], "/tasks", run=run)
    if as_json:
        json_out(found)
        return
    rows = [(one.id, clean(one.question), clean(one.to), left(one.expires_at), one.run) for one in found]
    table(("Task", "Question", "For", "Left", "Run"), rows, empty="Nobody asks you anything.")


@app.command("answer")
def answer(
    task: Annotated[str, typer.Argument(help="Task id, e.g. task_01…; or the id of a run with one open question.")],
    value: Annotated[str, typer.Argument(help="The answer: text, or JSON where a form is asked for.")],
    as_json: Json = False,
) -> None:
    """Answer a question of an agent. The first answer counts."""
    with Api() as api:
        if task.startswith("run_"):
            task = _only_task(api, task)
        found = api.post(PersonTaskView, f"/tasks/{task}/answer", {"value": plain(value)})
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] Answered: {clean(found.question)}")


def _only_task(api: Api, run: str) -> str:
    found = [one for one in api.get(list[PersonTaskView], "/tasks", run=run) if one.i_may_answer]
    if len(found) != 1:
        raise CommandFailed(
            f"{run} has {len(found)} questions that you may answer.",
            code=USAGE,
            way_out=f"Name one: chargehand run tasks --run {run}",
        )
    return found[0].id


def _held_up(run: Run) -> str:
    if run.held_up is None:
        return ""
    at = clean(f"{run.held_up.node} {run.held_up.line}".strip())
    return f"[red]{clean(run.held_up.sentence)}[/] [dim]since {when(run.held_up.since)}{', at ' + at if at else ''}[/]"


def _waits(waiting: list[WaitingView]) -> str:
    return "; ".join(clean(one.sentence + (f" ({', '.join(one.who)})" if one.who else "")) for one in waiting)


def _say_step(step: Step) -> None:
    if step.kind == "node" and step.state == "succeeded" and step.message_id == "node":
        return  # its calls were told; the drawing shows that it is done
    what = f"{clean(step.title)}"
    extra = clean(step.detail) or ""
    tries = f" [dim]({step.attempts} tries)[/]" if step.attempts > 1 else ""
    out.print(f"[dim]{when(step.started_at)}[/]  {state(step.state):<28} {what}{tries}  [dim]{extra}[/]")
