"""How a command ends when it can't do what was asked: one line that says why and the way out, and an exit code.

0  done
1  not done: denied, refused, not found, changed meanwhile, or the run failed
2  usage or bad input: an option, a file, an argument
3  unavailable: the API or something it needs does not answer; try again
4  verification failed: evidence, a policy case or a pin does not hold
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chargehand.errors import ChargehandError

NOT_DONE = 1
USAGE = 2
UNAVAILABLE = 3
NOT_VERIFIED = 4


class CommandFailed(Exception):
    """Ends the command with `code`. `error_id` finds the matching entry in the API's log."""

    def __init__(self, detail: str, *, code: int = NOT_DONE, way_out: str = "", error_id: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.way_out = way_out
        self.error_id = error_id

    def problem(self) -> dict[str, Any]:
        found = {"error": self.detail, "way_out": self.way_out, "error_id": self.error_id, "exit_code": self.code}
        return {name: value for name, value in found.items() if value}


def code_of(status: int) -> int:
    """The exit code for an HTTP status."""
    if status in (400, 405, 413, 415, 422):
        return USAGE
    return UNAVAILABLE if status >= 500 else NOT_DONE


def from_problem(document: Mapping[str, Any], status: int) -> CommandFailed:
    """From a problem document (RFC 9457) of the API."""
    errors = document.get("errors") or ()
    detail = str(document.get("detail") or document.get("title") or f"HTTP {status}")
    if len(errors) > 1:
        detail = "; ".join(f"{error['field']}: {error['detail']}" for error in errors)
    way_out = str(document.get("way_out") or "")
    if way_out and detail.endswith(way_out):
        detail = detail.removesuffix(way_out).strip()
    error_id = str(document.get("instance", "")).rpartition(":")[2] if status >= 500 else ""
    return CommandFailed(detail, code=code_of(status), way_out=way_out, error_id=error_id)


def from_error(error: ChargehandError) -> CommandFailed:
    """From an error that was raised on this side."""
    detail = str(error).removesuffix(error.way_out).strip() if error.way_out else str(error)
    return CommandFailed(detail, code=code_of(error.status), way_out=error.way_out)
