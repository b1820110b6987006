"""An evaluation or a comparison as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

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
            str(one.tokens),
            escape(_money(one.cost)),
            f"{one.days:g} d",
            f"{one.seconds:.2f} s",
        )
        for one in found.cases
    ]
    heads = ("", "Case", "State", "Decisions", "Approvals", "Tokens", "Cost", "Run's time", "Real time")
    body = [
        "<h1>Evaluation</h1>",
        f'<p><strong class="{style}">{found.passed} of {total} cases passed.</strong></p>',
        f'<p class="dim">{_used(found)}</p>',
        _table(heads, rows, numbers=(5, 6, 7, 8)),
        *(_case(one) for one in found.cases),
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
    body = [
        f"<h1>{escape(found.old)} → {escape(found.new)}</h1>",
        f"<p><strong>{found.changed} of {len(found.cases)} cases are done differently.</strong></p>",
        '<p class="dim">Effects were stubbed: nothing was done.</p>',
        _table(("Case", found.old, found.new, "Differences"), rows, numbers=()),
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
    changes = "".join(f"<li>{escape(change.says)}</li>" for change in one.changes)
    what = f"<ul>{changes}</ul>" if changes else '<p class="dim">The same.</p>'
    return f'<h2 id="case-{number}">{escape(one.name)}</h2><p class="dim">{escape(one.about)}</p>{what}'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: tuple[int, ...]) -> str:
    """Cells are HTML; heads are text."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if at in numbers else ''}>{cell}</td>" for at, cell in enumerate(row))
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
    policy = f" Policy {escape(found.policy[:16])}." if found.policy else ""
    return f"{tokens} tokens, {escape(_money(found.cost))}, {seconds:.1f} s.{policy}"


def _money(cost: Money) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in cost.items()) or "no cost known"


def _mark(passed: bool) -> str:
    return '<span class="good">passed</span>' if passed else '<span class="bad">failed</span>'


def _id(one: CaseReport) -> str:
    return escape(f"case-{one.name}", quote=True)


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=2, default=str))}</pre>"
