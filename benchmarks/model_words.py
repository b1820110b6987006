"""What it costs to write and read a model's words while it writes them, beside asking for the whole answer.

    python benchmarks/model_words.py [--tokens 500] [--rate 50] [--check]

The vendor is a fake one, named so, in a process of its own; one token is one piece. Arms: the answer in one (control);
streamed and not written; streamed and written as the gateway does; the same with somebody who follows. CPU is of this
process, which does what the gateway worker does for one call. With `--check` it fails when half of the words take more
than 300 ms from the vendor to the stream. Results go to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from langchain_core.messages import HumanMessage, message_to_dict  # noqa: E402

from chargehand import clock  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.models.model import ModelRequest  # noqa: E402
from chargehand.models.provider import Models  # noqa: E402
from chargehand.models.words import text_of  # noqa: E402
from chargehand.runs import store  # noqa: E402
from chargehand.runs.following import Place, follow  # noqa: E402
from chargehand.runs.model import RunText  # noqa: E402
from chargehand.runs.speech import Speech  # noqa: E402
from chargehand.runs.store import RunRow  # noqa: E402
from chargehand.runs.text_store import Call  # noqa: E402
from chargehand.settings import Settings  # noqa: E402
from fixtures.processes import free_port  # noqa: E402

BAR_MILLISECONDS = 300
ARMS = ("whole", "streamed", "written", "followed")


@contextmanager
def vendor(tokens: int, rate: float) -> Generator[str]:
    port = free_port()
    command = [sys.executable, "-m", "fixtures.model_vendor", str(port), str(1 / rate), f"@{tokens}"]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT / "tests")})
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def a_run(db: Database, run: str) -> None:
    values = dict.fromkeys(("agent", "agent_version", "title", "business_key", "signed_in_by", "chain"), "")
    row = RunRow(
        **values, id=run, tenant="demo", request_key=run, principal="person:amy", state="running",
        input="{}", created_at=clock.iso(clock.now()),
    )  # fmt: skip
    db.write_now(lambda tx: store.insert_run(tx, row))


async def one(db: Database, models: Models, arm: str, run: str) -> dict[str, Any]:
    """One call; CPU seconds, commits and, where somebody follows, milliseconds from each word to the stream."""
    a_run(db, run)
    question = [message_to_dict(HumanMessage("hi"))]
    request = ModelRequest("demo", run, run, "a", "person:amy", "s", "light", question)
    call = Call("demo", run, 1, "s")
    late: list[float] = []

    async def listen() -> None:
        async for piece in follow(db, "demo", run, Place()):
            if isinstance(piece, RunText):
                now = time.time()
                late.extend(1000 * (now - float(word)) for word in piece.text.split())

    following = asyncio.create_task(listen()) if arm == "followed" else None
    cpu, began = time.process_time(), time.monotonic()
    if arm in ("whole", "streamed"):
        await models.ask(request)
    else:
        async with Speech(db, call) as speech:
            answer = await models.ask(request, speech.tell)
            await speech.complete(text_of(answer.message))
    spent, took = time.process_time() - cpu, time.monotonic() - began
    pieces = db.read_now(lambda c: c.exec_driver_sql(f"SELECT count(*) FROM run_text WHERE run = '{run}'").scalar())
    if following is not None:
        db.write_now(lambda tx: store.set_state(tx, run, "succeeded", of=("running",)))
        await following
    return {"cpu": spent, "seconds": took, "commits": pieces, "late": late}


async def measure(tokens: int, rate: float, rounds: int) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder, vendor(tokens, rate) as url:
        db = Database(f"sqlite:///{folder}/x.db")
        db.create_schema()
        await asyncio.sleep(1)
        given: dict[str, Any] = {"model_base_url": url, "model_name": "fake"}  # the rest has defaults
        streamed = Models.from_settings(Settings(**given), db)
        whole = Models({name: replace(each, stream=False) for name, each in streamed.endpoints.items()}, db)
        await streamed.ask(ModelRequest("demo", "warm", "warm", "a", "p", "s", "light", []))
        for number in range(rounds):
            for arm in ARMS:
                found[arm].append(await one(db, whole if arm == "whole" else streamed, arm, f"{arm}-{number}"))
        db.close()
    result: dict[str, Any] = {"tokens": tokens, "tokens_a_second": rate, "rounds": rounds}
    for arm, rows in found.items():
        result[arm] = {
            "cpu_ms_per_1000_tokens": round(statistics.median(row["cpu"] for row in rows) * 1e6 / tokens, 1),
            "seconds": round(statistics.median(row["seconds"] for row in rows), 2),
            "commits_a_second": round(statistics.median(row["commits"] / row["seconds"] for row in rows), 1),
        }
    late = sorted(each for row in found["followed"] for each in row["late"])
    result["followed"] |= {f"late_ms_p{share}": round(late[len(late) * share // 100], 1) for share in (50, 95, 99)}
    return result


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tokens", type=int, default=500)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--check", action="store_true")
    given = options.parse_args()
    found = asyncio.run(measure(given.tokens, given.rate, given.rounds))
    print(json.dumps(found, indent=2))
    (ROOT / "benchmarks" / "results" / "model_words.json").write_text(json.dumps(found, indent=2) + "\n")
    if given.check and found["followed"]["late_ms_p50"] > BAR_MILLISECONDS:
        raise SystemExit("the words come late")


if __name__ == "__main__":
    main()
