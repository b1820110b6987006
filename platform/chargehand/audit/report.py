"""What a verification found: in words, as JSON and as an exit code. It needs nothing of the platform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit. `record` is the number of the first record concerned, if there is one."""

    kind: str
    detail: str
    record: int | None = None


@dataclass(slots=True)
class Report:
    """What was found. `ok` only if nothing is wrong; warnings say what the file can't prove."""

    origin: str = ""
    key: str = ""
    first: int = 0
    end: int = 0
    present: int = 0
    checkpoints: int = 0
    rotations: int = 0
    witnesses: set[str] = field(default_factory=set[str])
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def exit_code(self) -> int:
        return 0 if self.ok else 3 if any(problem.kind == "split view" for problem in self.problems) else 1

    def add(self, kind: str, detail: str, record: int | None = None) -> None:
        self.problems.append(Problem(kind, detail, record))

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield f"log        {self.origin}"
        yield f"key        {self.key}" + (f", and {self.rotations} that followed it" if self.rotations else "")
        yield f"records    {self.first} to {self.end - 1}, {self.present} present" if self.end else "records    none"
        yield f"checked    {self.checkpoints} checkpoints" + (
            f", cosigned by {', '.join(sorted(self.witnesses))}" if self.witnesses else ""
        )
        for warning in self.warnings:
            yield f"note       {warning}"
        for problem in self.problems:
            yield f"WRONG      {problem.kind}: {problem.detail}"
        yield "RESULT     " + ("everything fits" if self.ok else "DOES NOT FIT")

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "ok": self.ok,
            "origin": self.origin,
            "key": self.key,
            "first": self.first,
            "end": self.end,
            "present": self.present,
            "checkpoints": self.checkpoints,
            "rotations": self.rotations,
            "witnesses": sorted(self.witnesses),
            "problems": [{"kind": one.kind, "record": one.record, "detail": one.detail} for one in self.problems],
            "warnings": self.warnings,
        }
