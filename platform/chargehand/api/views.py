"""What HTTP shows of the API itself: health, problems, live events."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """No more than a load balancer needs: this is the one thing shown without signing in."""

    status: Literal["ok", "degraded"]
    version: str


class FieldProblem(BaseModel):
    field: str = Field(description="Path, e.g. `input.amount`")
    value: str = Field("", description="As given, shortened")
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:chargehand:bad-input"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="`urn:chargehand:error:<id>`: the id that finds it in the logs")
    way_out: str = ""
    errors: list[FieldProblem] = Field(default_factory=list[FieldProblem])


class Counts(BaseModel):
    """Live: what the navigation shows."""

    approvals_waiting_for_me: int
    tasks_waiting_for_me: int
    runs_open: int
    calls_in_doubt: int
    alerts_open: int
    frozen: int


LiveKind = Literal[
    "reset", "counts", "run", "task", "call", "approval", "mandate", "freeze", "policy", "connector", "alert"
]


class LiveEvent(BaseModel):
    """One server-sent event. `kind` is also its event name; its id is a position in the action log."""

    kind: LiveKind
    id: str = Field(description="What changed, e.g. a run id; empty for counts and reset")
    run: str = ""
    tool: str = ""
    state: str = ""
    counts: Counts | None = None
