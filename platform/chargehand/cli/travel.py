"""`chargehand run show RUN --at STEP`: what a state was, from the history. Runs the agent's code, and no effect."""

from __future__ import annotations

import asyncio

from chargehand.cli.agents_cases import quietly
from chargehand.cli.show import clean, facts, json_out, out, pretty
from chargehand.runs.moments import Moment, film_of


def show_moment(run: str, at: str, nth: int, *, as_json: bool) -> None:
    """Print the moment. Raises NotFound, Conflict (another version's history), RuntimeUnavailable."""
    moment = asyncio.run(quietly(_moment(run, at, nth)))
    if as_json:
        json_out(
            {
                "seq": moment.seq,
                "step": moment.step,
                "kind": moment.kind,
                "state": moment.state,
                "inside": dict(moment.inside),
                "next": list(moment.next),
                "running": list(moment.running),
                "pending": [
                    {"tool": one.tool, "arguments": one.arguments, "step": one.step, "waits": one.waits}
                    for one in moment.pending
                ],
                "events": [
                    {"seq": one.seq, "at": one.at.isoformat(), "kind": one.kind, "step": one.step, "data": one.data}
                    for one in moment.events
                ],
            }
        )
        return
    waits = {"people": "waits for people", "system": "waits for its system", "reconciliation": "is in doubt"}
    facts(
        [
            ("After event", f"[bold]{moment.seq}[/]  {clean(moment.kind)} {clean(moment.step)}"),
            ("Running", clean(", ".join(moment.running)) if moment.running else ""),
            ("Then", clean(", ".join(moment.next)) if moment.next else ""),
            *[
                ("Open call", f"{clean(one.tool)} {clean(waits.get(one.waits, 'was sent'))}  [dim]{clean(one.step)}[/]")
                for one in moment.pending
            ],
        ]
    )
    out.print(f"\n[bold]State[/]\n{pretty(moment.state)}")
    for path, state in sorted(moment.inside.items()):
        out.print(f"\n[bold]State in {clean(path)}[/]\n{pretty(state)}")


async def _moment(run: str, at: str, nth: int) -> Moment:
    from chargehand.agents.catalog import discover_agents
    from chargehand.runs.client import connect
    from chargehand.settings import settings

    film = await film_of(await connect(settings(), wait_seconds=5), discover_agents(), run)
    return film.at(int(at) if at.isdigit() else at, nth=nth)
