"""Identifiers: a short prefix that says what it names, and a ULID that sorts by time.

Never called inside a workflow: there, names are derived from the run and the position (see `runs`).
"""

from __future__ import annotations

from ulid import ULID


def new_id(prefix: str) -> str:
    """A fresh id such as `apr_01JAB3…`; ids with one prefix sort by creation time to the millisecond."""
    return f"{prefix}_{ULID()}"
