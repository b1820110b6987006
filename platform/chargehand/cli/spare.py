"""A process that has imported what it needs and waits to be told: `python -m chargehand.cli.spare MODULE`.

Most of a process's start is importing libraries. A spare has done that before it is needed; with the first line on its
standard input it becomes MODULE, as `python -m MODULE` would. Where the input ends without one it leaves.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

LINE = b"go\n"


def main(module: str) -> None:
    if getattr(importlib.import_module(module), "__path__", None):
        module = f"{module}.__main__"
        importlib.import_module(module)
    sys.modules.pop(module)  # it is run afresh, as __main__; what it imported stays
    if not sys.stdin.buffer.readline():
        os._exit(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.argv.pop(0)
    main(sys.argv[0])
