"""What the static check says."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Rule = Literal[
    "unbounded-loop",
    "write-without-way-to-deny",
    "error-branch-without-person",
    "non-deterministic-call",
    "shared-state",
    "leaf-not-awaited",
    "tool-not-declared",
    "tool-not-used",
]


class Finding(BaseModel):
    """One thing that is wrong, where it stands, and the way out."""

    rule: Rule
    node: str = Field(description="Path of the node, as a run's steps name it; empty: the whole agent")
    file: str
    line: int = Field(ge=0, description="1-based; 0: the file as a whole")
    wrong: str
    way_out: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class Report(BaseModel):
    """The check of one agent. `allowed` are findings that the source allows with a reason, `not_checked` says why."""

    agent: str
    findings: list[Finding]
    allowed: list[Finding] = Field(default_factory=list[Finding])
    not_checked: list[str] = Field(default_factory=list[str])
