"""How a worker process begins and ends: logs to stderr, and a signal ends it gently."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from chargehand import telemetry
from chargehand.errors import ChargehandError
from chargehand.settings import Settings, settings

READY_FILE = "CHARGEHAND_READY_FILE"
"""Names a file to make once the process serves; whoever started it waits for that."""


async def until_told(*watched: asyncio.Task[Any]) -> None:
    """Say that we are up, and return at SIGTERM or SIGINT; raise what one of the watched tasks raised before."""
    if sign := os.environ.get(READY_FILE):
        Path(sign).touch()  # noqa: ASYNC240  # once, before anything is served
    _spare_collector()
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, told.set)
    waiting = asyncio.create_task(told.wait())
    done, _ = await asyncio.wait([waiting, *watched], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        task.result()


def _spare_collector() -> None:
    """What was imported stays: the cycle collector need not walk through all of it again and again.

    It is not made to start less often, which would save a little more: garbage of runs would lie about for longer, and
    a thousand waiting runs would need 136 MB instead of 92 (benchmarks/runtime_parked.py).
    """
    gc.collect()
    gc.freeze()


def run(serve: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run a worker process to its end and exit.

    Temporal's core writes its own log to stdout, and blocks the worker when nobody reads it: stdout is pointed at
    stderr, which whoever starts us keeps. The interpreter sometimes aborts while it unloads the core, so the process
    leaves without that.
    """
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(level=settings().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    code = 0
    try:
        asyncio.run(serve(settings()))
    except ChargehandError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    except BaseException:
        logging.getLogger("chargehand.worker").exception("The worker ended.")
        code = 2
    telemetry.shutdown()
    sys.stderr.flush()
    os._exit(code)
