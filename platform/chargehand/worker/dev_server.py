"""How Temporal's dev server is started here: as durable as it is by default, and ten times faster a step.

Two of its defaults make each step of a run wait about 50 ms (docs/decisions/0130):
- it reads its one shard's queue at most 20 times a second (`history.transferProcessorMaxPollRPS`), and each step of
  each run is such a read; a cluster has hundreds of shards and does not feel it;
- it keeps SQLite's rollback journal, several syncs a transaction. A write-ahead log needs one, and is as durable.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from chargehand.errors import BadSettings

READS_A_SECOND = 1000


def program(name: str, package: str) -> Path:
    """Where an installed package put its program. Raises BadSettings that names the package."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise BadSettings(f"the program {name} is not installed", way_out=f"Install {package}.")
    return Path(found)


def dev_server(
    port: int, *, host: str = "127.0.0.1", database: Path | None = None, ui_port: int | None = None
) -> list[str]:
    """The command. Without a `database` file it keeps everything in memory; with a `ui_port` it serves its own UI.

    Raises:
        BadSettings: it is not installed.
    """
    command = [str(program("temporal", "'chargehand[dev-server]'")), "server", "start-dev"]
    command += ["--ip", host, "--port", str(port), "--log-level", "warn"]
    command += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port)]
    command += ["--dynamic-config-value", f"history.transferProcessorMaxPollRPS={READS_A_SECOND}"]
    if database is not None:
        command += ["--db-filename", str(database)]
        command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"]
    return command
