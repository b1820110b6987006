"""Queries of the action log over millions of records, each answer checked against what the generator knows.

    python benchmarks/audit_query.py [--rows 5000000] [--repeats 25] [--only sqlite|postgresql]

Loads one tenant's log in bulk (leaves, rows, text index and hourly counts, each row derived by the projection's own
function), then asks each question with changing parameters. Results: benchmarks/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.support.scratch import scratch  # noqa: E402

from chargehand import clock  # noqa: E402
from chargehand.audit import projection  # noqa: E402
from chargehand.audit.log import initialise  # noqa: E402
from chargehand.audit.service import AuditService  # noqa: E402
from chargehand.database import Database  # noqa: E402
from fixtures.postgres import PostgresCluster  # noqa: E402

TENANT = "demo"
DAYS = 365
CHUNK = 50_000
PEOPLE = [f"person:p{n:03d}" for n in range(200)]
TOOLS = [f"{c}.{v}" for c in ("erp", "crm", "mes", "mail", "logistics") for v in ("get", "find", "create", "cancel")]
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS)
DECISIONS = ("allow", "deny", "ask")


class Truth:
    """What record `n` of `rows` says: plain arithmetic, so that any answer can be computed without a database."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.step = DAYS * 86_400_000_000 // rows
        self.start = int(START.timestamp()) * 1_000_000

    def mix(self, n: int) -> int:
        return (n * 2_654_435_761 ^ (n >> 7) * 40_503) & 0xFFFFFFFF

    def at(self, n: int) -> int:
        return self.start + n * self.step

    def person(self, n: int) -> int:
        return self.mix(n) % len(PEOPLE)

    def tool(self, n: int) -> int:
        return (self.mix(n) >> 8) % len(TOOLS)

    def decision(self, n: int) -> str:
        roll = (self.mix(n) >> 13) % 100
        return "deny" if roll < 2 else "ask" if roll < 5 else "allow"

    def outcome(self, n: int) -> str:
        return "" if self.decision(n) != "allow" else "failed" if (self.mix(n) >> 17) % 100 == 0 else "succeeded"

    def run(self, n: int) -> int:
        return n // 12

    def rare(self, n: int) -> int:
        """A word that about ten records share."""
        return self.mix(n) % max(self.rows // 10, 1)

    def newest(self, holds: Callable[[int], bool], limit: int = 50) -> list[int]:
        return list(islice((n for n in range(self.rows - 1, -1, -1) if holds(n)), limit))


def content(t: Truth, n: int) -> tuple[bytes, tuple[Any, ...]]:
    at = t.at(n)
    moment = datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
    person, tool, decision, outcome = PEOPLE[t.person(n)], TOOLS[t.tool(n)], t.decision(n), t.outcome(n)
    said = f'"outcome":"{outcome}",' if outcome else ""
    leaf = (
        f'{{"schema_version":1,"id":"rec_{n:012d}","at":"{clock.iso(moment)}","tenant":"demo","kind":"intent",'
        f'"who":{{"principal":"{person}","chain":["{person}","agent:helper"],"agent":"agent:helper",'
        f'"agent_version":"1.0.0","signed_in_by":""}},"run":"run_{t.run(n)}","tool":"{tool}","effect":"write",'
        f'"arguments":{{"order":"SO-{n}","amount":"{n % 10_000}.00","note":"goods arrived broken w{t.rare(n)}"}},'
        f'"decision":"{decision}","rules":["base"],{said}'
        f'"business_key":"SO-{n}"}}'
    ).encode()
    return leaf, projection._row(TENANT, n, leaf)  # pyright: ignore[reportPrivateUsage]  # as the integrator does


def chunks(t: Truth) -> Iterator[tuple[list[tuple[str, int, bytes]], list[tuple[Any, ...]]]]:
    for start in range(0, t.rows, CHUNK):
        made = [content(t, n) for n in range(start, min(start + CHUNK, t.rows))]
        yield [(TENANT, start + n, leaf) for n, (leaf, _) in enumerate(made)], [row for _, row in made]


def load(t: Truth, db: Database) -> None:
    """Bulk load; indexes are made afterwards."""
    names = ", ".join(projection.COLUMNS)
    at, kind = projection.COLUMNS.index("at"), projection.COLUMNS.index("kind")
    rolled = [projection.COLUMNS.index(name) for name in projection._ROLLED]  # pyright: ignore[reportPrivateUsage]
    words = projection.COLUMNS.index("words")
    counts: Counter[tuple[Any, ...]] = Counter()
    raw: Any
    if db.is_sqlite:
        raw = sqlite3.connect(db.url.removeprefix("sqlite:///"), isolation_level=None)
        raw.execute("PRAGMA synchronous=OFF")
        indexes = [
            r[0] for r in raw.execute("SELECT sql FROM sqlite_master WHERE name GLOB '*_audit_record_*' AND sql > ''")
        ]
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE name GLOB '*_audit_record_*' AND sql > ''"
        ).fetchall():
            raw.execute(f"DROP INDEX {name}")
    else:
        raw = psycopg.connect(db.url.replace("+psycopg", ""), autocommit=True)
        indexes = [
            r[0] for r in raw.execute("SELECT indexdef FROM pg_indexes WHERE indexname ~ '^[iu]x_audit_record_'")
        ]
        for (name,) in raw.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname ~ '^[iu]x_audit_record_'"
        ).fetchall():
            raw.execute(f"DROP INDEX {name}")
    done = 0
    for leaves, rows in chunks(t):
        if db.is_sqlite:
            raw.execute("BEGIN")
            raw.executemany("INSERT INTO audit_leaf (tenant, seq, leaf) VALUES (?, ?, ?)", leaves)
            marks = ", ".join("?" * (len(projection.COLUMNS) + 1))
            raw.executemany(
                f"INSERT INTO audit_record (n, {names}) VALUES ({marks})",
                [(done + i + 1, *r) for i, r in enumerate(rows)],
            )
            raw.executemany(
                "INSERT INTO audit_words (rowid, words) VALUES (?, ?)",
                [(done + i + 1, r[words]) for i, r in enumerate(rows)],
            )
            raw.execute("COMMIT")
        else:
            with raw.cursor() as cursor:
                with cursor.copy("COPY audit_leaf (tenant, seq, leaf) FROM STDIN") as copy:
                    for leaf in leaves:
                        copy.write_row(leaf)
                with cursor.copy(f"COPY audit_record ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
        counts.update((r[at] // 3_600_000_000, r[kind], *(r[i] for i in rolled)) for r in rows)
        done += len(rows)
        print(f"\r{done:,} rows", end="", flush=True)
    mark = "?" if db.is_sqlite else "%s"
    raw.execute("BEGIN")
    cursor = raw.cursor()
    cursor.executemany(
        "INSERT INTO audit_rollup (tenant, hour, kind, agent, tool, effect, decision, outcome, n) "
        f"VALUES ({', '.join([mark] * 9)})",
        [(TENANT, *key, n) for key, n in counts.items()],
    )
    raw.execute(f"INSERT INTO audit_head (tenant, size, halted) VALUES ('demo', {t.rows}, '')")
    raw.execute(f"INSERT INTO audit_projected (tenant, size) VALUES ('demo', {t.rows})")
    raw.execute("COMMIT")
    for index in indexes:
        raw.execute(index)
    raw.execute("ANALYZE")
    raw.close()
    print()


def questions(t: Truth, rng: random.Random) -> dict[str, Callable[[], tuple[str, Callable[[int], bool]]]]:
    """Name → a fresh filter and what it must find."""

    def by_run() -> tuple[str, Callable[[int], bool]]:
        run = rng.randrange(t.rows // 12)
        return f"run:run_{run}", lambda n: t.run(n) == run

    def person_week() -> tuple[str, Callable[[int], bool]]:
        person = rng.randrange(len(PEOPLE))
        day = rng.randrange(DAYS - 8)
        low = START + timedelta(days=day)
        high = low + timedelta(days=7)
        ends = int(low.timestamp()) * 1_000_000, int(high.timestamp()) * 1_000_000
        text = f"principal:{PEOPLE[person]} at >= {low:%Y-%m-%dT%H:%M:%SZ} at < {high:%Y-%m-%dT%H:%M:%SZ}"
        return text, lambda n: t.person(n) == person and ends[0] <= t.at(n) < ends[1]

    def tool_deny() -> tuple[str, Callable[[int], bool]]:
        tool = rng.randrange(len(TOOLS))
        return f"tool:{TOOLS[tool]} decision:deny", lambda n: t.tool(n) == tool and t.decision(n) == "deny"

    def connector_failed() -> tuple[str, Callable[[int], bool]]:
        connector = TOOLS[rng.randrange(len(TOOLS))].partition(".")[0]
        return (
            f"tool:{connector}.* outcome:failed",
            lambda n: TOOLS[t.tool(n)].startswith(f"{connector}.") and t.outcome(n) == "failed",
        )

    def rare_text() -> tuple[str, Callable[[int], bool]]:
        word = t.rare(rng.randrange(t.rows))
        return f"w{word}", lambda n: t.rare(n) == word

    def common_text() -> tuple[str, Callable[[int], bool]]:
        return "broken goods", lambda _: True

    def order() -> tuple[str, Callable[[int], bool]]:
        wanted = rng.randrange(t.rows)
        return f"order:SO-{wanted}", lambda n: n == wanted

    def newest_asks() -> tuple[str, Callable[[int], bool]]:
        person = rng.randrange(len(PEOPLE))
        return f"decision:ask principal:{PEOPLE[person]}", lambda n: t.decision(n) == "ask" and t.person(n) == person

    def amount_of_person() -> tuple[str, Callable[[int], bool]]:
        person = rng.randrange(len(PEOPLE))
        text = f"principal:{PEOPLE[person]} arguments.amount >= 9900"
        return text, lambda n: t.person(n) == person and n % 10_000 >= 9_900

    return {
        "one run": by_run, "person, 7 days": person_week, "tool + deny": tool_deny,
        "connector + failed": connector_failed,
        "rare word": rare_text, "common words": common_text, "order": order, "person + ask": newest_asks,
        "person + amount": amount_of_person,
    }  # fmt: skip


async def ask(t: Truth, db: Database, repeats: int) -> dict[str, list[float]]:
    service, rng = AuditService(db), random.Random(7)
    times: dict[str, list[float]] = {}
    made = questions(t, rng)
    for name, question in made.items():
        for turn in range(repeats):
            text, holds = question()
            before = time.perf_counter()
            page = await service.query(TENANT, text, limit=50)
            times.setdefault(name, []).append((time.perf_counter() - before) * 1_000)
            if turn < 3:
                assert [item.seq for item in page.items] == t.newest(holds), f"{name}: {text}: wrong answer"
    decisions = Counter(t.decision(n) for n in range(t.rows))
    for turn in range(repeats):
        before = time.perf_counter()
        bars = await service.histogram(TENANT, "", bucket="day", by="decision")
        times.setdefault("day x decision", []).append((time.perf_counter() - before) * 1_000)
        before = time.perf_counter()
        facets = await service.facets(TENANT, "tool:erp.* decision:deny", fields=["tool"])
        times.setdefault("facet tools", []).append((time.perf_counter() - before) * 1_000)
        if turn == 0:
            totals: Counter[str] = Counter()
            for bar in bars:
                totals[bar.value] += bar.count
            assert totals == decisions, "the chart counts something else"
            tools = Counter(TOOLS[t.tool(n)] for n in range(t.rows) if t.decision(n) == "deny" and t.tool(n) < 4)
            assert dict(facets[0].values) == dict(tools), "the facet counts something else"
    return times


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    t = Truth(given.rows)
    kinds = [given.only] if given.only else ["sqlite", "postgresql"]
    results: list[dict[str, Any]] = []
    for kind in kinds:
        folder = scratch("audit-query-")
        cluster = PostgresCluster(durable=False) if kind == "postgresql" else None
        try:
            db = Database(cluster.create_database("q") if cluster else f"sqlite:///{folder}/log.db")
            db.create_schema()
            initialise(db)
            before = time.perf_counter()
            load(t, db)
            print(f"{kind}: loaded {t.rows:,} records in {time.perf_counter() - before:.0f} s")
            for name, times in (await ask(t, db, given.repeats)).items():
                times.sort()
                p95 = times[int(len(times) * 0.95)]
                print(f"{kind:11s}{name:20s} median {statistics.median(times):8.1f}  p95 {p95:8.1f} ms", flush=True)
                results.append({"database": kind, "question": name, "p95_ms": p95, "ms": times})
            db.close()
        finally:
            if cluster:
                cluster.stop()
            shutil.rmtree(folder, ignore_errors=True)
    result = {
        "at": clock.iso(datetime.now(UTC)), "machine": platform.platform(), "cores": os.cpu_count(),
        "load": os.getloadavg(), "rows": t.rows, "results": results,
    }  # fmt: skip
    name = f"audit_query{'_' + given.only if given.only else ''}.json"
    (ROOT / "benchmarks/results" / name).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
