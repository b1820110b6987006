"""An evaluation or a comparison as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from chargehand import clock
from chargehand.testing.comparison import CaseComparison, Comparison
from chargehand.testing.evaluation import CaseReport, Evaluation, Money

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --dim: #666; }
@media (prefers-color-scheme: dark) { :root { --good: #57ab5a; --bad: #f47067; --dim: #999; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
del { background: #cf222e33; text-decoration: none; } ins { background: #1a7f3733; text-decoration: none; }
td.half { width: 38%; overflow-wrap: anywhere; white-space: pre-wrap; } th { white-space: nowrap; }
summary { cursor: pointer; } pre { overflow-x: auto; background: #8881; padding: .6rem; white-space: pre-wrap; }
"""


def evaluation_page(found: Evaluation) -> str:
    """The page of an evaluation."""
    total = len(found.cases)
    style = "good" if found.passed == total else "bad"
    rows = [
        (
            _mark(one.passed),
            f'<a href="#{_id(one)}">{escape(one.name)}</a><br><span class="dim">{escape(one.about)}</span>',
            escape(one.state),
            escape(", ".join(f"{count} {verdict}" for verdict, count in one.decisions.items())),
            "<br>".join(map(escape, one.approvals)),
            str(one.tokens) if one.model_calls else "—",
            escape(_cost(one)),
            f"{one.days:g} d" if one.days else "—",
            f"{one.seconds:.2f} s",
        )
        for one in sorted(found.cases, key=lambda one: one.passed)
    ]
    heads = ("", "Case", "State", "Decisions", "Approvals", "Tokens", "Cost", "Run's time", "Real time")
    body = [
        "<h1>Evaluation</h1>",
        f'<p><strong class="{style}">{found.passed} of {total} cases passed.</strong></p>',
        f'<p class="dim">{_used(found)}</p>',
        _table(heads, rows, numbers=(5, 6, 7, 8)),
        *(_case(one) for one in sorted(found.cases, key=lambda one: one.passed)),
    ]
    return _page("Evaluation", body)


def comparison_page(found: Comparison) -> str:
    """The page of a comparison."""
    rows = [
        (
            f'<a href="#case-{number}">{escape(one.name)}</a><br><span class="dim">{escape(one.about)}</span>',
            escape(one.old.state),
            escape(one.new.state),
            f'<span class="{"bad" if one.changes else "dim"}">{len(one.changes) or "none"}</span>',
        )
        for number, one in enumerate(found.cases)
    ]
    kinds = [(escape(what), str(len(cases)), escape(", ".join(cases))) for what, cases in found.kinds.items()]
    body = [
        f"<h1>{escape(found.old)} → {escape(found.new)}</h1>",
        f"<p><strong>{found.changed} of {len(found.cases)} cases are done differently.</strong></p>",
        f'<p class="dim">{_versions(found)} Effects were stubbed: nothing was done. {_when()}</p>',
        _table(("What differs", "Cases", "In"), kinds, numbers=(1,)) if kinds else "",
        "<h2>Cases</h2>",
        _table(("Case", "State before", "State after", "Differences"), rows, numbers=()),
        *(_compared(number, one) for number, one in enumerate(found.cases)),
    ]
    return _page(f"{found.old} → {found.new}", body)


def _case(one: CaseReport) -> str:
    calls = [
        (
            escape(call.tool),
            escape(call.step),
            escape(call.decision or "refused"),
            escape(", ".join(call.rules)),
            escape(call.outcome),
            f"<details><summary>arguments</summary>{_json(call.arguments)}</details>",
        )
        for call in one.calls
    ]
    problems = "".join(f'<li class="bad"><pre>{escape(text)}</pre></li>' for text in one.problems)
    return "".join(
        (
            f'<h2 id="{_id(one)}">{_mark(one.passed)} {escape(one.name)}</h2>',
            f'<p class="dim">{escape(one.agent)} {escape(one.version)}. {escape(one.about)}</p>',
            f"<ul>{problems}</ul>" if problems else "",
            f'<p class="bad">{escape(one.failure)}</p>' if one.failure else "",
            _table(("Tool", "Node", "Policy", "Rules", "Outcome", ""), calls, numbers=()),
            f"<details><summary>result</summary>{_json(one.result)}</details>",
            f'<p class="dim">Nodes: {escape(" → ".join(one.nodes))}</p>',
        )
    )


def _compared(number: int, one: CaseComparison) -> str:
    changes = [(escape(change.what), *_marked(change.was, change.now)) for change in one.changes]
    what = _table(("What", "Before", "After"), changes, halves=(1, 2)) if changes else '<p class="dim">The same.</p>'
    return f'<h2 id="case-{number}">{escape(one.name)}</h2><p class="dim">{escape(one.about)}</p>{what}'


def _marked(was: str, now: str) -> tuple[str, str]:
    """Both texts as HTML, with the words marked that only one has."""
    old, new = re.findall(r"\s+|[^\s]+", was), re.findall(r"\s+|[^\s]+", now)
    left: list[str] = []
    right: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = escape("".join(old[a:b])), escape("".join(new[c:d]))
        left.append(gone if kind == "equal" or not gone else f"<del>{gone}</del>")
        right.append(come if kind == "equal" or not come else f"<ins>{come}</ins>")
    return "".join(left) or _NOTHING, "".join(right) or _NOTHING


_NOTHING = '<span class="dim">nothing</span>'


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: tuple[int, ...] = (),
    halves: tuple[int, ...] = (),
) -> str:
    """Cells are HTML; heads are text."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if at in numbers else ' class=half' if at in halves else ''}>{cell}</td>"
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _page(title: str, body: Iterable[str]) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _used(found: Evaluation) -> str:
    tokens, seconds = sum(one.tokens for one in found.cases), sum(one.seconds for one in found.cases)
    policy = f" Policy {escape(found.policy[:_POLICY])}." if found.policy else ""
    cost = f", {escape(_money(found.cost))}" if tokens else ""
    return f"{tokens} tokens{cost}, {seconds:.1f} s.{policy} {_when()}"


def _money(cost: Money) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in cost.items()) or "no cost known"


def _cost(one: CaseReport) -> str:
    if not one.model_calls:
        return "—"
    return "unknown" if one.unpriced == one.model_calls else _money(one.cost)


def _versions(found: Comparison) -> str:
    agents: dict[str, tuple[str, str]] = {}
    for one in found.cases:
        agents.setdefault(one.new.agent, (one.old.version, one.new.version))
    said = [
        f"{escape(name)} {escape(was)} → {escape(now)}." if was != now else f"{escape(name)} {escape(was)} in both."
        for name, (was, now) in agents.items()
    ]
    policy = f" Policy {escape(found.policy[:_POLICY])}." if found.policy else ""
    return " ".join(said) + policy


def _when() -> str:
    return f"Played {clock.now():%Y-%m-%d %H:%M} UTC."


_POLICY = len("sha256:") + 12


def _mark(passed: bool) -> str:
    return '<span class="good">passed</span>' if passed else '<span class="bad">failed</span>'


def _id(one: CaseReport) -> str:
    return escape(f"case-{one.name}", quote=True)


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=2, default=str))}</pre>"
