"""How a connector's clear answers look on the wire, and back: one spelling, used by both ends.

A failure is an MCP tool result with `isError` and `structuredContent = {"error": {"kind", "detail", "way_out"}}`.
Kind `unknown` says that the effect may or may not have happened; a caller must never read it as failed.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from chargehand.errors import (
    Ambiguous,
    BadInput,
    ChargehandError,
    Conflict,
    Duplicate,
    Forbidden,
    NotFound,
    NotSignedIn,
    Unavailable,
)
from chargehand.outcome import Failure, FailureKind

# The first that matches wins, so a subclass stands before its base.
_KINDS: tuple[tuple[type[ChargehandError], FailureKind], ...] = (
    (NotFound, "not_found"),
    (Duplicate, "duplicate"),
    (Conflict, "conflict"),
    (Forbidden, "forbidden"),
    (NotSignedIn, "forbidden"),
    (BadInput, "invalid"),
    (Unavailable, "retryable"),
    (Ambiguous, "unknown"),
)


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid")

    error: Failure


def failure_of(error: ChargehandError) -> Failure:
    """The failure that tells of `error`. `retryable` promises that nothing was done; anything unclear is `unknown`."""
    kind: FailureKind = "unknown"
    for known, named in _KINDS:
        if isinstance(error, known):
            kind = named
            break
    return Failure(kind=kind, detail=str(error) if not error.way_out else error.detail, way_out=error.way_out)


def envelope(failure: Failure) -> dict[str, Any]:
    """The structured content of a failed call."""
    return {"error": failure.model_dump()}


def read_envelope(content: Any) -> Failure | None:
    """The inverse of `envelope`; None for anything that does not look exactly like it."""
    try:
        failure = _Envelope.model_validate(content).error
    except ValidationError:
        return None
    # Policy and people are the gateway's to speak for.
    return None if failure.kind in ("policy", "people") else failure
