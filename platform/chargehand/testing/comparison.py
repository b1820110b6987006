"""Two versions of an agent on the same cases, with effects stubbed: what would have been done differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from chargehand.testing.evaluation import CaseReport, Evaluation, MadeCall

Kind = Literal["added", "removed", "arguments", "decision", "outcome", "order", "approvals", "result", "state", "cost"]


class Change(BaseModel):
    """One difference, as a sentence."""

    kind: Kind
    tool: str = ""
    says: str


class CaseComparison(BaseModel):
    """A case on both versions. No changes: both did the same."""

    name: str
    about: str = ""
    changes: list[Change] = Field(default_factory=list[Change])
    old: CaseReport
    new: CaseReport


class Comparison(BaseModel):
    """The whole set. `old` and `new` name what was compared."""

    format: Literal[1] = 1
    old: str
    new: str
    cases: list[CaseComparison]

    @property
    def changed(self) -> int:
        return sum(bool(one.changes) for one in self.cases)


def compare(old: Evaluation, new: Evaluation, *, names: tuple[str, str] = ("old", "new")) -> Comparison:
    """Compare two evaluations of the same cases; a case that only one has is left out."""
    other = {one.name: one for one in new.cases}
    cases = [
        CaseComparison(name=one.name, about=one.about, changes=list(_changes(one, other[one.name])), old=one,
                       new=other[one.name])
        for one in old.cases
        if one.name in other
    ]  # fmt: skip
    return Comparison(old=names[0], new=names[1], cases=cases)


def _changes(old: CaseReport, new: CaseReport) -> Iterator[Change]:
    pairs = list(_paired(old.calls, new.calls))
    for before, after in pairs:
        yield from _of_call(before, after)
    both = [(before, after) for before, after in pairs if before and after]
    if [new.calls.index(after) for _, after in both] != sorted(new.calls.index(after) for _, after in both):
        was = " → ".join(one.tool for one in old.calls)
        yield Change(kind="order", says=f"The calls come in another order; they were {was}.")
    if old.approvals != new.approvals:
        yield Change(
            kind="approvals",
            says=f"Approvals: {', '.join(new.approvals) or 'none'}; before: {_or_none(old.approvals)}.",
        )
    if old.state != new.state:
        why = f": {new.failure}" if new.failure else ""
        yield Change(
            kind="state", says=f"The run is {new.state or 'not started'}, was {old.state or 'not started'}{why}"
        )
    for path, was, now in _differences("result", old.result, new.result):
        yield Change(kind="result", says=f"{path} is {now!r}, was {was!r}.")
    if (old.tokens, old.cost) != (new.tokens, new.cost):
        yield Change(kind="cost", says=f"{new.tokens} tokens{_money(new)}, were {old.tokens}{_money(old)}.")


def _of_call(before: MadeCall | None, after: MadeCall | None) -> Iterator[Change]:
    if before is None and after is not None:
        how = f"{after.decision or 'refused'}, {after.outcome}"
        yield Change(
            kind="added", tool=after.tool, says=f"{after.tool} is called ({how}) with {_shown(after.arguments)}."
        )
    elif after is None and before is not None:
        yield Change(kind="removed", tool=before.tool, says=f"{before.tool} is not called; it was {before.outcome}.")
    elif before is not None and after is not None:
        tool = before.tool
        for path, was, now in _differences("", before.arguments, after.arguments):
            yield Change(kind="arguments", tool=tool, says=f"{tool}: {path} is {now!r}, was {was!r}.")
        if before.decision != after.decision:
            rules = f" (rules {', '.join(after.rules)})" if after.rules else ""
            yield Change(
                kind="decision", tool=tool, says=f"{tool}: policy says {after.decision}{rules}, said {before.decision}."
            )
        if before.outcome != after.outcome:
            yield Change(kind="outcome", tool=tool, says=f"{tool} is {after.outcome}, was {before.outcome}.")


def _paired(old: Sequence[MadeCall], new: Sequence[MadeCall]) -> Iterator[tuple[MadeCall | None, MadeCall | None]]:
    """Calls of a tool that belong together: the same arguments first, then in order; others have no counterpart."""
    left = list(new)
    waiting: list[MadeCall] = []
    taken: dict[int, MadeCall] = {}
    for one in old:
        same = next((other for other in left if (other.tool, other.arguments) == (one.tool, one.arguments)), None)
        if same is None:
            waiting.append(one)
        else:
            taken[id(one)] = same
            left = [other for other in left if other is not same]
    for one in waiting:
        near = next((other for other in left if other.tool == one.tool), None)
        if near is not None:
            taken[id(one)] = near
            left = [other for other in left if other is not near]
    for one in old:
        yield one, taken.get(id(one))
    for one in left:
        yield None, one


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every place at which two JSON values differ, with both."""
    if isinstance(old, dict) and isinstance(new, dict):
        one, other = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for name in dict.fromkeys([*one, *other]):
            yield from _differences(f"{path}.{name}" if path else name, one.get(name), other.get(name))
    elif old != new:
        yield path, old, new


def _shown(arguments: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return text if len(text) <= 200 else f"{text[:200]}…"


def _money(report: CaseReport) -> str:
    return "".join(f", {amount} {currency}" for currency, amount in report.cost.items())


def _or_none(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"
