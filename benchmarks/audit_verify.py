"""How long a verifier needs for a million records, on one core, with the verifier's two files alone.

    python benchmarks/audit_verify.py [--records 1000000]

Builds a log, signs it, writes one evidence file of all of it, and verifies that with `verifier.py` and `format.py` in
an empty folder, pinned to one core. The control is the least that any verifier must do: read the lines and hash each
leaf (SHA-256) on the same core. CPU seconds count: what else the machine does changes the wall clock only. Results go
to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.support.scratch import scratch  # noqa: E402

AUDIT = ROOT / "platform" / "chargehand" / "audit"

from chargehand import clock  # noqa: E402
from chargehand.audit.evidence import Prover  # noqa: E402
from chargehand.audit.integrator import Integrator  # noqa: E402
from chargehand.audit.log import append, initialise  # noqa: E402
from chargehand.audit.model import Record, Who  # noqa: E402
from chargehand.database import Database  # noqa: E402

CONTROL = """
import sys, zipfile
from hashlib import sha256
with zipfile.ZipFile(sys.argv[1]) as file, file.open("records.jsonl") as lines:
    print(sum(1 for line in lines if sha256(b"\\0" + line).digest()))
"""


def build(folder: Path, records: int) -> Path:
    """An evidence file of `records` records of about 500 bytes."""
    db = Database(f"sqlite:///{folder}/log.db")
    db.create_schema()
    initialise(db)
    first = Record(
        id="rec_0", at=clock.iso(clock.now()), tenant="demo", kind="intent", who=Who(principal="person:amy"),
    )  # fmt: skip
    db.write_now(lambda tx: append(tx, first))
    raw = sqlite3.connect(folder / "log.db")
    raw.execute("PRAGMA synchronous=OFF")
    raw.executemany(
        "INSERT INTO audit_leaf (tenant, seq, leaf) VALUES ('demo', ?, ?)", ((n, leaf(n)) for n in range(1, records))
    )
    raw.execute("UPDATE audit_head SET size = ?", (records,))
    raw.execute("INSERT INTO audit_projected (tenant, size) VALUES ('demo', ?)", (records,))
    raw.commit()
    raw.close()
    integrator = Integrator(db, folder / "state")
    assert integrator.tick()
    integrator.close()
    target = folder / "evidence.zip"
    Prover(db, folder / "state", "demo").write(target)
    db.close()
    return target


def leaf(n: int) -> bytes:
    return (
        f'{{"schema_version":1,"id":"rec_{n:026d}","at":"2026-11-24T10:00:00.{n % 1_000_000:06d}Z","tenant":"demo",'
        f'"kind":"intent","who":{{"principal":"person:amy","chain":["person:amy","agent:complaint-resolution"],'
        f'"agent":"agent:complaint-resolution","agent_version":"1.4.2"}},"run":"run_{n // 12:026d}","step":"refund",'
        f'"call_key":"{n:064x}","tool":"erp.create_credit_note","effect":"irreversible","arguments":'
        f'{{"order":"SO-{n}","amount":"{n % 10_000}.00","currency":"CNY"}},"decision":"allow","rules":["small"]}}'
    ).encode()


def timed(command: list[str], folder: Path) -> dict[str, float]:
    """Wall and CPU seconds and peak memory of a process pinned to one core."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.perf_counter() - began, "cpu_s": cpu, "peak_mb": after.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    given = parser.parse_args()
    folder = scratch("audit-verify-")
    try:
        evidence = build(folder, given.records)
        alone = folder / "alone"
        alone.mkdir()
        for name in ("verifier.py", "format.py"):
            shutil.copy(AUDIT / name, alone / name)
        (folder / "control.py").write_text(CONTROL)
        key = str(folder / "state" / "log" / "demo" / "key")
        arms: dict[str, dict[str, Any]] = {
            "control": timed([sys.executable, str(folder / "control.py"), str(evidence)], folder),
            "verify": timed([sys.executable, str(alone / "verifier.py"), str(evidence), "--key", key], alone),
        }
        for name, row in arms.items():
            print(
                f"{name:8s} {given.records:,} records: CPU {row['cpu_s']:6.1f} s, wall {row['wall_s']:6.1f} s, "
                f"peak so far {row['peak_mb']:.0f} MB",
                flush=True,
            )
        result = {
            "at": clock.iso(datetime.now(UTC)), "machine": platform.platform(), "cores": os.cpu_count(),
            "load": os.getloadavg(), "python": platform.python_version(), "records": given.records,
            "evidence_bytes": evidence.stat().st_size, "arms": arms,
        }  # fmt: skip
        (ROOT / "benchmarks/results/audit_verify.json").write_text(json.dumps(result, indent=1) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
