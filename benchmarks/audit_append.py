"""Durable records a second through the action log, beside raw drivers doing the same inserts, in one run.

    python benchmarks/audit_append.py [--seconds 4] [--rounds 3] [--callers 64] [--only sqlite|postgresql]

Arms, each with CALLERS asyncio tasks that wait for durability before the next record (~600 bytes of JSON each):
  raw        group commit by hand on the driver: the same table, the same batch rule, nothing of Chargehand
  log        Database.write(append(record)): savepoints, encoding, sequence, head row
  log+sign   the same while another process signs and makes queryable every second, as API and gateway do it
  log+sign1  the same with all of it in one process, which shares one interpreter lock
After each of the last two: how long until everything was signed and queryable (`behind_s`).
The arms of a round run in turn, so that both see the same machine. Results go to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.support.scratch import scratch  # noqa: E402

from chargehand import clock  # noqa: E402
from chargehand.audit import projection  # noqa: E402
from chargehand.audit.integrator import Integrator  # noqa: E402
from chargehand.audit.leaf import encode, fields  # noqa: E402
from chargehand.audit.log import append, initialise, prepare  # noqa: E402
from chargehand.audit.model import Record, Who  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.ids import new_id  # noqa: E402
from fixtures.postgres import PostgresCluster  # noqa: E402

RAW_TABLE = "CREATE TABLE raw_leaf (tenant text, seq bigint, leaf {0}, PRIMARY KEY (tenant, seq))"
Append = Callable[[Record], Awaitable[None]]


def record(n: int) -> Record:
    return Record(
        id=new_id("rec"), at=clock.iso(clock.now()), tenant="demo", kind="intent", run=f"run_{n % 997}",
        who=Who(principal="person:amy", chain=("person:amy", "agent:complaint-resolution"),
                agent="agent:complaint-resolution", agent_version="1.4.2"),
        step="refund", call_key=f"{n:064x}", tool="erp.create_credit_note", pin="sha256:" + "ab" * 16,
        effect="irreversible", arguments={"order": f"SO-{n}", "amount": "128.00", "currency": "CNY", "why": "broken"},
        digest="cd" * 32, decision="allow", rules=("refund-small",), policy_revision="ef" * 16,
        business_key=f"SO-{n}", trace_id="01" * 16,
    )  # fmt: skip


class RawGroup:
    """The smallest group commit: whoever waits while a commit runs shares the next."""

    def __init__(self, commit: Callable[[list[bytes]], None]) -> None:
        self._commit, self._waiting, self._wake = commit, [], asyncio.Event()

    async def append(self, leaf: bytes) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((leaf, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:512], self._waiting[512:]
            if not self._waiting:
                self._wake.clear()
            await asyncio.to_thread(self._commit, [leaf for leaf, _ in batch])
            for _, done in batch:
                done.set_result(None)


async def drive(append_one: Append, callers: int, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    count = 0
    cpu, start = time.process_time(), time.perf_counter()
    end = start + seconds

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < end:
            before = time.perf_counter()
            count += 1
            await append_one(record(count))
            latencies.append((time.perf_counter() - before) * 1_000)

    await asyncio.gather(*(caller() for _ in range(callers)))
    elapsed = time.perf_counter() - start
    latencies.sort()
    return {
        "per_second": count / elapsed,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[int(len(latencies) * 0.99)],
        "cpu_us_each": (time.process_time() - cpu) / count * 1e6,
        "records": count,
    }


async def raw(commit: Callable[[list[bytes]], None], callers: int, seconds: float) -> dict[str, float]:
    group = RawGroup(commit)
    task = asyncio.create_task(group.run())
    found = await drive(lambda r: group.append(encode(fields(r))), callers, seconds)
    task.cancel()
    return found


KEEPER = """
import asyncio, sys
from pathlib import Path
from chargehand.audit.integrator import Integrator
from chargehand.database import Database
from chargehand import migrations
migrations.metadata()
print("ready", flush=True)
asyncio.run(Integrator(Database(sys.argv[1]), Path(sys.argv[2])).run(asyncio.Event()))
"""


async def log_and_sign(db: Database, state: Path, callers: int, seconds: float) -> dict[str, float]:
    keeper = subprocess.Popen(  # noqa: ASYNC220  # before the clock starts
        [sys.executable, "-c", KEEPER, db.url, str(state)], stdout=subprocess.PIPE
    )
    try:
        assert keeper.stdout
        assert await asyncio.to_thread(keeper.stdout.readline) == b"ready\n"
        found = await log(db, None, callers, seconds)
        return found | {"behind_s": await asyncio.to_thread(caught_up, db, state)}
    finally:
        keeper.kill()
        keeper.wait()


def caught_up(db: Database, state: Path) -> float:
    """Seconds until everything is signed and queryable. The keeper does it; nobody asks, so no query helps."""
    began = time.perf_counter()
    size = db.read_now(lambda c: c.exec_driver_sql("SELECT size FROM audit_head").scalar_one())
    checkpoint = state / "log" / "demo" / "checkpoint"
    while True:
        signed = int(checkpoint.read_text().splitlines()[1]) if checkpoint.exists() else 0
        if signed >= size and db.read_now(lambda c: projection.lag(c, "demo")) == 0:
            return time.perf_counter() - began
        time.sleep(0.05)


async def log(db: Database, state: Path | None, callers: int, seconds: float) -> dict[str, float]:
    stop = asyncio.Event()
    task = asyncio.create_task(Integrator(db, state).run(stop)) if state else None

    async def one(r: Record) -> None:
        entry = prepare(r)
        await db.write(lambda tx: append(tx, entry))

    found = await drive(one, callers, seconds)
    if task and state:
        found["behind_s"] = await asyncio.to_thread(caught_up, db, state)
        stop.set()
        await task
    return found


def sqlite_raw(path: Path) -> Callable[[list[bytes]], None]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(RAW_TABLE.format("blob"))
    size = 0

    def commit(batch: list[bytes]) -> None:
        nonlocal size
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO raw_leaf VALUES ('demo', ?, ?)", list(enumerate(batch, size)))
        connection.execute("COMMIT")
        size += len(batch)

    return commit


def postgres_raw(dsn: str) -> Callable[[list[bytes]], None]:
    connection = psycopg.connect(dsn, autocommit=True)
    connection.execute(RAW_TABLE.format("bytea"))
    size = 0

    def commit(batch: list[bytes]) -> None:
        nonlocal size
        connection.execute(
            "INSERT INTO raw_leaf SELECT 'demo', %s + o - 1, l FROM unnest(%s::bytea[]) WITH ORDINALITY AS x(l, o)",
            (size, batch),
        )
        size += len(batch)

    return commit


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    folder = scratch("audit-append-")
    kinds = [given.only] if given.only else ["sqlite", "postgresql"]
    cluster = PostgresCluster() if "postgresql" in kinds else None
    rows: list[dict[str, Any]] = []
    try:
        for turn in range(given.rounds):
            for kind in kinds:
                name = f"{kind}{turn}"
                if cluster and kind == "postgresql":
                    url = cluster.create_database(name)
                    control = postgres_raw(cluster.dsn(name))
                else:
                    url = f"sqlite:///{folder}/{name}.db"
                    control = sqlite_raw(folder / f"{name}-raw.db")
                db = Database(url)
                db.create_schema()
                initialise(db)
                arms: dict[str, Awaitable[dict[str, float]]] = {
                    "raw": raw(control, given.callers, given.seconds),
                    "log": log(db, None, given.callers, given.seconds),
                    "log+sign": log_and_sign(db, folder / f"{name}-state", given.callers, given.seconds),
                    "log+sign1": log(db, folder / f"{name}-state", given.callers, given.seconds),
                }
                for arm, work in arms.items():
                    row = {"database": kind, "arm": arm, "round": turn, "callers": given.callers, **await work}
                    rows.append(row)
                    print(
                        f"{kind:11s}{arm:10s} {row['per_second']:8.0f}/s  p50 {row['p50_ms']:6.2f}  "
                        f"p99 {row['p99_ms']:7.2f} ms  cpu {row['cpu_us_each']:5.0f} us  "
                        f"behind {row.get('behind_s', 0):5.1f} s",
                        flush=True,
                    )
                size = db.read_now(lambda c: c.exec_driver_sql("SELECT count(*), max(seq) + 1 FROM audit_leaf").one())
                assert size[0] == size[1], "the log has a gap"
                db.close()
    finally:
        if cluster:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for kind in kinds:
        for arm in ("raw", "log", "log+sign", "log+sign1"):
            found = [row["per_second"] for row in rows if row["database"] == kind and row["arm"] == arm]
            print(f"{kind:11s}{arm:10s} median {statistics.median(found):8.0f}/s")
    result = {
        "at": clock.iso(datetime.now(UTC)), "machine": platform.platform(), "cores": os.cpu_count(),
        "load": os.getloadavg(), "python": platform.python_version(), "rows": rows,
    }  # fmt: skip
    (ROOT / "benchmarks/results/audit_append.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
