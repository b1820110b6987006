"""Two versions of an agent on the same cases, with effects stubbed: what would have been done differently."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from chargehand.testing.evaluation import CaseReport, Evaluation, MadeCall

Kind = Literal["added", "removed", "arguments", "decision", "outcome", "order", "approvals", "result", "state", "cost"]


class Change(BaseModel):
    """One difference, as a sentence; `what` is the same in every case that differs so, `was` and `now` are values."""

    kind: Kind
    tool: str = ""
    says: str
    what: str = ""
    was: str = ""
    now: str = ""


class CaseComparison(BaseModel):
    """A case on both versions. No changes: both did the same."""

    name: str
    about: str = ""
    changes: list[Change] = Field(default_factory=list[Change])
    old: CaseReport
    new: CaseReport


class Comparison(BaseModel):
    """The whole set. `old` and `new` name what was compared; `policy` is the revision that decided in both."""

    format: Literal[1] = 1
    old: str
    new: str
    policy: str = ""
    cases: list[CaseComparison]

    @property
    def changed(self) -> int:
        return sum(bool(one.changes) for one in self.cases)

    @property
    def kinds(self) -> dict[str, list[str]]:
        """What differs, the most frequent first: the cases that differ so."""
        found: dict[str, list[str]] = {}
        for case in self.cases:
            for what in dict.fromkeys(change.what for change in case.changes):
                found.setdefault(what, []).append(case.name)
        return dict(sorted(found.items(), key=lambda one: -len(one[1])))


def compare(old: Evaluation, new: Evaluation, *, names: tuple[str, str] = ("old", "new")) -> Comparison:
    """Compare two evaluations of the same cases; a case that only one has is left out."""
    other = {one.name: one for one in new.cases}
    cases = [
        CaseComparison(name=one.name, about=one.about, changes=list(_changes(one, other[one.name])), old=one,
                       new=other[one.name])
        for one in old.cases
        if one.name in other
    ]  # fmt: skip
    return Comparison(old=names[0], new=names[1], policy=new.policy, cases=cases)


def _changes(old: CaseReport, new: CaseReport) -> Iterator[Change]:
    pairs = list(_paired(old.calls, new.calls))
    for before, after in pairs:
        yield from _of_call(before, after)
    both = [(before, after) for before, after in pairs if before and after]
    if [new.calls.index(after) for _, after in both] != sorted(new.calls.index(after) for _, after in both):
        was = " → ".join(one.tool for one in old.calls)
        now = " → ".join(one.tool for one in new.calls)
        says = f"The calls come in another order; they were {was}."
        yield Change(kind="order", says=says, what="order of the calls", was=was, now=now)
    if old.approvals != new.approvals:
        was, now = _or_none(old.approvals), _or_none(new.approvals)
        yield Change(kind="approvals", says=f"Approvals: {now}; before: {was}.", what="approvals", was=was, now=now)
    if old.state != new.state:
        why = f": {new.failure}" if new.failure else ""
        was, now = old.state or "not started", new.state or "not started"
        says = f"The run is {now}, was {was}{why}"
        yield Change(kind="state", says=says, what="state of the run", was=was, now=f"{now}{why}")
    for path, was, now in _differences("result", old.result, new.result):
        says = f"{path} is {now!r}, was {was!r}."
        yield Change(kind="result", says=says, what=path, was=_shown_value(was), now=_shown_value(now))
    if (old.tokens, old.cost) != (new.tokens, new.cost):
        was, now = f"{old.tokens}{_money(old)}", f"{new.tokens}{_money(new)}"
        yield Change(
            kind="cost", says=f"{new.tokens} tokens{_money(new)}, were {was}.", what="tokens", was=was, now=now
        )


def _of_call(before: MadeCall | None, after: MadeCall | None) -> Iterator[Change]:
    if before is None and after is not None:
        how = f"{after.decision or 'refused'}, {after.outcome}"
        says = f"{after.tool} is called ({how}) with {_shown(after.arguments)}."
        now = f"{how}: {_shown(after.arguments)}"
        yield Change(kind="added", tool=after.tool, says=says, what=f"{after.tool} is called", now=now)
    elif after is None and before is not None:
        says = f"{before.tool} is not called; before, it {_ended(before.outcome)}."
        was = f"{before.decision or 'refused'}, {before.outcome}: {_shown(before.arguments)}"
        yield Change(kind="removed", tool=before.tool, says=says, what=f"{before.tool} is not called", was=was)
    elif before is not None and after is not None:
        tool = before.tool
        for path, was, now in _differences("", before.arguments, after.arguments):
            says, what = f"{tool}: {path} is {now!r}, was {was!r}.", f"{tool}: {path}"
            texts = {"was": _shown_value(was), "now": _shown_value(now)}
            yield Change(kind="arguments", tool=tool, says=says, what=what, **texts)
        if before.decision != after.decision:
            rules = f" (rules {', '.join(after.rules)})" if after.rules else ""
            says = f"{tool}: policy says {after.decision}{rules}, said {before.decision}."
            said = {"was": before.decision, "now": f"{after.decision}{rules}"}
            yield Change(kind="decision", tool=tool, says=says, what=f"{tool}: what policy says", **said)
        if before.outcome != after.outcome:
            says, what = f"{tool} is {after.outcome}, was {before.outcome}.", f"{tool}: how it ends"
            yield Change(kind="outcome", tool=tool, says=says, what=what, was=before.outcome, now=after.outcome)


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


def _shown_value(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _ended(outcome: str) -> str:
    return outcome if outcome in ("succeeded", "failed") else f"was {outcome}"


def _money(report: CaseReport) -> str:
    return "".join(f", {amount} {currency}" for currency, amount in report.cost.items())


def _or_none(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"
