"""How long a search of runs takes among many, beside the same search without the indexes, in one run.

    python benchmarks/run_search.py [--runs 100000] [--repeat 7] [--only sqlite|postgresql] [--check]

Each search is what the API asks: one page of 50, newest first. The control arm has the primary key and the request key
alone. Results go to benchmarks/results/; with `--check` it fails when the median of a search passes 200 ms.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chargehand import clock  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.runs import store  # noqa: E402
from fixtures.postgres import PostgresCluster  # noqa: E402

BAR_MILLISECONDS = 200
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ["succeeded"] * 95 + ["failed"] * 2 + ["stopped", "waiting", "running"]
OLDEST = 100
"""The oldest runs are paused: what a search for rare states has to walk to."""

Search = dict[str, Any]
SEARCHES: dict[str, Search] = {
    "newest": {},
    "agent": {"agent": "agent-3"},
    "agent that never ran": {"agent": "nobody"},
    "version": {"version": "v3"},
    "agent and version": {"agent": "agent-3", "version": "v2"},
    "state, common": {"states": ("failed",)},
    "state, only the oldest": {"states": ("paused",)},
    "agent and rare state": {"agent": "agent-3", "states": ("paused",)},
    "person": {"principal": "person:p7"},
    "business key": {"business_key": "SO-1042"},
    "business key that is unknown": {"business_key": "SO-999999"},
    "one day": {"since": BEGAN + timedelta(days=10), "until": BEGAN + timedelta(days=11)},
    "words": {"text": "so-1042"},
    "words that are nowhere": {"text": "zzzz"},
    "end of an id": {"text": "1234"},
    "last page": {"before": (clock.iso(BEGAN + timedelta(minutes=10)), "run_x")},
}


def fill(db: Database, runs: int) -> None:
    """Rows as large as real ones: about 1.5 kB."""
    chance = random.Random(1)

    def row(number: int) -> dict[str, Any]:
        order = f"SO-{number % 20_000}"
        return {
            **dict.fromkeys(("failure", "parent", "retry_of", "ended_at"), ""),
            "id": f"run_{number:026d}",
            "tenant": "demo",
            "request_key": f"key-{number}",
            "agent": f"agent-{number % 7}",
            "agent_version": f"v{number // 9000}",
            "title": f"Complaint resolution · {order}",
            "business_key": order,
            "state": chance.choice(STATES) if number >= OLDEST else "paused",
            "principal": f"person:p{number % 300}",
            "chain": '["person:p1","agent:agent-1"]',
            "signed_in_by": "password",
            "input": json.dumps({"text": "x" * 600}),
            "result": json.dumps({"reason": "y" * 500}),
            "waiting": "[]",
            "events": 12,
            "trace_id": "0" * 32,
            "created_at": clock.iso(BEGAN + timedelta(minutes=number)),
        }

    for first in range(0, runs, 5000):
        batch = [row(number) for number in range(first, min(first + 5000, runs))]
        db.write_now(lambda tx, batch=batch: tx.connection.execute(store.RUN.insert(), batch))


def analyze(db: Database) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def measure(db: Database, repeat: int) -> dict[str, float]:
    """The median of each search, in milliseconds."""
    found: dict[str, float] = {}
    for name, search in SEARCHES.items():
        times: list[float] = []
        for _ in range(repeat):
            began = time.perf_counter()
            db.read_now(lambda connection, search=search: store.list_runs(connection, "demo", **search))
            times.append((time.perf_counter() - began) * 1000)
        found[name] = round(statistics.median(times), 2)
    return found


def both_arms(url: str, runs: int, repeat: int) -> dict[str, dict[str, float]]:
    db = Database(url)
    db.create_schema()
    fill(db, runs)
    analyze(db)
    indexed = measure(db, repeat)
    with db.engine.begin() as connection:
        for index in store.RUN.indexes:
            if not index.unique:
                index.drop(connection)
    analyze(db)
    bare = measure(db, repeat)
    db.close()
    return {name: {"indexed_ms": indexed[name], "without_indexes_ms": bare[name]} for name in SEARCHES}


def main() -> int:
    parser = argparse.ArgumentParser(description="Search of runs.")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    result: dict[str, Any] = {"runs": given.runs, "repeat": given.repeat}
    if given.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            result["sqlite"] = both_arms(f"sqlite:///{folder}/x.db", given.runs, given.repeat)
    if given.only != "sqlite":
        cluster = PostgresCluster(durable=False)
        try:
            url = f"postgresql+psycopg://postgres@127.0.0.1:{cluster.port}/postgres"
            result["postgresql"] = both_arms(url, given.runs, given.repeat)
        finally:
            cluster.stop()
    (ROOT / "benchmarks" / "results" / "run_search.json").write_text(json.dumps(result, indent=2) + "\n")
    slowest = 0.0
    for database in ("sqlite", "postgresql"):
        for name, one in result.get(database, {}).items():
            slowest = max(slowest, one["indexed_ms"])
            print(f"{database:11} {name:30} {one['indexed_ms']:8.2f} ms   {one['without_indexes_ms']:8.2f} ms without")
    print(f"slowest median: {slowest:.1f} ms, bar {BAR_MILLISECONDS} ms")
    return 1 if given.check and slowest > BAR_MILLISECONDS else 0


if __name__ == "__main__":
    raise SystemExit(main())
